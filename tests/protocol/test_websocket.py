"""MCP over the WebSocket, both eras, with frames as a browser would send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from support.clients import META, connected
from support.server import JupyterServer


@asynccontextmanager
async def socket_of(
    server: JupyterServer, path: str = "mcp/ws?toolsets=all", **headers: str
) -> AsyncIterator[WebSocketClientConnection]:
    """Open a WebSocket below the base URL."""
    url = f"{server.url}{path}".replace("http://", "ws://")
    request = HTTPRequest(url, headers={**server.headers, **headers})
    connection = await websocket_connect(request, subprotocols=["mcp"])
    try:
        yield connection
    finally:
        connection.close()
        async with asyncio.timeout(30):
            while await connection.read_message() is not None:
                continue


async def ask(
    connection: WebSocketClientConnection, method: str, number: int, params: dict[str, Any]
) -> dict[str, Any]:
    """Send a request and return its answer, past any notifications."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    await connection.write_message(json.dumps(message))
    async with asyncio.timeout(30):
        while True:
            frame = await connection.read_message()
            assert frame is not None
            found: dict[str, Any] = json.loads(frame)
            if found.get("id") == number:
                return found


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """Return the parameters of a call of 2026-07-28."""
    return {"name": name, "arguments": arguments, "_meta": META}


async def test_modern_call(probed: JupyterServer) -> None:
    async with socket_of(probed) as connection:
        assert connection.selected_subprotocol == "mcp"
        answer = await ask(connection, "tools/call", 1, call("probe_add", a=1, b=2))
    assert answer["result"]["structuredContent"] == {"result": 3}


async def test_legacy_handshake_and_call(probed: JupyterServer) -> None:
    async with socket_of(probed) as connection:
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "page", "version": "1"},
        }
        greeted = await ask(connection, "initialize", 1, hello)
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await connection.write_message(json.dumps(ready))
        params = {"name": "probe_who", "arguments": {}}
        answer = await ask(connection, "tools/call", 2, params)
    assert greeted["result"]["protocolVersion"] == "2025-11-25"
    assert answer["result"]["structuredContent"]["client"] == "page 1"


async def test_questions_go_by_round_trips(probed: JupyterServer) -> None:
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params = {**call("probe_ask", mark="socket"), "_meta": meta}
    async with socket_of(probed) as connection:
        asked = (await ask(connection, "tools/call", 1, params))["result"]
        answer = {"answer": {"action": "accept", "content": {"name": "Ada"}}}
        more = {"requestState": asked["requestState"], "inputResponses": answer}
        done = (await ask(connection, "tools/call", 2, params | more))["result"]
    assert done["structuredContent"] == {"result": "accept Ada, run 1"}


@pytest.mark.parametrize(
    ("frame", "code"), [("{", -32700), ("[]", -32600), ('{"jsonrpc": "2.0"}', -32600)]
)
async def test_nonsense_is_refused_and_the_connection_goes_on(
    probed: JupyterServer, frame: str, code: int
) -> None:
    async with socket_of(probed) as connection, asyncio.timeout(30):
        await connection.write_message(frame)
        refused = json.loads(str(await connection.read_message()))
        answer = await ask(connection, "tools/call", 1, call("probe_echo", text="on"))
    assert refused["error"]["code"] == code
    assert answer["result"]["structuredContent"] == {"result": "on"}


async def test_notification_cancels(probed: JupyterServer) -> None:
    async with socket_of(probed) as connection, connected(probed) as other:
        message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}
        params = call("probe_wait", mark="frame")
        await connection.write_message(json.dumps({**message, "params": params}))
        await other.call_tool("probe_began", {"mark": "frame"})
        cancel = {"requestId": 7}
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel}
        await connection.write_message(json.dumps(note))
        result = await other.call_tool("probe_was_cancelled", {"mark": "frame"})
    assert result.structured_content == {"result": True}


async def test_closing_cancels(probed: JupyterServer) -> None:
    async with connected(probed) as other:
        async with socket_of(probed) as connection:
            message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}
            params = call("probe_wait", mark="closed")
            await connection.write_message(json.dumps({**message, "params": params}))
            await other.call_tool("probe_began", {"mark": "closed"})
        result = await other.call_tool("probe_was_cancelled", {"mark": "closed"})
    assert result.structured_content == {"result": True}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Origin": "https://evil.test"}, 403),
        ({"Host": "evil.test"}, 403),
    ],
)
async def test_door(probed: JupyterServer, headers: dict[str, str], status: int) -> None:
    with pytest.raises(HTTPClientError) as caught:
        async with socket_of(probed, **headers):
            pass
    assert caught.value.code == status
