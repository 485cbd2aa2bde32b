"""What a command writes: its beginning and end for the answer, all of it for a file.

Of each stream only as much is held as an answer shows. The whole goes through a spool that moves
to disk when it grows, so that a command that never stops writing fills no memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from jupyter_mcp.printed.text import plain

WHOLE_LIMIT = 64 << 20
"""Bytes of the whole output that are kept; more is counted."""
IN_MEMORY = 256 << 10
PIECE = 1 << 18


class Excerpt:
    """Beginning and end of a stream.

    Args:
        size: Bytes to show of it.
    """

    def __init__(self, size: int) -> None:
        self._most_head = size * 2 // 3
        self._most_tail = size - self._most_head
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take more."""
        self.total += len(data)
        room = self._most_head - len(self._head)
        self._head += data[:room] if room > 0 else b""
        self._tail += data[max(0, room) :]
        if len(self._tail) > 2 * self._most_tail:
            del self._tail[: -self._most_tail]

    @property
    def is_cut(self) -> bool:
        """Whether something is missing in the middle."""
        return self.total > self._most_head + self._most_tail

    def text(self) -> str:
        """Return what is kept, as plain text, with a line that says what is missing."""
        if not self.is_cut:
            return plain((self._head + self._tail).decode("utf-8", "replace"))
        tail = self._tail[-self._most_tail :]
        missing = self.total - len(self._head) - len(tail)
        head = plain(self._head.decode("utf-8", "ignore"))
        return (
            f"{head}\n[... {missing} bytes left out ...]\n{plain(tail.decode('utf-8', 'ignore'))}"
        )


class Capture:
    """Everything that one command writes.

    Args:
        size: Bytes of each stream to show.
        run: Runs blocking work on a thread.
    """

    def __init__(self, size: int, run: Callable[..., Awaitable[Any]]) -> None:
        self.stdout = Excerpt(size)
        self.stderr = Excerpt(size)
        self._run = run
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._kept = 0
        self._spool: tempfile.SpooledTemporaryFile[bytes] | None = None

    @property
    def is_cut(self) -> bool:
        """Whether an answer does not show all."""
        return self.stdout.is_cut or self.stderr.is_cut

    @property
    def total(self) -> int:
        """Bytes of both streams."""
        return self.stdout.total + self.stderr.total

    @property
    def kept(self) -> int:
        """Bytes that `chunks` gives."""
        return self._kept

    async def add(self, name: str, data: bytes) -> None:
        """Take a piece of a stream."""
        (self.stdout if name == "stdout" else self.stderr).add(data)
        kept = data[: WHOLE_LIMIT - self._kept]
        if kept:
            self._kept += len(kept)
            self._pending.append(kept)
            self._pending_size += len(kept)
            if self._pending_size >= PIECE:
                await self._run(self._write)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield all that was kept, in the order in which it came."""
        await self._run(self._write)
        spool = self._spool
        if spool is None:
            return
        await self._run(spool.seek, 0)
        while piece := await self._run(spool.read, PIECE):
            yield piece

    async def close(self) -> None:
        """Remove what is on disk."""
        if self._spool is not None:
            spool, self._spool = self._spool, None
            await self._run(spool.close)

    def _write(self) -> None:
        pending, self._pending, self._pending_size = self._pending, [], 0
        if not pending:
            return
        if self._spool is None:
            self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - `close` ends it
        self._spool.write(b"".join(pending))
