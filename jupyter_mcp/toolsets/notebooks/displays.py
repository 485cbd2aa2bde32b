"""Where the displays of a kernel are shown, so that an update from any later code finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

KEPT = 200
"""How many displays of a kernel are remembered; the oldest are forgotten first."""


class Area(Protocol):
    """Outputs that show displays."""

    @property
    def code(self) -> str:
        """The code whose outputs these are."""
        ...

    @property
    def place(self) -> str:
        """The cell that shows them; empty without one."""
        ...

    def redraw(self, index: int, content: Mapping[str, Any]) -> None:
        """Replace the data of the display at `index`."""
        ...


class Displays:
    """The displays of one kernel by their id."""

    def __init__(self) -> None:
        self._places: dict[str, list[tuple[Area, int]]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, display_id: str, area: Area, index: int) -> None:
        """Remember that output `index` of `area` shows the display."""
        self._places.setdefault(display_id, []).append((area, index))
        while len(self._places) > KEPT:
            del self._places[next(iter(self._places))]

    def update(self, content: Mapping[str, Any]) -> None:
        """Change a display everywhere it is shown, by an ``update_display_data`` message."""
        display_id = content.get("transient", {}).get("display_id", "")
        for area, index in self._places.get(display_id, ()):
            area.redraw(index, content)

    def forget(self, area: Area) -> None:
        """Drop what `area` showed: it was cleared."""
        self._keep(lambda other: other is not area)

    def forget_place(self, place: str) -> None:
        """Drop what a cell showed: it runs anew."""
        if place:
            self._keep(lambda area: area.place != place)

    def forget_code(self, code: str) -> None:
        """Drop what runs of the same code showed: another client ran it, so its cell changed."""
        self._keep(lambda area: area.code != code)

    def _keep(self, wanted: Any) -> None:
        for display_id, places in list(self._places.items()):
            kept = [place for place in places if wanted(place[0])]
            if kept:
                self._places[display_id] = kept
            else:
                del self._places[display_id]
