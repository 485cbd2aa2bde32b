"""How many signals there were lately: by the minute for the last hour, in memory only."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable

from jupyter_mcp.security.signals import Signal, Signals

MINUTE = 60.0
MINUTES = 60


class SignalHistory:
    """Counts signals by the minute.

    Args:
        signals: Where they come from.
        clock: Returns the Unix time.
    """

    def __init__(self, signals: Signals, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._minutes: deque[tuple[int, Counter[str]]] = deque(maxlen=MINUTES + 1)
        signals.subscribe(self._on_signal)

    def last(self, minutes: int) -> dict[str, int]:
        """Return the counts by kind of the last minutes, the one that runs included."""
        oldest = self._minute() - minutes + 1
        counts: Counter[str] = Counter()
        for minute, counted in self._minutes:
            if minute >= oldest:
                counts.update(counted)
        return dict(counts)

    def _on_signal(self, signal: Signal) -> None:
        minute = self._minute()
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, Counter()))
        self._minutes[-1][1][signal.kind] += 1

    def _minute(self) -> int:
        return int(self._clock() // MINUTE)
