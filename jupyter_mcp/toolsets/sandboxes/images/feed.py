"""What a build says, on its way from its thread to whoever watches.

A build may print without end; what nobody could read is left out, the end is kept for the error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Say = Callable[[str], Awaitable[None]]
_PENDING = 500
_TAIL = 40
_WIDTH = 400
_PAUSE = 0.1
"""Seconds between two messages: lines that come meanwhile travel together."""


class Feed:
    """Lines from a thread, bounded.

    Args:
        say: Takes text, one or several lines at a time.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._pending: deque[str] = deque(maxlen=_PENDING)
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._ready = asyncio.Event()

    @property
    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self._tail)

    def put(self, text: str) -> None:
        """Take text; called from any thread."""
        for line in text.splitlines():
            if short := line.rstrip()[:_WIDTH]:
                self._pending.append(short)
                self._tail.append(short)
        if self._pending and not self._ready.is_set():
            self._loop.call_soon_threadsafe(self._ready.set)

    async def pump(self) -> None:
        """Pass on what comes, until cancelled."""
        while True:
            await self._ready.wait()
            await self.flush()
            await asyncio.sleep(_PAUSE)

    async def flush(self) -> None:
        """Pass on what is there."""
        self._ready.clear()
        lines = []
        while self._pending:
            lines.append(self._pending.popleft())
        if lines:
            await self._say("\n".join(lines))
