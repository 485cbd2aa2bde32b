"""A program's stdin and stdout over the engine's own stream, in the event loop.

The SDK would need a thread for each stream and hides its socket. Without a terminal the engine
sends frames of eight bytes of header and a payload (Docker Engine API, "Attach to a container",
stream format): one byte tells the stream, four the length, big endian.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Awaitable, Callable

from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.backends.docker_engine import DockerEngine, RefusalError

HEADER = struct.Struct(">BxxxL")
STDERR = 2
COMPLAINT = 8192
"""Bytes of stderr that are kept."""
ANSWER_SECONDS = 20.0
LEAVE_SECONDS = 2.0
"""How long a program may take for what was written before it is closed; then it is ended."""
_STARTED = {101, 200}
REFUSED = (b"OCI runtime exec failed", b"cannot exec in a ")
"""How Docker tells, on stdout, that there is no such program or the container is frozen."""


class ExecChannel:
    """The pipes of a program that the engine started.

    Args:
        reader: What the engine sends, from the first frame on.
        writer: Where the program's stdin goes.
        reap: Waits until the program is gone, and ends it if it does not go.
        tasks: Owner of the task that closes.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        reap: Callable[[], Awaitable[None]],
        tasks: Spawner,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._reap = reap
        self._tasks = tasks
        self._stream = 0
        self._left = 0
        self._is_first = True
        self._complaint = b""
        self._closing: asyncio.Task[None] | None = None

    async def read(self, limit: int) -> bytes:
        """Return the next bytes of stdout; empty when the program is gone."""
        try:
            while True:
                if not self._left:
                    self._stream, self._left = HEADER.unpack(
                        await self._reader.readexactly(HEADER.size)
                    )
                    continue
                data = await self._reader.read(min(limit, self._left))
                self._left -= len(data)
                if not data or not self._is_complaint(data):
                    return data
        except (asyncio.IncompleteReadError, OSError):
            return b""

    async def write(self, data: bytes) -> None:
        """Send bytes to stdin.

        Raises:
            ConnectionError: When the program or the engine is gone.
        """
        if self._writer.is_closing():
            raise ConnectionResetError("The program in the sandbox is gone.")
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Close both directions and return when the program is gone."""
        if self._closing is None:
            self._writer.close()  # now: the task may be cancelled before it has begun
            self._closing = self._tasks.spawn("close a sandbox channel", self._close())
            self._closing.add_done_callback(lambda _: self._writer.transport.abort())
        await asyncio.shield(self._closing)

    def complaint(self) -> str:
        """Return the tail of stderr."""
        return self._complaint.decode(errors="replace").strip()

    async def _close(self) -> None:
        with contextlib.suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._writer.wait_closed()  # a frozen program reads nothing
        await self._reap()

    def _is_complaint(self, data: bytes) -> bool:
        is_refusal = self._is_first and data.startswith(REFUSED)
        self._is_first = False
        if self._stream != STDERR and not is_refusal:
            return False
        self._complaint = (self._complaint + data)[-COMPLAINT:]
        return True


async def attach(
    engine: DockerEngine,
    started: str,
    reap: Callable[[], Awaitable[None]],
    tasks: Spawner,
) -> ExecChannel:
    """Start what `exec_create` prepared and return its pipes.

    Args:
        engine: The engine.
        started: Identifier of the exec.
        reap: See `ExecChannel`.
        tasks: See `ExecChannel`.

    Raises:
        RefusalError: When the engine does not start it.
        ToolError: ``unavailable`` when it does not answer.
    """
    reader, writer = await engine.connect()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(_request(started))
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            body = b"" if status in _STARTED else await reader.read(4096)
    except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError) as error:
        writer.close()  # TimeoutError is an OSError
        raise engine.gone(error) from error
    except BaseException:
        writer.close()
        raise
    if status not in _STARTED:
        writer.close()
        raise RefusalError(status, _message(body))
    return ExecChannel(reader, writer, reap, tasks)


def _request(started: str) -> bytes:
    body = json.dumps({"Detach": False, "Tty": False}).encode()
    return (
        f"POST /exec/{started}/start HTTP/1.1\r\nHost: docker\r\n"
        "Content-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip() or "no reason given"
