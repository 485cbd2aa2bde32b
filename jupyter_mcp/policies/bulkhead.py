"""A bulkhead: so many calls of one principal run, so many more wait, in the order they came."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from jupyter_mcp.errors import ToolError

LONGEST_RETRY = 60
"""The most seconds that somebody is told to stay away."""

_WEIGHT = 0.2
"""How much the last call counts in the average of how long calls take."""


class Bulkhead:
    """The turns of one principal.

    Args:
        most: How many run at once.
        waiting: How many more may wait.
        clock: Tells the time in seconds.
    """

    __slots__ = ("_clock", "_most", "_seconds", "_waiting", "_waiting_most", "running")

    def __init__(self, most: int, waiting: int, clock: Callable[[], float]) -> None:
        self.running = 0
        self._most = most
        self._waiting_most = waiting
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._clock = clock
        self._seconds = 1.0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def is_free(self) -> bool:
        """Whether a call can run at once."""
        return self.running < self._most

    @property
    def is_empty(self) -> bool:
        """Whether nobody runs or waits."""
        return not self.running and not self._waiting

    def begin(self) -> float:
        """Take a free turn and return when it began."""
        self.running += 1
        return self._clock()

    async def wait(self) -> float:
        """Wait for a turn and return when it began; who is cancelled meanwhile is out of it.

        Raises:
            ToolError: ``busy`` when too many wait already.
        """
        if len(self._waiting) >= self._waiting_most:
            raise self._busy()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()  # the turn came together with the end
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        return self._clock()

    def end(self, began: float) -> None:
        """Give the turn to whoever waits longest."""
        self._seconds += _WEIGHT * (self._clock() - began - self._seconds)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    def _busy(self) -> ToolError:
        rounds = (len(self._waiting) + 1) / self._most
        seconds = max(1, min(math.ceil(self._seconds * rounds), LONGEST_RETRY))
        return ToolError(
            "busy",
            f"{self.running} of your calls run and {len(self._waiting)} wait, which is the most.",
            f"Wait for some of them, or try again in {seconds} s.",
            data={"retry_after": seconds},
        )
