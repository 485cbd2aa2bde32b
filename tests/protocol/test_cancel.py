"""Cancel means cancelled, and in each revision by its own means."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from support.clients import MODERN, connected, modern_request
from support.server import JupyterServer, wait_until


async def was_cancelled(server: JupyterServer, mark: str) -> bool:
    """Return once the waiting tool was cancelled."""
    async with connected(server) as client:
        result = await client.call_tool("probe_was_cancelled", {"mark": mark})
    return result.structured_content == {"result": True}


async def test_closing_the_stream_cancels_in_the_modern_era(probed: JupyterServer) -> None:
    body, headers = modern_request("tools/call", {"name": "probe_wait", "arguments": {"mark": "m"}})
    connection = http.client.HTTPConnection("127.0.0.1", probed.port, timeout=10)
    path = f"{probed.base_url}mcp?toolsets=all"
    all_headers = {**headers, **probed.headers, "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), all_headers)
    async with connected(probed) as client:
        assert (await client.call_tool("probe_began", {"mark": "m"})).structured_content
    connection.close()
    assert await was_cancelled(probed, "m")


@pytest.mark.parametrize("era", [MODERN, "legacy"])
async def test_client_that_stops_waiting_cancels(probed: JupyterServer, era: str) -> None:
    mark = f"client {era}"
    async with connected(probed, era) as client, connected(probed) as other:
        waiting = asyncio.create_task(client.call_tool("probe_wait", {"mark": mark}))
        await other.call_tool("probe_began", {"mark": mark})
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await was_cancelled(probed, mark)
        assert (await client.call_tool("probe_echo", {"text": "still here"})).structured_content


async def test_closing_the_http_api_cancels(probed: JupyterServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", probed.port, timeout=10)
    path = f"{probed.base_url}jupyter_mcp/api/tools/probe_wait?toolsets=all"
    headers = {**probed.headers, "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps({"mark": "api"}), headers)
    async with connected(probed) as client:
        await client.call_tool("probe_began", {"mark": "api"})
    connection.close()
    assert await was_cancelled(probed, "api")


@pytest.mark.parametrize("era", [MODERN, "legacy"])
async def test_cancelled_by_somebody_else_is_told(probed: JupyterServer, era: str) -> None:
    mark = f"else {era}"
    async with connected(probed, era) as client, connected(probed) as other:
        waiting = asyncio.create_task(client.call_tool("probe_wait", {"mark": mark}))
        await other.call_tool("probe_began", {"mark": mark})
        await asyncio.to_thread(cancel_from_outside, probed)
        result = await asyncio.wait_for(waiting, 30)
        assert result.is_error
        assert result.structured_content is not None
        assert result.structured_content["error"]["code"] == "cancelled"


def cancel_from_outside(server: JupyterServer) -> None:
    """Cancel what waits, as the panel's button does; a call of another test may end just now."""
    status = server.request("GET", "jupyter_mcp/api/status").json()
    waiting = [call["id"] for call in status["calls"]["running"] if call["name"] == "probe_wait"]
    paths = [f"jupyter_mcp/api/calls/{call}/cancel" for call in waiting]
    assert 200 in {server.request("POST", path, {}).status for path in paths}


async def test_quiet_call_is_kept_alive(probed: JupyterServer) -> None:
    """After 15 s of silence the answer becomes a stream with comments, which proxies leave open."""
    body, headers = modern_request("tools/call", {"name": "probe_wait", "arguments": {"mark": "q"}})
    lines = [f"POST {probed.base_url}mcp?toolsets=all HTTP/1.1", f"Host: 127.0.0.1:{probed.port}"]
    content = json.dumps(body).encode()
    sent: dict[str, Any] = {**headers, **probed.headers, "Content-Type": "application/json"}
    sent["Content-Length"] = len(content)
    lines += [f"{name}: {value}" for name, value in sent.items()]
    reader, writer = await asyncio.open_connection("127.0.0.1", probed.port)
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        comment = await reader.readuntil(b"\n\n")
    assert b"text/event-stream" in head
    assert b"x-accel-buffering: no" in head.lower()
    assert b": still working" in comment
    writer.close()
    await writer.wait_closed()
    assert await was_cancelled(probed, "q")


async def test_client_that_does_not_read_holds_up_nothing(probed: JupyterServer) -> None:
    arguments = {"count": 2000, "size": 20_000}
    meta = {"progressToken": "t"}
    params = {"name": "probe_flood", "arguments": arguments, "_meta": meta}
    body, headers = modern_request("tools/call", params)
    reader, writer = await asyncio.open_connection("127.0.0.1", probed.port, limit=1024)
    content = json.dumps(body).encode()
    sent: dict[str, Any] = {**headers, **probed.headers, "Content-Type": "application/json"}
    sent |= {"Host": f"127.0.0.1:{probed.port}", "Content-Length": len(content)}
    lines = [f"POST {probed.base_url}mcp?toolsets=all HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in sent.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    def ended() -> bool:
        calls = probed.request("GET", "jupyter_mcp/api/status").json()["calls"]
        return any(call["name"] == "probe_flood" for call in calls["recent"])

    await asyncio.to_thread(wait_until, ended, seconds=60, what="the call has ended")
    writer.transport.abort()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    del reader


async def test_ended_session_cancels_what_it_began(probed: JupyterServer) -> None:
    async with connected(probed) as other:
        async with connected(probed, "legacy") as client:
            waiting = asyncio.create_task(_swallowed(client, "session"))
            await other.call_tool("probe_began", {"mark": "session"})
        assert await was_cancelled(probed, "session")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _swallowed(client: Client, mark: str) -> None:
    try:
        await client.call_tool("probe_wait", {"mark": mark})
    except MCPError:
        return
