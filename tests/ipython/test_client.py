from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp import AsyncClient, Client, ToolError
from jupyter_mcp.storage import Storage
from support.plugins import plugin_environment
from support.server import JupyterServer
from support.workers import state_of

MODES = ("auto", "legacy")


def client_of(server: JupyterServer, **options: Any) -> Client:
    return Client(server.url, server.token, toolsets="all", **options)


@pytest.mark.parametrize("mode", MODES)
def test_tools_and_calls(probed: JupyterServer, mode: str) -> None:
    with client_of(probed, mode=mode) as client:
        assert client.place == probed.url
        assert "probe_add" in {tool.name for tool in client.tools()}
        assert [tool.name for tool in client.tools("add two")] == ["probe_add"]
        result = client.call("probe_add", a=1, b=2)
        assert (result["result"], result.is_error, result.tool) == (3, False, "probe_add")
        assert 0 < result.seconds < 10


async def test_the_async_client_lives_in_the_loop_of_its_user(probed: JupyterServer) -> None:
    before = threading.active_count()
    async with AsyncClient(probed.url, probed.token, toolsets="all") as client:
        results = await asyncio.gather(*(client.call("probe_echo", text=str(n)) for n in range(20)))
        assert [result.text for result in results] == [str(n) for n in range(20)]
    assert not [t for t in threading.enumerate() if t.name == "jupyter-mcp-client"]
    assert threading.active_count() <= before + 2  # the loop's own executor may stay


def test_the_plain_client_works_inside_a_running_loop(probed: JupyterServer) -> None:
    async def cell() -> str:
        with client_of(probed) as client:
            return client.call("probe_echo", text="inside").text

    assert asyncio.run(cell()) == "inside"


def test_closing_ends_the_thread(probed: JupyterServer) -> None:
    client = client_of(probed)
    client.tools()
    client.close()
    client.close()
    assert not [t for t in threading.enumerate() if "jupyter-mcp" in t.name]
    with pytest.raises(ToolError, match="was closed"):
        client.call("probe_echo", text="x")


def test_a_forgotten_client_ends_its_thread(probed: JupyterServer) -> None:
    client_of(probed).tools()
    assert not [t for t in threading.enumerate() if "jupyter-mcp" in t.name]


@pytest.mark.parametrize("mode", MODES)
def test_errors_carry_code_and_remedy(probed: JupyterServer, mode: str) -> None:
    with client_of(probed, mode=mode) as client:
        with pytest.raises(ToolError) as caught:
            client.call("probe_fail", kind="told")
        assert (caught.value.code, caught.value.remedy) == ("conflict", "Read it again.")
        with pytest.raises(ToolError) as caught:
            client.call("probe_fail", kind="other")
        assert caught.value.code == "internal"
        with pytest.raises(ToolError) as caught:
            client.call("no_such_tool")
        assert caught.value.code == "not_found"
        with pytest.raises(ToolError) as caught:
            client.call("probe_add", a="x", b=1)
        assert caught.value.code == "invalid_arguments"


def test_a_wrong_token_and_a_silent_server_are_told(probed: JupyterServer) -> None:
    with pytest.raises(ToolError) as caught, Client(probed.url, "wrong"):
        pass
    assert caught.value.code == "unauthorized"
    with pytest.raises(ToolError) as caught, Client("http://127.0.0.1:1/", "x"):
        pass
    assert caught.value.code == "unavailable"
    assert "Is the Jupyter server running?" in str(caught.value)
    with pytest.raises(ToolError) as caught, Client(f"{probed.url}elsewhere/", probed.token):
        pass
    assert "has no MCP endpoint" in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_progress_comes_to_the_calling_thread(probed: JupyterServer, mode: str) -> None:
    told: list[tuple[float, float | None, str, str]] = []

    def progress(done: float, total: float | None, message: str) -> None:
        told.append((done, total, message, threading.current_thread().name))

    with client_of(probed, mode=mode, on_progress=progress) as client:
        client.call("probe_count", steps=3)
    assert told == [(n, 3, f"step {n}", "MainThread") for n in (1, 2, 3)]


@pytest.mark.parametrize("mode", MODES)
def test_questions_come_to_the_calling_thread(probed: JupyterServer, mode: str) -> None:
    def ask(params: Mapping[str, Any]) -> Mapping[str, Any]:
        assert params["message"] == "What is your name?"
        name = threading.current_thread().name
        return {"action": "accept", "content": {"name": name}}

    with client_of(probed, mode=mode, on_ask=ask) as client:
        mark = f"client {mode}"
        assert client.call("probe_ask", mark=mark).text == "accept MainThread, run 1"


def test_without_somebody_to_ask_the_tool_is_told(probed: JupyterServer) -> None:
    with client_of(probed) as client, pytest.raises(ToolError):
        client.call("probe_ask", mark="silent")


@pytest.mark.parametrize("mode", MODES)
async def test_cancelling_a_call_cancels_it_on_the_server(probed: JupyterServer, mode: str) -> None:
    mark = f"async {mode}"
    async with AsyncClient(probed.url, probed.token, toolsets="all", mode=mode) as client:
        call = asyncio.create_task(client.call("probe_wait", mark=mark))
        await client.call("probe_began", mark=mark)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not (await client.call("probe_was_cancelled", mark=mark)).is_error


@pytest.mark.parametrize("mode", MODES)
def test_a_restarted_server_is_found_again(tmp_path: Path, mode: str) -> None:
    environment = plugin_environment(tmp_path, probe="support.probe:Probe")
    server = JupyterServer(tmp_path, collaboration=False, env=environment)
    server.start()
    try:
        with client_of(server, mode=mode) as client:
            client.call("probe_echo", text="before")
            server.kill()
            with pytest.raises(ToolError) as caught:
                client.call("probe_echo", text="lost")
            assert caught.value.code == "unavailable"
            server.start()
            assert client.call("probe_echo", text="after").text == "after"
    finally:
        server.stop()


def test_a_tool_may_have_any_argument_name(probed: JupyterServer) -> None:
    with client_of(probed) as client, pytest.raises(ToolError) as caught:
        client.call("probe_echo", tool="x", self="y")
    assert caught.value.code == "invalid_arguments"


def test_a_token_is_for_a_server_and_not_for_this_process() -> None:
    with pytest.raises(ToolError) as refused, Client(token="given", find=lambda: None) as client:
        client.tools()
    assert refused.value.code == "unavailable"


async def test_a_server_that_cannot_start_says_why_to_its_clients(tmp_path: Path) -> None:
    server = JupyterServer(tmp_path, collaboration=False)
    state = state_of(server)
    storage = Storage(state)
    await storage.run(
        lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    )
    storage.stop()

    def ask() -> None:
        told = r"newer version .* Update jupyter-mcp-workbench"
        with server:
            for _ in range(2):
                with pytest.raises(ToolError, match=told), client_of(server) as client:
                    client.tools()

    await asyncio.to_thread(ask)
    assert server.log.count("cannot start: The database was written by a newer version") == 1
    assert "Traceback" not in server.log
