"""What a run tells while it goes on: its new lines, gathered, a few times a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from jupyter_mcp.toolsets.notebooks.model import Append, Extend, OutputChange, Replace
from jupyter_mcp.toolsets.notebooks.streams import without_ansi

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
        self._task = asyncio.create_task(self._tell())
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
        """Tell a line."""
        self._text = (self._text + text)[-4 * LONGEST :]
        self._new.set()

    def change(self, change: OutputChange) -> None:
        """Tell the text of a change of the outputs."""
        match change:
            case Extend(_, text):
                self.say(text)
            case Append(output) | Replace(_, output):
                text = output.get("text") or output.get("data", {}).get("text/plain", "")
                if isinstance(text, str) and text:
                    self.say(text if text.endswith("\n") else text + "\n")

    async def _tell(self) -> None:
        while True:
            await self._new.wait()
            self._new.clear()
            text, self._text = without_ansi(self._text).strip(), ""
            if text:
                self._sent += 1
                await self._send(self._sent, None, text[-LONGEST:])
                await asyncio.sleep(EVERY_SECONDS)
