"""Remembers who has just read what strangers wrote.

Kept in memory for half an hour and for a bounded number of sessions: what it guards against is a
page that makes the model which reads it write or send something next, not what somebody does with
it tomorrow.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

SECONDS = 1800.0
MOST = 10_000


class Taints:
    """The sessions that have read something untrusted.

    Args:
        seconds: For how long a session is marked.
        most: How many sessions are kept; the longest marked go first.
        clock: Tells the time.
    """

    def __init__(
        self, seconds: float = SECONDS, most: int = MOST, clock: Callable[[], float] = time.time
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._marked: OrderedDict[Hashable, tuple[float, str]] = OrderedDict()

    def mark(self, session: Hashable, origin: str) -> None:
        """Remember that `session` got what `origin` brought from strangers."""
        self._marked.pop(session, None)
        while len(self._marked) >= self._most:
            self._marked.popitem(last=False)
        self._marked[session] = (self._clock() + self._seconds, origin)

    def origin(self, session: Hashable) -> str | None:
        """Return where a session's last untrusted result came from; None when it has none."""
        found = self._marked.get(session)
        if found is None:
            return None
        until, origin = found
        if until <= self._clock():
            del self._marked[session]
            return None
        return origin

    def __len__(self) -> int:
        return len(self._marked)
