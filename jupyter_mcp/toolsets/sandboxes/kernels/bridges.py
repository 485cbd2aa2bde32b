"""Sockets of this host that lead to ports in a sandbox, through the agent's channel.

Each is a Unix socket in a folder that only the server's account can enter: no port of the host is
opened, and the sandbox needs no network. Bytes pass as they are; nobody here reads them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError

_PIECE = 64 * 1024


class Stream(Protocol):
    """A connection to a port in a sandbox."""

    async def read(self, limit: int) -> bytes:
        """Return the next bytes; empty at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def close(self) -> None:
        """End both directions."""
        ...


class Spawner(Protocol):
    """The owner of background tasks."""

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in a task."""
        ...


Dial = Callable[[int], Awaitable[Stream]]


class Bridges:
    """Sockets of this host and the ports that they lead to.

    Args:
        dial: Connects to a port in the sandbox.
        tasks: The owner of the tasks.
    """

    def __init__(self, dial: Dial, tasks: Spawner) -> None:
        self._dial = dial
        self._tasks = tasks
        self._servers: list[asyncio.Server] = []
        self._running: set[asyncio.Task[None]] = set()

    async def open(self, ports: Mapping[str, int]) -> None:
        """Listen.

        Args:
            ports: Ports in the sandbox by the paths of the sockets.
        """
        for path, port in ports.items():
            self._servers.append(await asyncio.start_unix_server(self._accept(port), path))

    async def close(self) -> None:
        """Listen no more and end all connections."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for server in servers:
            await server.wait_closed()

    def _accept(self, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._tasks.spawn(f"bridge to port {port}", self._serve(port, reader, writer))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        return accept

    async def _serve(
        self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one connection; where nothing listens inside yet, the client tries again."""
        try:
            stream = await self._dial(port)
            try:
                await _carry(stream, reader, writer)
            finally:
                stream.close()
        except (ToolError, OSError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _carry(
    stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry bytes both ways until one side ends: the protocol of kernels knows no half-open end."""
    ways = {asyncio.ensure_future(_outwards(stream, writer))}
    ways.add(asyncio.ensure_future(_inwards(stream, reader)))
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _outwards(stream: Stream, writer: asyncio.StreamWriter) -> None:
    while data := await stream.read(_PIECE):
        writer.write(data)
        await writer.drain()


async def _inwards(stream: Stream, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(_PIECE):
        await stream.write(data)
