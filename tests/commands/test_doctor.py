from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.commands import checks_packages
from support.commands import run
from support.engine import Engine
from support.plugins import plugin_environment
from support.server import JupyterServer


def examined(
    server: JupyterServer, *words: str, env: Mapping[str, str] | None = None
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the doctor's exit code and its findings by name."""
    done = run(server, "doctor", "--json", *words, env=env)
    answer = json.loads(done.stdout)
    assert answer["ok"] is (done.returncode == 0)
    for check in answer["checks"]:
        assert check["status"] in {"ok", "warn", "fail"}
        assert (check["remedy"] == "") is (check["status"] == "ok"), check
        assert "\n" not in check["message"] + check["remedy"]
    return done.returncode, {check["name"]: check for check in answer["checks"]}


@pytest.fixture
def nobody(tmp_path: Path) -> JupyterServer:
    """An account without a running server."""
    account = JupyterServer(tmp_path)
    account.root.mkdir()
    return account


def installed(folder: Path, name: str, version: str) -> dict[str, str]:
    """Pretend that a distribution is installed; return what makes Python see it."""
    info = folder / "site" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return {"PYTHONPATH": str(info.parent)}


def test_a_good_environment_with_a_running_server(probed: JupyterServer) -> None:
    code, found = examined(probed)
    assert code == 0, found
    for name in (
        "python",
        "import name",
        "package",
        "requirements",
        "extra lab",
        "extra collaboration",
        "extension",
        "kernels",
        "state",
        "server",
        "MCP 2026-07-28",
        "MCP 2025-11-25",
        "WebSocket",
        "token",
    ):
        assert found[name]["status"] == "ok", found[name]
    assert probed.url in found["server"]["message"]


def test_levels_of_sandboxes_are_told_and_why_not_the_others(tmp_path: Path) -> None:
    options = {"docker_url": f"unix://{tmp_path}/none.sock", "sandbox_min_isolation": "process"}
    with JupyterServer(tmp_path, collaboration=False, config={"JupyterMCP": options}) as running:
        _code, found = examined(running)
    assert found["sandboxes"]["status"] == "ok"
    assert "process" in found["sandboxes"]["message"]
    assert "not container: " in found["sandboxes"]["message"]


def test_a_server_that_can_make_no_sandbox_warns(tmp_path: Path) -> None:
    options = {"docker_url": f"unix://{tmp_path}/none.sock", "sandbox_min_isolation": "container"}
    with JupyterServer(tmp_path, collaboration=False, config={"JupyterMCP": options}) as running:
        code, found = examined(running)
    assert code == 0
    assert found["sandboxes"]["status"] == "warn"
    assert "container: " in found["sandboxes"]["message"]


def test_a_missing_image_is_told_with_the_command(engine: Engine, tmp_path: Path) -> None:
    options = {"docker_url": engine.url, "sandbox_image": "jupyter-mcp/none"}
    with JupyterServer(tmp_path, collaboration=False, config={"JupyterMCP": options}) as running:
        _code, found = examined(running)
    assert found["sandboxes"]["status"] == "warn"
    assert found["sandboxes"]["remedy"] == "Build it: jupyter mcp image build none"


def test_for_people_each_finding_is_a_line_with_its_remedy(nobody: JupyterServer) -> None:
    told = run(nobody, "doctor").stdout
    assert "ok   python" in told
    assert "warn server" in told
    assert "→ Start one: jupyter lab" in told


def test_a_wrong_token_fails(probed: JupyterServer) -> None:
    code, found = examined(probed, "--url", probed.url, "--token", "wrong")
    assert code == 1
    for name in ("MCP 2026-07-28", "MCP 2025-11-25", "WebSocket"):
        assert "refused the token" in found[name]["message"]


def test_a_server_without_a_token_is_a_warning(tmp_path: Path) -> None:
    args = ("--IdentityProvider.token=",)
    with JupyterServer(tmp_path, collaboration=False, args=args) as open_to_all:
        _code, found = examined(open_to_all)
    assert found["token"]["status"] == "warn"


def test_a_server_without_the_extension_fails(tmp_path: Path) -> None:
    config = {"ServerApp": {"jpserver_extensions": {"jupyter_mcp": False}}}
    with JupyterServer(tmp_path, collaboration=False, config=config) as without:
        code, found = examined(without)
    assert code == 1
    assert found["extension"]["status"] == "fail"
    assert found["extension"]["remedy"] == "jupyter server extension enable jupyter_mcp"
    assert "has no MCP endpoint" in found["MCP 2026-07-28"]["message"]


def test_an_alien_distribution_of_our_name_fails(nobody: JupyterServer, tmp_path: Path) -> None:
    code, found = examined(nobody, env=installed(tmp_path, "jupyter_mcp", "0.0.1"))
    assert code == 1
    assert "jupyter_mcp 0.0.1 also owns" in found["import name"]["message"]
    assert "pip uninstall jupyter-mcp" in found["import name"]["remedy"]


def test_a_version_out_of_bounds_fails(nobody: JupyterServer, tmp_path: Path) -> None:
    code, found = examined(nobody, env=installed(tmp_path, "nbformat", "4.0"))
    assert code == 1
    assert found["requirement"]["message"].startswith("nbformat 4.0 does not fit")
    assert found["requirement"]["remedy"].startswith("pip install 'nbformat")


def test_an_optional_part_that_does_not_fit_warns(nobody: JupyterServer, tmp_path: Path) -> None:
    _code, found = examined(nobody, env=installed(tmp_path, "pycrdt", "0.1"))
    assert found["extra collaboration"]["status"] == "warn"
    assert "pycrdt 0.1 does not fit" in found["extra collaboration"]["message"]
    assert found["extra collaboration"]["remedy"] == (
        "pip install 'jupyter-mcp-workbench[collaboration]'"
    )


def test_a_broken_plugin_fails(nobody: JupyterServer, tmp_path: Path) -> None:
    env = plugin_environment(tmp_path, broken="no_such_module:Toolset")
    code, found = examined(nobody, env=env)
    assert code == 1
    assert found["toolset broken"]["message"].startswith("test-plugin's cannot be loaded")
    assert "no_such_module" in found["toolset broken"]["message"]


def test_the_missing_panel_warns(nobody: JupyterServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_mcp.commands import checks_jupyter

    monkeypatch.setattr(checks_jupyter, "jupyter_path", lambda *_: [str(nobody.home)])
    found = checks_jupyter.panel()
    assert found.status == "warn"
    assert "not built" in found.message


def test_a_kernel_whose_program_is_gone_warns(nobody: JupyterServer) -> None:
    spec = nobody.home / "data" / "kernels" / "gone"
    spec.mkdir(parents=True)
    argv = {"argv": ["/no/such/python", "{connection_file}"], "display_name": "Gone"}
    (spec / "kernel.json").write_text(json.dumps({**argv, "language": "python"}))
    _code, found = examined(nobody)
    assert found["kernels"]["status"] == "warn"
    assert found["kernels"]["remedy"] == "jupyter kernelspec remove gone"


def test_only_one_line_says_whether_workflows_can_run() -> None:
    told = checks_packages.sqlite()
    assert told.status == "ok"
    assert "workflows" not in told.message


def test_code_without_its_distribution_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_packages, "DISTRIBUTION", "no-such-distribution")
    (found,) = checks_packages.requirements()
    assert found.status == "fail"
