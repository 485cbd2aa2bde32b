"""Elements on the screen, as programs name them for people who do not see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen

SHOWN = 10
FURTHEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Element:
    """A button, a link, a field.

    Args:
        name: Its accessible name.
        role: Its role, in AT-SPI's words, such as ``push button``.
        x: The middle of it, in coordinates of the picture.
        y: Likewise.
        is_showing: Whether it is within what can be seen.
        is_enabled: Whether it can be used.
    """

    name: str
    role: str
    x: int
    y: int
    is_showing: bool
    is_enabled: bool

    def __str__(self) -> str:
        notes = "" if self.is_showing else ", out of sight"
        notes += "" if self.is_enabled else ", disabled"
        return f"{self.role} {self.name!r} at [{self.x}, {self.y}]{notes}"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Args:
        elements: In the order of the programs; limited.
        total: How many there are.
        is_cut: Whether not everything was looked at.
        nodes: How many nodes were looked at.
    """

    elements: tuple[Element, ...]
    total: int
    is_cut: bool
    nodes: int

    @property
    def is_any_named(self) -> bool:
        """Whether any program tells what it shows."""
        return self.nodes > 1


def found_in(told: Mapping[str, Any], screen: Screen) -> Found:
    """Return what the program inside found; what is no element is left out."""
    raw = told.get("elements")
    elements = [_element(one, screen) for one in (raw if isinstance(raw, list) else [])]
    kept = tuple(element for element in elements if element is not None)
    total, nodes = told.get("total"), told.get("nodes")
    return Found(
        kept,
        total if isinstance(total, int) else len(kept),
        bool(told.get("is_cut")),
        nodes if isinstance(nodes, int) else 0,
    )


def the_one(found: Found, name: str, role: str, screen: Screen) -> Element:
    """Return the one element that was meant.

    Raises:
        ToolError: ``not_found`` when there is none or it is out of sight, ``conflict`` when there
            are several, with where each is.
    """
    asked = " ".join(part for part in (role, repr(name) if name else "") if part)
    if not found.elements:
        raise _absent(found, asked)
    if found.total > 1:
        listed = "; ".join(str(element) for element in found.elements[:SHOWN])
        raise ToolError(
            "conflict",
            f"{found.total} elements fit {asked}: {listed}.",
            "Give the whole name or a role, or click one of them by its coordinate.",
            data={"elements": [_json(element) for element in found.elements[:SHOWN]]},
        )
    (element,) = found.elements[:1]
    width, height = screen.shown
    if not (element.is_showing and 0 <= element.x < width and 0 <= element.y < height):
        raise ToolError(
            "not_found",
            f"{element} is out of sight.",
            'Scroll to it with action="scroll", or bring its window to the front.',
        )
    return element


def _absent(found: Found, asked: str) -> ToolError:
    if not found.is_any_named:
        return ToolError(
            "not_found",
            "No program on the screen tells accessible names.",
            'Start a browser with the command "browser URL" and wait for its window; other '
            "programs tell them through AT-SPI (GTK, Qt). Or click by coordinate.",
        )
    more = " among the first ones looked at" if found.is_cut else ""
    return ToolError(
        "not_found",
        f"Nothing on the screen is called {asked}{more}.",
        'action="find" lists what has a name; or take a screenshot and click by coordinate.',
    )


def _json(element: Element) -> dict[str, Any]:
    return {
        "name": element.name,
        "role": element.role,
        "coordinate": [element.x, element.y],
        "showing": element.is_showing,
    }


def _element(told: Any, screen: Screen) -> Element | None:
    if not isinstance(told, dict):
        return None
    box = told.get("box")
    if not (isinstance(box, list) and len(box) == 4):  # noqa: PLR2004
        return None
    if not all(isinstance(side, int) and abs(side) < FURTHEST for side in box):
        return None
    name, role = told.get("name"), told.get("role")
    if not isinstance(name, str) or not isinstance(role, str):
        return None
    left, top, width, height = box
    x, y = screen.in_picture(left + width // 2, top + height // 2)
    return Element(
        name[:200], role[:50], x, y, bool(told.get("showing")), bool(told.get("enabled"))
    )
