"""What a program tells while it runs: its new lines, gathered, a few times a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from jupyter_mcp.printed.text import plain

EVERY_SECONDS = 0.25
LONGEST = 1000


class Teller:
    """Sends progress on from synchronous callbacks.

    Args:
        send: Takes a growing number, the total or None, and a message.
    """

    def __init__(self, send: Callable[[float, float | None, str], Awaitable[None]]) -> None:
        self._send = send
        self._new = asyncio.Event()
        self._text = ""
        self._sent = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tell(), name="jupyter-mcp telling")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def say(self, text: str) -> None:
        """Tell what came."""
        self._text = (self._text + text)[-4 * LONGEST :]
        self._new.set()

    async def _tell(self) -> None:
        while True:
            await self._new.wait()
            self._new.clear()
            text, self._text = plain(self._text).strip(), ""
            if text:
                self._sent += 1
                await self._send(self._sent, None, text[-LONGEST:])
                await asyncio.sleep(EVERY_SECONDS)
