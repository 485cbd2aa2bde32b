"""The Inspector's command line, a client that is none of ours, lists and calls in both eras."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.server import JupyterServer

NODE = Path(sys.prefix) / "bin" / "node"
INSPECTOR = (
    Path(__file__).parents[1]
    / "node/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
)

pytestmark = pytest.mark.skipif(
    not (NODE.exists() and INSPECTOR.exists()), reason="needs Node.js packages: make conformance"
)


def inspect(server: JupyterServer, folder: Path, era: str, *options: str) -> Any:
    """Run the Inspector and return the JSON that it prints."""
    command = [
        str(NODE),
        str(INSPECTOR),
        "--cli",
        f"{server.mcp_url}?toolsets=all",
        "--transport",
        "http",
        "--header",
        f"Authorization: Bearer {server.token}",
        "--protocol-era",
        era,
        *options,
    ]
    environment = {**server.environment, "HOME": str(folder)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
def test_lists_strictly(probed: JupyterServer, tmp_path: Path, era: str) -> None:
    listed = inspect(probed, tmp_path, era, "--method", "tools/list", "--strict")
    assert "probe_echo" in {tool["name"] for tool in listed["tools"]}


@pytest.mark.parametrize("era", ["modern", "legacy", "auto"])
def test_calls(probed: JupyterServer, tmp_path: Path, era: str) -> None:
    options = ("--tool-name", "probe_add", "--tool-arg", "a=2", "--tool-arg", "b=3")
    called = inspect(probed, tmp_path, era, "--method", "tools/call", *options)
    assert called["structuredContent"] == {"result": 5}
