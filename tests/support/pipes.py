"""A channel over the stdin and stdout of a program that the host itself starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

_LIMIT = 1 << 18
_COMPLAINT = 4096
_PATIENCE = 2.0  # seconds for the agent to end what it started, once its stdin is closed


class PipeChannel:
    """The pipes of a process, which is reaped when the channel is closed. A `ByteChannel`.

    Args:
        process: Started in a session of its own with three pipes.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a channel needs three pipes")
        self._process = process
        self._input, self._output, self._complaints = process.stdin, process.stdout, process.stderr
        self._errors: deque[bytes] = deque(maxlen=64)
        self._listening = asyncio.ensure_future(self._listen())
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(
        cls,
        argv: Sequence[str],
        *,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Self:
        """Start a program in a session of its own.

        Args:
            argv: The program and its arguments.
            cwd: Its working folder.
            env: All of its variables; None for those of this process.
            options: Further ones of `subprocess.Popen`, such as ``pass_fds`` or ``preexec_fn``.

        Raises:
            OSError: When it cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LIMIT,
            **options,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process on the host."""
        return self._process.pid

    async def read(self, limit: int) -> bytes:
        """Return the next bytes; empty when the program has closed its stdout."""
        return await self._output.read(limit)

    async def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            ConnectionError: When the program has closed its stdin.
        """
        self._input.write(data)
        await self._input.drain()

    async def close(self) -> None:
        """Close its stdin, wait until it has gone by itself, and kill its group if it does not."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    def complaint(self) -> str:
        """Return the end of what it wrote to stderr."""
        return b"".join(self._errors)[-_COMPLAINT:].decode(errors="replace")

    async def _close(self) -> None:
        process = self._process
        self._input.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drain(), _PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        process._transport.close()  # type: ignore[attr-defined]
        await process.wait()

    async def _drain(self) -> None:
        """Read what still comes, so that the program is not held up, until it has gone."""
        reading = asyncio.ensure_future(self._discard(self._output))
        try:
            await self._process.wait()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _discard(self, stream: asyncio.StreamReader) -> None:
        while await stream.read(_LIMIT):
            pass

    async def _listen(self) -> None:
        while data := await self._complaints.read(_COMPLAINT):
            self._errors.append(data)
