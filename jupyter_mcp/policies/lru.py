"""Results in memory: bounded by bytes, the ones used longest ago go first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from jupyter_mcp.calls.content import Result


@dataclass(frozen=True, slots=True)
class CachedResult:
    """One result.

    Args:
        result: The result.
        size: Its size in bytes, about.
        made: When the tool gave it (Unix time).
        expires: Until when it may be served from here (Unix time).
        tags: By what it can be taken away: its toolset and the URIs that it names.
    """

    result: Result
    size: int
    made: float
    expires: float
    tags: frozenset[str] = frozenset()


class TaggedLru:
    """Results by key.

    Args:
        most: How many bytes there is room for.
    """

    def __init__(self, most: int) -> None:
        self.size = 0
        self._most = most
        self._kept: OrderedDict[str, CachedResult] = OrderedDict()
        self._tagged: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str, now: float) -> CachedResult | None:
        """Return what is good until after `now`."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.expires <= now:
            self._take(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def put(self, key: str, kept: CachedResult) -> None:
        """Keep a result, unless it alone would take all the room."""
        self._take(key)
        if kept.size > self._most:
            return
        self._kept[key] = kept
        self.size += kept.size
        for tag in kept.tags:
            self._tagged.setdefault(tag, set()).add(key)
        while self.size > self._most:
            self._take(next(iter(self._kept)))

    def drop(self, tag: str) -> None:
        """Take out all that has this tag."""
        for key in list(self._tagged.get(tag, ())):
            self._take(key)

    def clear(self) -> None:
        """Take out all."""
        self._kept.clear()
        self._tagged.clear()
        self.size = 0

    def _take(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        self.size -= kept.size
        for tag in kept.tags:
            self._tagged[tag].discard(key)
            if not self._tagged[tag]:
                del self._tagged[tag]
