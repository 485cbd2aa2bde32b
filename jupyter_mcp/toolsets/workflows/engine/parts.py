"""What a map tells of its elements, most of which have no records of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Parts:
    """Tells how many elements are done, whether all that goes on only waits, and for what.

    Args:
        tell: Sets columns of the map's record.
        done: How many of its elements are done already.
        total: How many it has.
    """

    def __init__(self, tell: Callable[..., None], done: int, total: int) -> None:
        self._set = tell
        self._total = total
        self._going: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._told = ("running", done, "")

    def note(self, part: str, columns: Mapping[str, Any]) -> None:
        """Take what the work of an element tells of itself."""
        status = columns.get("status")
        if status in ("running", "waiting"):
            self._going[part] = status
            if status == "running":
                self._said.pop(part, None)  # that was why it waited
        if "progress" in columns:
            self._said[part] = (columns["progress"] or {}).get("message") or ""
        self._tell(self._told[1])

    def end(self, part: str, done: int) -> None:
        """Take note that an element has ended, and that so many are done."""
        self._going.pop(part, None)
        self._said.pop(part, None)
        self._tell(done)

    def _tell(self, done: int) -> None:
        waits = [part for part, status in self._going.items() if status == "waiting"]
        message = next((self._said[part] for part in waits if self._said.get(part)), "")
        status = "waiting" if waits and len(waits) == len(self._going) else "running"
        before, self._told = self._told, (status, done, message)
        if self._told[1:] != before[1:]:
            self._set(progress={"done": done, "total": self._total, "message": message})
        if status != before[0]:
            self._set(status=status)
