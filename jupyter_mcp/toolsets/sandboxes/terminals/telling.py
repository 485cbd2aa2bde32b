"""What a command in a sandbox tells while it runs."""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable

from jupyter_mcp.printed.progress import Teller


class CommandTeller(Teller):
    """Tells bytes as they come, also where a character comes in two pieces.

    Args:
        send: As `Teller`.
    """

    def __init__(self, send: Callable[[float, float | None, str], Awaitable[None]]) -> None:
        super().__init__(send)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def hear(self, data: bytes) -> None:
        """Tell what came."""
        self.say(self._decoder.decode(data))
