"""Buttons, links and fields by their accessible names, as programs tell them over AT-SPI.

What was known is forgotten before each look: no main loop runs here that would tell of changes.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from typing import Any

from jupyter_mcp.toolsets.sandboxes.desktop.inside.wire import Refusal

SECONDS = 8.0
MOST_NODES = 6000
LONGEST_NAME = 200
STEADY_SECONDS, STEADY_MOST = 0.4, 2.0
"""How long an element has to be in one place before it is clicked, and how long that is waited
for: Chromium tells places 0.1 to 0.3 s after a scroll."""
ROLES = {
    "button": {"push button", "button", "toggle button"},
    "textbox": {"entry", "text", "password text"},
    "field": {"entry", "text", "password text"},
    "checkbox": {"check box"},
    "radio": {"radio button"},
    "tab": {"page tab"},
    "heading": {"heading"},
    "image": {"image", "icon"},
}
"""Roles of ARIA that AT-SPI calls otherwise; any other role is asked for by AT-SPI's name."""


class Tree:
    """The accessible elements on a display; used from one thread."""

    def __init__(self) -> None:
        self._atspi: Any = None

    def find(self, name: str, role: str, limit: int, reveal: bool) -> dict[str, Any]:
        """Return elements by name and role, the exact name before parts of names.

        Args:
            name: Their name, in any case; empty for all that have one.
            role: Their role; empty for all.
            limit: The most to return.
            reveal: Whether a single one is to be clicked: it is scrolled to, and stands still then.
        """
        exact: list[tuple[Any, dict[str, Any]]] = []
        partly: list[tuple[Any, dict[str, Any]]] = []
        roles = ROLES.get(role.lower(), {role.lower()}) if role else None
        nodes = 0
        is_cut = False
        end = time.monotonic() + SECONDS
        for node in self._walk():
            nodes += 1
            if nodes > MOST_NODES or time.monotonic() > end:
                is_cut = True
                break
            with contextlib.suppress(self._error):
                called = " ".join((node.get_name() or "").split())
                if not called or (name and name.lower() not in called.lower()):
                    continue
                if roles is not None and node.get_role_name().lower() not in roles:
                    continue
                told = self._told(node, called)
                if told is not None:
                    (exact if called.lower() == name.lower() else partly).append((node, told))
        found = _meant(exact or partly)
        if reveal and len(found) == 1:
            found = [self._steady(*self._revealed(*found[0]))]
        elements = [told for _, told in found[:limit]]
        return {"elements": elements, "total": len(found), "is_cut": is_cut, "nodes": nodes}

    def _told(self, node: Any, name: str) -> dict[str, Any] | None:
        states = node.get_state_set()
        kinds = self._atspi.StateType
        component = node.get_component_iface()
        if component is None or not states.contains(kinds.VISIBLE):
            return None
        box = component.get_extents(self._atspi.CoordType.SCREEN)
        if box.width <= 0 or box.height <= 0:
            return None
        return {
            "name": name[:LONGEST_NAME],
            "role": node.get_role_name(),
            "box": [box.x, box.y, box.width, box.height],
            "showing": states.contains(kinds.SHOWING),
            "focusable": states.contains(kinds.FOCUSABLE),
            "enabled": states.contains(kinds.ENABLED) or states.contains(kinds.SENSITIVE),
        }

    def _revealed(self, node: Any, told: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Scroll to an element that is out of sight."""
        if not told["showing"]:
            with contextlib.suppress(self._error):
                node.get_component_iface().scroll_to(self._atspi.ScrollType.ANYWHERE)
                end = time.monotonic() + 1
                while time.monotonic() < end and not told["showing"]:
                    time.sleep(0.05)
                    told = self._told(node, told["name"]) or told
        return node, told

    def _steady(self, node: Any, told: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Wait until an element stays where it is: places lag behind a page that is scrolled."""
        end = time.monotonic() + STEADY_MOST
        since = time.monotonic()
        with contextlib.suppress(self._error):
            while time.monotonic() < min(end, since + STEADY_SECONDS):
                time.sleep(0.05)
                later = self._told(node, told["name"]) or told
                if later["box"] != told["box"]:
                    since = time.monotonic()
                told = later
        return node, told

    def _walk(self) -> Iterator[Any]:
        """Yield all elements, each after the one that it is in."""
        atspi = self._loaded()
        waiting = [atspi.get_desktop(0)]
        while waiting:
            node = waiting.pop()
            yield node
            with contextlib.suppress(self._error):
                count = min(node.get_child_count(), MOST_NODES)
                children = (node.get_child_at_index(index) for index in range(count))
                waiting += reversed([child for child in children if child is not None])

    def _loaded(self) -> Any:
        if self._atspi is None:
            warnings.simplefilter("ignore")
            try:
                import gi  # type: ignore[import-not-found]

                gi.require_version("Atspi", "2.0")
                from gi.repository import Atspi, GLib  # type: ignore[import-not-found]
            except (ImportError, ValueError) as error:
                raise Refusal("unsupported", f"No accessible names here: {error}") from error
            Atspi.init()
            Atspi.set_timeout(1000, 3000)
            self._error = GLib.Error
            self._atspi = Atspi
        self._atspi.get_desktop(0).clear_cache()  # of all below; set_cache_mask(NONE) hangs (2.46)
        return self._atspi


def _meant(found: list[tuple[Any, dict[str, Any]]]) -> list[tuple[Any, dict[str, Any]]]:
    """Leave out what nobody means who could mean another: a button's text, what is out of sight.

    Of elements with the same name within each other, the innermost stays.
    """
    for key in ("focusable", "showing"):
        found = [one for one in found if one[1][key]] or found
    told = [one for _, one in found]
    return [
        one
        for one in found
        if not any(_holds(one[1], other) for other in told if other is not one[1])
    ]


def _holds(outer: dict[str, Any], inner: dict[str, Any]) -> bool:
    if outer["name"] != inner["name"] or outer["box"] == inner["box"]:
        return False
    left, top, width, height = outer["box"]
    x, y, across, down = inner["box"]
    return bool(left <= x and top <= y and x + across <= left + width and y + down <= top + height)
