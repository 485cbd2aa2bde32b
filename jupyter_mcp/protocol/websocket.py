"""MCP over a WebSocket: one JSON-RPC message in each text frame, either era.

A custom binding, no MCP standard: it is the cheapest way per call and the one that a browser page
with its login cookie can use. Our own panel and bridge use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_dual_era_loop
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types.jsonrpc import INVALID_REQUEST, PARSE_ERROR, jsonrpc_message_adapter
from pydantic import ValidationError
from pydantic_core import from_json

from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.protocol.faults import error_body

Send = Callable[[str], Awaitable[None]]

BACKLOG = 64
"""Messages that may wait in each direction before the sender has to."""


class Socket:
    """One connection.

    Args:
        server: The low-level server.
        caller: Who opened it.
        send: Sends a text frame.
    """

    def __init__(self, server: Server[Any], caller: Caller, send: Send) -> None:
        self._server = server
        self._metadata = ServerMessageMetadata(request_context=caller)
        self._send = send
        self._to_server, self._inbox = anyio.create_memory_object_stream[
            SessionMessage | Exception
        ](BACKLOG)

    async def run(self) -> None:
        """Serve the connection until the client has gone."""
        outbox, sent = anyio.create_memory_object_stream[SessionMessage](BACKLOG)
        sending = asyncio.create_task(self._forward(sent), name="jupyter-mcp socket")
        try:
            await serve_dual_era_loop(self._server, self._inbox, outbox, lifespan_state=None)
        finally:
            self.close()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            sent.close()

    async def receive(self, frame: str | bytes) -> None:
        """Take a frame from the client."""
        try:
            message = jsonrpc_message_adapter.validate_python(from_json(frame), by_name=False)
        except ValidationError:
            await self._refuse(INVALID_REQUEST, "The frame is not a JSON-RPC message.")
        except ValueError:
            await self._refuse(PARSE_ERROR, "The frame is not JSON.")
        else:
            try:
                await self._to_server.send(SessionMessage(message, self._metadata))
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                return

    def renew(self, caller: Caller) -> None:
        """Take the requests from now on for `caller`: the same one, by a newer token."""
        self._metadata = ServerMessageMetadata(request_context=caller)

    def close(self) -> None:
        """Take no more frames; the server cancels what runs."""
        self._to_server.close()

    async def _refuse(self, code: int, message: str) -> None:
        await self._send(error_body(code, f"{message} Send one message in each frame.").decode())

    async def _forward(self, sent: Any) -> None:
        async for session_message in sent:
            await self._send(
                session_message.message.model_dump_json(by_alias=True, exclude_unset=True)
            )
