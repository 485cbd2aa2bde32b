"""MCP as a whole over one runtime: both eras at one URL, and the WebSocket.

Whoever started it stops it; after `stop` no task of this room is left.
"""

from __future__ import annotations

import asyncio

from mcp_types import PROTOCOL_VERSION_META_KEY
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from jupyter_mcp.protocol.bind import Binding
from jupyter_mcp.protocol.exchange import Caller, Exchange
from jupyter_mcp.protocol.ground import Ground
from jupyter_mcp.protocol.legacy import Legacy
from jupyter_mcp.protocol.lists import Lists
from jupyter_mcp.protocol.modern import Modern
from jupyter_mcp.protocol.operations import Operations
from jupyter_mcp.protocol.runs import Runs
from jupyter_mcp.protocol.subscriptions import Bus
from jupyter_mcp.protocol.tasks import Tasks
from jupyter_mcp.protocol.websocket import Send, Socket

_ENVELOPE = PROTOCOL_VERSION_META_KEY.encode()

STOP_SECONDS = 2.0
"""How long `stop` waits for a connection that closes before it cuts it."""


class Endpoint:
    """Serves MCP over a runtime.

    Args:
        ground: The runtime.
        version: Our version.
        max_sessions: How many sessions of the older revisions may be open.
        idle_seconds: After how many seconds without a request one ends.
        max_body: The largest body in bytes.
    """

    def __init__(
        self, ground: Ground, version: str, *, max_sessions: int, idle_seconds: float, max_body: int
    ) -> None:
        self._runs = Runs()
        lists = Lists(ground)
        tasks = Tasks(ground)
        operations = Operations(ground, lists, self._runs, tasks)
        self._binding = Binding(lists, operations, tasks, Bus(ground.events), version)
        server = self._binding.server
        self._modern = Modern(server, lists, operations)
        self._legacy = Legacy(
            server, max_sessions=max_sessions, idle_seconds=idle_seconds, max_body=max_body
        )
        self._sockets: dict[asyncio.Task[None], Socket] = {}

    async def start(self) -> None:
        """Begin to serve."""
        await self._legacy.start()

    async def stop(self) -> None:
        """Cancel every call, end every stream and session."""
        self._binding.listen.close()
        await self._binding.audience.stop()
        await self._runs.stop()
        await self._legacy.stop()
        for socket in self._sockets.values():
            socket.close()
        tasks = list(self._sockets)
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def serve(self, exchange: Exchange) -> None:
        """Answer one HTTP request of either era."""
        version = exchange.headers.get("mcp-protocol-version")
        # 2025-03-26 and earlier have no version header but a session; what their arguments hold
        # says nothing.
        in_session = exchange.headers.get("mcp-session-id") is not None
        unnamed = version is None and (in_session or _ENVELOPE not in exchange.body)
        if unnamed or version in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._legacy.serve(exchange)
        else:
            await self._modern.serve(exchange)

    def connect(self, caller: Caller, send: Send) -> Socket:
        """Serve a WebSocket connection until it is closed."""
        socket = Socket(self._binding.server, caller, send)
        task = asyncio.create_task(socket.run(), name="jupyter-mcp socket loop")
        self._sockets[task] = socket
        task.add_done_callback(self._sockets.pop)
        return socket
