"""A bound on guessing: how often one address may be wrong in a minute.

What is guessed at has 256 random bits, so nobody finds it by guessing; the bound keeps the guessing
cheap for the server. It never stands in the way of what is right.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_SECONDS = 60.0
MISSES = 20
ADDRESSES = 1024


class Throttle:
    """Counts wrong guesses by address.

    Args:
        clock: Tells the Unix time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._missed: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def miss(self, address: str) -> None:
        """Count a wrong guess."""
        since, count = self._current(address)
        self._missed[address] = (since, count + 1)
        self._missed.move_to_end(address)
        while len(self._missed) > ADDRESSES:
            self._missed.popitem(last=False)

    def wait(self, address: str) -> float:
        """Return for how many seconds this address has guessed enough; 0 while it has not."""
        since, count = self._current(address)
        return 0.0 if count < MISSES else max(0.0, since + WINDOW_SECONDS - self._clock())

    def _current(self, address: str) -> tuple[float, int]:
        now = self._clock()
        since, count = self._missed.get(address, (now, 0))
        return (now, 0) if now - since >= WINDOW_SECONDS else (since, count)
