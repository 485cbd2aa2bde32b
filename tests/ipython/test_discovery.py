from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.ipython import discovery


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    for name in ("JUPYTER_MCP_URL", "JUPYTER_MCP_TOKEN", "JPY_PARENT_PID", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def port() -> Iterator[int]:
    """A port that answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def write(runtime: Path, pid: int, **info: Any) -> Path:
    file = runtime / f"jpserver-{pid}.json"
    file.write_text(json.dumps({"pid": pid, "base_url": "/", **info}))
    return file


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://localhost:8888", "http://localhost:8888/mcp"),
        ("localhost:8888", "http://localhost:8888/mcp"),
        ("http://h/lab/tree/a%20b.ipynb?token=x", "http://h/mcp"),
        ("http://h/tree", "http://h/mcp"),
        ("http://h/mcp", "http://h/mcp"),
        ("http://h/base/mcp/", "http://h/base/mcp"),
        ("https://hub/user/ann/lab", "https://hub/user/ann/mcp"),
        ("https://hub/user/lab/lab/tree/x", "https://hub/user/lab/mcp"),
        ("http://h/base/?toolsets=all", "http://h/base/mcp?toolsets=all"),
    ],
)
def test_any_address_of_a_server_leads_to_its_endpoint(
    runtime: Path, url: str, endpoint: str
) -> None:
    assert runtime
    assert discovery.given(url).url == endpoint


def test_the_token_comes_from_the_url_or_the_environment(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runtime
    assert discovery.given("http://h/lab?token=x").token == "x"
    assert discovery.given("http://h/lab?token=x", "y").token == "y"
    monkeypatch.setenv("JUPYTER_MCP_TOKEN", "z")
    assert discovery.given("http://h/").token == "z"


def test_the_token_of_a_running_server_is_taken_from_its_file(runtime: Path, port: int) -> None:
    write(runtime, os.getpid(), url=f"http://127.0.0.1:{port}/", token="secret", root_dir="/x")
    assert discovery.given(f"http://localhost:{port}/").token == "secret"
    assert discovery.given(f"http://localhost:{port + 1}/").token == ""
    assert discovery.given(f"http://elsewhere:{port}/").token == ""


def test_a_kernel_finds_the_server_that_started_it(runtime: Path) -> None:
    write(runtime, 77, url="http://0.0.0.0:9/base/", base_url="/base/", token="t", root_dir="/r")
    found = discovery.of_kernel({"JPY_PARENT_PID": "77"})
    assert found
    assert (found.url, found.token, found.root) == ("http://127.0.0.1:9/base/mcp", "t", "/r")
    assert discovery.of_kernel({"JPY_PARENT_PID": "78"}) is None
    assert discovery.of_kernel({"JPY_PARENT_PID": "../77"}) is None
    assert discovery.of_kernel({}) is None


def test_the_order_is_environment_hub_parent(runtime: Path) -> None:
    write(runtime, 77, url="http://parent:1/", token="p")
    everything = {
        "JUPYTER_MCP_URL": "http://told:2/",
        "JUPYTER_MCP_TOKEN": "e",
        "JUPYTERHUB_API_TOKEN": "h",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:3/user/ann/",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ann/",
        "JPY_PARENT_PID": "77",
    }
    found = []
    for taken in ("JUPYTER_MCP_URL", "JUPYTERHUB_API_TOKEN", "JPY_PARENT_PID"):
        server = discovery.of_kernel(everything)
        assert server
        found.append((server.url, server.token))
        del everything[taken]
    assert found == [
        ("http://told:2/mcp", "e"),
        ("http://127.0.0.1:3/user/ann/mcp", "h"),
        ("http://parent:1/mcp", "p"),
    ]
    assert discovery.of_kernel(everything) is None


def test_a_folder_takes_the_newest_server_around_it(
    runtime: Path, port: int, tmp_path: Path
) -> None:
    here = tmp_path / "project" / "sub"
    here.mkdir(parents=True)
    address = f"http://127.0.0.1:{port}"
    own, parent = os.getpid(), os.getppid()
    old = write(runtime, own, url=f"{address}/a/", base_url="/a/", root_dir=str(tmp_path))
    new = write(runtime, parent, url=f"{address}/b/", base_url="/b/", root_dir=str(here.parent))
    os.utime(old, (1, 1))
    os.utime(new, (2, 2))

    def taken(folder: Path) -> str:
        server = discovery.of_folder(folder)
        return server.url if server else ""

    assert taken(here) == f"{address}/b/mcp"
    assert taken(tmp_path) == f"{address}/a/mcp"
    assert taken(Path("/")) == f"{address}/b/mcp"
    os.utime(old, (3, 3))
    assert taken(here) == f"{address}/a/mcp"


def test_dead_servers_and_bad_files_are_passed_over(runtime: Path, port: int) -> None:
    write(runtime, 2**22 + 1, url=f"http://127.0.0.1:{port}/")
    (runtime / "jpserver-1.json").write_text("not json")
    (runtime / "jpserver-2.json").write_text("[]")
    (runtime / "jpserver-3.json").write_text('{"url": 3}')
    with socket.create_server(("127.0.0.1", 0)) as closed:
        silent = closed.getsockname()[1]
    write(runtime, os.getpid(), url=f"http://127.0.0.1:{silent}/")
    assert discovery.running_servers() == []


def test_a_server_does_not_show_its_token() -> None:
    assert "secret" not in repr(discovery.Server("http://h/mcp", "secret"))


def test_the_addresses_of_a_server() -> None:
    server = discovery.Server("https://h/base/mcp").with_toolsets("search,jobs")
    assert server.url == "https://h/base/mcp?toolsets=search,jobs"
    assert server.base_url == "https://h/base/"
    assert server.websocket_url == "wss://h/base/mcp/ws?toolsets=search,jobs"
