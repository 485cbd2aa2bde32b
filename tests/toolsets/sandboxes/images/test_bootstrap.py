from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.bootstrap import Bootstrap, certificates
from jupyter_mcp.toolsets.sandboxes.images.building import proxies
from jupyter_mcp.toolsets.sandboxes.images.recipes import packages, recipe
from support.engine import need_docker


def test_without_mmdebstrap_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(ToolError, match="apt-get install mmdebstrap"),
        Bootstrap(packages(recipe("base").text), print),
    ):
        pass


def test_what_is_ended_leaves_no_process_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_docker()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    began = threading.Event()
    with Bootstrap(packages(recipe("base").text), lambda line: line and began.set()) as bootstrap:
        assert began.wait(30)
        assert list(tmp_path.iterdir())
        bootstrap.end()
        with pytest.raises(ToolError, match="could not make the base image"):
            list(bootstrap)
    assert not list(tmp_path.iterdir())
    assert not [each for each in _commands() if str(tmp_path) in each]


def test_the_hosts_certificates_are_those_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_bytes(b"trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert certificates() == b"trusted"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    assert certificates() is None


def test_the_password_of_a_proxy_is_not_told_to_a_dockerfile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:secret@proxy.test:3128")
    assert proxies() == {"HTTP_PROXY": "http://proxy.test:3128"}


def _commands() -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.append(Path(f"/proc/{pid}/environ").read_text(errors="replace"))
        except OSError:
            continue
    return [each for each in found if "pytest" not in each]
