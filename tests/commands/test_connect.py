from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult

from support.commands import command
from support.plugins import plugin_environment
from support.server import JupyterServer

ERAS = ("auto", "legacy")


@asynccontextmanager
async def bridged(
    server: JupyterServer, mode: str, *words: str, **options: Any
) -> AsyncIterator[Client]:
    """Connect the SDK's client through the bridge, as a desktop application does."""
    start = command("connect", "--toolsets=all", *words)
    parameters = StdioServerParameters(
        command=start[0], args=start[1:], env=server.environment, cwd=server.root
    )
    async with Client(parameters, mode=mode, cache=None, **options) as client:
        yield client


@pytest.fixture
def restarting(tmp_path: Path) -> Iterator[JupyterServer]:
    """A server of this test alone, to stop and start."""
    environment = plugin_environment(tmp_path, probe="support.probe:Probe")
    with JupyterServer(tmp_path, collaboration=False, env=environment) as running:
        yield running


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_on_stdio_lists_and_calls(probed: JupyterServer, mode: str) -> None:
    async with bridged(probed, mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"probe_echo", "job_get"} <= names
        result = await client.call_tool("probe_echo", {"text": "ü\nline"})
        assert result.content[0].text == "ü\nline"  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_and_questions_pass_through(probed: JupyterServer, mode: str) -> None:
    steps: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        del total, message
        steps.append(done)

    async def answer(context: Any, params: Any) -> ElicitResult:
        del context, params
        return ElicitResult(action="accept", content={"name": "Ada"})

    async with bridged(probed, mode, elicitation_callback=answer) as client:
        await client.call_tool("probe_count", {"steps": 3}, progress_callback=progress)
        asked = await client.call_tool("probe_ask", {"mark": f"bridge {mode}"})
    assert steps == [1, 2, 3]
    assert asked.content[0].text.startswith("accept Ada")  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ERAS)
async def test_cancelling_reaches_the_server(probed: JupyterServer, mode: str) -> None:
    mark = f"bridge {mode}"
    async with bridged(probed, mode) as client:
        running = asyncio.create_task(client.call_tool("probe_wait", {"mark": mark}))
        await client.call_tool("probe_began", {"mark": mark})
        running.cancel()
        result = await client.call_tool("probe_was_cancelled", {"mark": mark})
    assert not result.is_error


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_leaves_cancels_its_calls(probed: JupyterServer, mode: str) -> None:
    mark = f"left {mode}"
    async with bridged(probed, mode) as watcher:
        async with bridged(probed, mode) as client:
            running = asyncio.create_task(client.call_tool("probe_wait", {"mark": mark}))
            await watcher.call_tool("probe_began", {"mark": mark})
        await asyncio.gather(running, return_exceptions=True)
        assert not (await watcher.call_tool("probe_was_cancelled", {"mark": mark})).is_error


@pytest.mark.parametrize("mode", ERAS)
async def test_the_bridge_survives_a_restart(restarting: JupyterServer, mode: str) -> None:
    async with bridged(restarting, mode) as client:
        await client.call_tool("probe_echo", {"text": "before"})
        running = asyncio.create_task(client.call_tool("probe_wait", {"mark": "x"}))
        await client.call_tool("probe_began", {"mark": "x"})
        await asyncio.to_thread(restarting.kill)
        with pytest.raises(MCPError, match="went away while this ran"):
            await running
        waiting = asyncio.create_task(client.call_tool("probe_echo", {"text": "after"}))
        restarting.port, restarting.token = 0, "another token"
        await asyncio.to_thread(restarting.start)
        result = await waiting
    assert result.content[0].text == "after"  # type: ignore[union-attr]


INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})


def talk(server: JupyterServer, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Write `text` to the bridge, close its stdin and return what came."""
    return subprocess.run(
        command("connect", *words),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        env=server.environment,
        check=True,
    )


def test_without_a_server_requests_are_answered(tmp_path: Path) -> None:
    done = talk(JupyterServer(tmp_path), INITIALIZE, "--patience=0")
    assert json.loads(done.stdout)["error"]["message"].startswith(
        "No running Jupyter server was found. Start one"
    )


def test_a_wrong_token_is_told(probed: JupyterServer) -> None:
    words = ("--url", probed.url, "--token", "wrong", "--patience=0")
    done = talk(probed, INITIALIZE + "\n", *words)
    assert "refused the token" in json.loads(done.stdout)["error"]["message"]
    assert "refused the token" in done.stderr
    assert "wrong" not in done.stdout + done.stderr


def test_bad_lines_are_answered_and_the_bridge_goes_on(probed: JupyterServer) -> None:
    lines = ["not json", "[]", json.dumps({"jsonrpc": "2.0", "id": 7, "method": "nope"})]
    done = talk(probed, "\n".join(lines))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["error"]["code"] for a in answers[:2]] == [-32700, -32600]
    assert answers[2]["id"] == 7
    assert "error" in answers[2]
