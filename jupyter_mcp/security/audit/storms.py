"""Keeps storms of signals out of the audit: ten thousand failed logins become a few records.

Of each kind the first ones of a minute are told one by one; of the rest a count and who they were.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

WINDOW = 60.0
"""Seconds that one storm is counted for."""
EACH = 20
"""Signals of a kind that are told one by one in that time."""
SOURCES = 50
"""Sources that are counted apart."""

_SOURCE = ("principal", "client", "address", "token", "operation", "reason")


class Tell(Protocol):
    """Takes what goes into the audit."""

    def __call__(self, kind: str, /, **details: Any) -> None:
        """Record it."""
        ...


@dataclass(slots=True)
class _Storm:
    began: float
    seen: int = 0
    sources: Counter[str] = field(default_factory=Counter)


class Storms:
    """Tells signals on, and sums up what would be too many.

    Args:
        tell: Takes the kind and the facts of what goes into the audit.
        clock: Returns the Unix time.
    """

    def __init__(self, tell: Tell, clock: Callable[[], float] = time.time) -> None:
        self._tell = tell
        self._clock = clock
        self._storms: dict[str, _Storm] = {}

    @property
    def busy(self) -> bool:
        """Whether something was counted and is not told yet."""
        return any(storm.seen > EACH for storm in self._storms.values())

    def note(self, kind: str, details: Mapping[str, Any]) -> None:
        """Tell a signal, or count it where there were many."""
        storm = self._storms.get(kind)
        if storm is None or self._clock() - storm.began >= WINDOW:
            self._sum_up(kind)
            storm = self._storms[kind] = _Storm(self._clock())
        storm.seen += 1
        if storm.seen <= EACH:
            self._tell(kind, **details)
            return
        source = " ".join(str(details[name])[:80] for name in _SOURCE if details.get(name))
        known = source in storm.sources or len(storm.sources) < SOURCES
        storm.sources[source if known else "(others)"] += 1

    def settle(self, *, everything: bool = False) -> None:
        """Tell what was counted in times that are over, or all of it."""
        now = self._clock()
        for kind, storm in list(self._storms.items()):
            if everything or now - storm.began >= WINDOW:
                self._sum_up(kind)

    def _sum_up(self, kind: str) -> None:
        storm = self._storms.pop(kind, None)
        if storm is None or storm.seen <= EACH:
            return
        self._tell(
            kind,
            count=storm.seen - EACH,
            began=storm.began,
            ended=self._clock(),
            sources=dict(storm.sources.most_common(10)),
        )
