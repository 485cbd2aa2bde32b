"""Serves the connections that programs inside make to a port of the agent's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.link.exchange import Carrier, Exchange
from jupyter_mcp.toolsets.sandboxes.link.frames import BrokenFrameError
from jupyter_mcp.toolsets.sandboxes.link.streams import Stream

_MAX_CONNECTIONS = 256
"""An agent of ours accepts half as many at a time."""


class Listener:
    """A port inside.

    Args:
        link: The channel.
        tasks: The owner of background tasks.
        exchange: The request that it lives in.
        accept: Serves one connection, which is closed when it returns.
    """

    def __init__(
        self,
        link: Carrier,
        tasks: Spawner,
        exchange: Exchange,
        accept: Callable[[Stream], Awaitable[None]],
    ) -> None:
        self._link = link
        self._tasks = tasks
        self._exchange = exchange
        self._accept = accept

    async def serve(self) -> None:
        """Serve each connection in a task of its own, until the link is closed."""
        serving: set[asyncio.Task[None]] = set()
        try:
            while True:
                connection = (await self._exchange.event()).get("connection")
                if len(serving) >= _MAX_CONNECTIONS or type(connection) is not int:
                    self._link.break_off(BrokenFrameError("a connection too many"))
                    return
                task = self._tasks.spawn("sandbox connection", self._serve_one(connection))
                serving.add(task)
                task.add_done_callback(serving.discard)
        except ToolError:
            return  # the link is closed
        finally:
            self._exchange.release()
            for task in serving:
                task.cancel()

    async def _serve_one(self, connection: int) -> None:
        asked = {"listener": self._exchange.number, "connection": connection}
        with contextlib.suppress(ToolError):
            async with self._link.exchange("accept", asked) as exchange:
                await self._link.first(exchange, "connected", 1)
                await self._accept(Stream(exchange))
