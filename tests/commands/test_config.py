from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_mcp.commands.config import CLIENTS
from support.commands import run
from support.server import JupyterServer


@pytest.mark.parametrize("name", CLIENTS)
def test_configuration_is_json_without_the_token(probed: JupyterServer, name: str) -> None:
    done = run(probed, "config", name)
    assert done.returncode == 0, done.stderr
    ((_key, servers),) = json.loads(done.stdout).items()
    entry = servers["jupyter"]
    assert probed.token not in done.stdout + done.stderr
    assert CLIENTS[name].file in done.stderr
    if name == "claude-desktop":
        assert entry["args"] == ["connect"]
        assert Path(entry["command"]).is_file()
    else:
        assert probed.mcp_url in (entry.get("url"), entry.get("httpUrl"))
        assert "JUPYTER_MCP_TOKEN" in entry["headers"]["Authorization"]


def test_the_token_is_shown_when_asked(probed: JupyterServer) -> None:
    done = run(probed, "config", "cursor", "--show-token")
    header = json.loads(done.stdout)["mcpServers"]["jupyter"]["headers"]["Authorization"]
    assert header == f"Bearer {probed.token}"


def test_toolsets_and_the_bridge(probed: JupyterServer) -> None:
    done = run(probed, "config", "vscode", "--toolsets=all")
    assert json.loads(done.stdout)["servers"]["jupyter"]["url"].endswith("/mcp?toolsets=all")
    done = run(probed, "config", "vscode", "--stdio", "--toolsets=all")
    entry = json.loads(done.stdout)["servers"]["jupyter"]
    assert entry["type"] == "stdio"
    assert entry["args"] == ["connect", "--toolsets", "all"]


def test_unknown_clients_are_told(probed: JupyterServer) -> None:
    done = run(probed, "config", "emacs")
    assert done.returncode == 1
    assert "There is no client 'emacs'. Choose from: claude-code" in done.stderr


def test_without_a_server_the_default_address_is_taken(tmp_path: Path) -> None:
    nobody = JupyterServer(tmp_path)
    nobody.root.mkdir()
    done = run(nobody, "config", "cursor")
    url = json.loads(done.stdout)["mcpServers"]["jupyter"]["url"]
    assert url == "http://localhost:8888/mcp"
    assert "No running server was found" in done.stderr
