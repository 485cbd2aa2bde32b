"""Subscriptions: both eras hear of changes, and only of those they asked for."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from mcp.server.session import ServerSession
from mcp.shared.subscriptions import ResourceUpdated, ToolsListChanged

from jupyter_mcp.config import Settings
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.server.starter import Starter
from support.clients import connected
from support.server import JupyterServer, wait_until

CLIENT = {"name": "raw", "version": "1"}


async def test_modern_listens(probed: JupyterServer) -> None:
    async with connected(probed) as client, connected(probed) as other:
        listening = client.listen(
            tools_list_changed=True, resource_subscriptions=["probe://note/a"]
        )
        async with listening as events, asyncio.timeout(30):
            await other.call_tool("probe_touch", {"uri": "probe://note/b"})
            await other.call_tool("probe_touch", {"uri": "probe://note/a"})
            seen: list[Any] = []
            async for event in events:
                seen.append(event)
                if isinstance(event, ResourceUpdated):
                    break
    assert ResourceUpdated(uri="probe://note/a") in seen
    assert ResourceUpdated(uri="probe://note/b") not in seen
    assert ToolsListChanged() in seen


@pytest.mark.filterwarnings("ignore:resources/:mcp.shared.exceptions.MCPDeprecationWarning")
async def test_legacy_subscribes_and_unsubscribes(probed: JupyterServer) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def listen(message: Any) -> None:
        await heard.put(message)

    async def updated_until(uri: str) -> list[str]:
        """Touch `uri` until the client hears of it; return all resources heard of until then."""
        uris: list[str] = []
        async with asyncio.timeout(30):
            while uri not in uris:
                # The client opens its stream beside the handshake: touch again until it is there.
                await client.call_tool("probe_touch", {"uri": uri})
                uris += [found async for found in _updates(heard)]
        return uris

    async with connected(probed, "legacy", message_handler=listen) as client:
        await client.subscribe_resource("probe://note/a")
        await client.subscribe_resource("probe://note/end")
        assert "probe://note/a" in await updated_until("probe://note/a")
        await client.unsubscribe_resource("probe://note/a")
        await updated_until("probe://note/end")
        await client.call_tool("probe_touch", {"uri": "probe://note/a"})
        assert "probe://note/a" not in await updated_until("probe://note/end")


async def _updates(heard: asyncio.Queue[Any]) -> AsyncIterator[str]:
    await asyncio.sleep(0.02)
    while not heard.empty():
        if isinstance(message := heard.get_nowait(), types.ResourceUpdatedNotification):
            yield str(message.params.uri)


async def test_legacy_says_that_lists_change(probed: JupyterServer) -> None:
    async with connected(probed, "legacy") as client:
        capabilities = client.server_capabilities
    assert capabilities.tools is not None
    assert capabilities.tools.list_changed
    assert capabilities.resources is not None
    assert capabilities.resources.subscribe


def sessions() -> int:
    """Count the sessions that somebody still holds."""
    gc.collect()
    return sum(isinstance(each, ServerSession) for each in gc.get_objects())


async def test_connection_that_ended_is_forgotten(tmp_path: Path) -> None:
    """Also one that never said `initialized`: it would be told of changes for ever."""
    starter = Starter(lambda: Settings(state_dir=str(tmp_path)), lambda: None, "0")  # type: ignore[arg-type, return-value]  # no server here
    served = await starter.ready()
    before = sessions()
    answers: asyncio.Queue[Any] = asyncio.Queue()

    async def send(frame: str) -> None:
        await answers.put(json.loads(frame))

    owner = Principal(id="user:owner", name="owner")
    socket = served.endpoint.connect(Caller(principal=owner), send)
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
    for number, (method, params) in enumerate(
        [("initialize", hello), ("resources/subscribe", {"uri": "notebook://a.ipynb"})]
    ):
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        await socket.receive(json.dumps(request))
        async with asyncio.timeout(30):
            assert "result" in await answers.get()
    assert sessions() > before
    socket.close()
    forgotten = "the session is forgotten"
    await asyncio.to_thread(wait_until, lambda: sessions() <= before, seconds=30, what=forgotten)
    await starter.stop()
