"""From an action to steps: what the mouse and the keyboard do, and for how long nothing is done.

Everything is checked here, before the first key is pressed, so that nothing is done by half.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.aliases import button
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen
from jupyter_mcp.toolsets.sandboxes.desktop.keys import combination, combinations, together
from jupyter_mcp.toolsets.sandboxes.desktop.request import Request
from jupyter_mcp.toolsets.sandboxes.desktop.text import pieces

T = TypeVar("T")

LONGEST_SECONDS = 100.0
MOST_NOTCHES = 100
PIXELS_A_NOTCH = 120
"""How far Chromium scrolls with one notch of the wheel (measured), for OpenAI's pixels."""
MOST_POINTS = 200
CLICK_SECONDS = 0.03
"""Between the clicks of a double click: Chromium takes two in one millisecond for the same one."""
DRAG_STEPS = 12
DRAG_SECONDS = 0.015
"""Between the points of a drag: programs tell a drag from a click by its movement."""


@dataclass(frozen=True, slots=True)
class Move:
    """The pointer goes to a pixel of the screen."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Press:
    """A mouse button goes down or up."""

    number: int
    is_down: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A key goes down or up."""

    keysym: int
    is_down: bool


@dataclass(frozen=True, slots=True)
class Write:
    """A piece of text is typed."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for some seconds."""

    seconds: float


Step = Move | Press | Key | Write | Pause


def steps_of(request: Request, screen: Screen) -> list[Step]:
    """Return the steps of an action that moves the mouse or presses keys, or waits.

    Args:
        request: The action under Anthropic's name.
        screen: Where it is done.

    Raises:
        ToolError: ``invalid_arguments`` for what is missing, unknown or outside of the screen.
    """
    return PLANS[request.action](request, screen)


def _clicks(number: int, count: int) -> Callable[[Request, Screen], list[Step]]:
    def plan(request: Request, screen: Screen) -> list[Step]:
        which = number or button(request.button)
        click: list[Step] = [Press(which, is_down=True), Press(which, is_down=False)]
        clicks = [*click, *([Pause(CLICK_SECONDS), *click] * (count - 1))]
        return [*_pointed(request, screen), *_held(_modifiers(request), clicks)]

    return plan


def _move(request: Request, screen: Screen) -> list[Step]:
    return [Move(*screen.on_screen(_needed(request.coordinate, "coordinate", request)))]


def _press(is_down: bool) -> Callable[[Request, Screen], list[Step]]:
    return lambda request, screen: [*_pointed(request, screen), Press(1, is_down)]


def _drag(request: Request, screen: Screen) -> list[Step]:
    if request.path is not None:
        points = list(request.path)
        if not 2 <= len(points) <= MOST_POINTS:  # noqa: PLR2004
            raise _wrong(f"path has {len(points)} points.", f"Give 2 to {MOST_POINTS} of them.")
    else:
        end = _needed(request.coordinate, "coordinate", request)
        points = [*([request.start_coordinate] if request.start_coordinate else []), end]
    there = [screen.on_screen(point) for point in points]
    steps: list[Step] = [] if len(there) == 1 else [Move(*there[0]), Pause(DRAG_SECONDS)]
    steps += [Press(1, is_down=True), Pause(DRAG_SECONDS)]
    count = max(2, DRAG_STEPS // max(1, len(there) - 1)) if len(there) > 1 else 1
    for (left, top), (right, bottom) in pairwise(there):
        for step in range(1, count + 1):
            x = left + (right - left) * step / count
            y = top + (bottom - top) * step / count
            steps += [Move(round(x), round(y)), Pause(DRAG_SECONDS)]
    if len(there) == 1:
        steps += [Move(*there[0]), Pause(DRAG_SECONDS)]
    return [*_held(_modifiers(request), [*steps, Press(1, is_down=False)])]


def _scroll(request: Request, screen: Screen) -> list[Step]:
    turns = [_turn(request)] if request.scroll_direction else _distances(request)
    steps: list[Step] = []
    for number, count in turns:
        if not 0 <= count <= MOST_NOTCHES:
            raise _wrong(
                f"{count} notches are not possible.", f"Scroll by 0 to {MOST_NOTCHES} at a time."
            )
        steps += [Press(number, is_down=True), Press(number, is_down=False)] * count
    return [*_pointed(request, screen), *_held(_modifiers(request), steps)]


def _turn(request: Request) -> tuple[int, int]:
    number = {"up": 4, "down": 5, "left": 6, "right": 7}[str(request.scroll_direction)]
    return number, 3 if request.scroll_amount is None else request.scroll_amount


def _distances(request: Request) -> list[tuple[int, int]]:
    if request.scroll_x is None and request.scroll_y is None:
        raise _wrong(
            "scroll needs a direction.",
            'Give scroll_direction ("up", "down", "left", "right") and scroll_amount, '
            "or scroll_x and scroll_y in pixels.",
        )
    turns = []
    for distance, back, forth in ((request.scroll_x, 6, 7), (request.scroll_y, 4, 5)):
        if distance:
            notches = max(1, round(abs(_finite(distance)) / PIXELS_A_NOTCH))
            turns.append((forth if distance > 0 else back, notches))
    return turns


def _key(request: Request, _: Screen) -> list[Step]:
    if request.keys is not None:
        return _held(together(request.keys), [])
    found = combinations(_needed(request.text, "text", request))
    return [step for keysyms in found for step in _held(keysyms, [])]


def _hold(request: Request, _: Screen) -> list[Step]:
    if request.keys is not None:
        keysyms = together(request.keys)
    else:
        keysyms = combination(_needed(request.text, "text", request).strip())
    return _held(keysyms, [Pause(_seconds(request))])


def _type(request: Request, _: Screen) -> list[Step]:
    return [Write(piece) for piece in pieces(request.text or "")]


def _wait(request: Request, _: Screen) -> list[Step]:
    return [Pause(_seconds(request))]


PLANS: dict[str, Callable[[Request, Screen], list[Step]]] = {
    "left_click": _clicks(1, 1),
    "middle_click": _clicks(2, 1),
    "right_click": _clicks(3, 1),
    "double_click": _clicks(1, 2),
    "triple_click": _clicks(1, 3),
    "click": _clicks(0, 1),
    "mouse_move": _move,
    "left_mouse_down": _press(True),
    "left_mouse_up": _press(False),
    "left_click_drag": _drag,
    "scroll": _scroll,
    "key": _key,
    "hold_key": _hold,
    "type": _type,
    "wait": _wait,
}


def _pointed(request: Request, screen: Screen) -> list[Step]:
    return [] if request.coordinate is None else [Move(*screen.on_screen(request.coordinate))]


def _modifiers(request: Request) -> list[int]:
    if request.keys is not None:
        return together(request.keys)
    return combination(request.text.strip()) if request.text and request.text.strip() else []


def _held(keysyms: Sequence[int], steps: list[Step]) -> list[Step]:
    """Return `steps` with keys held down around them, each released in the opposite order."""
    down: list[Step] = [Key(keysym, is_down=True) for keysym in keysyms]
    up: list[Step] = [Key(keysym, is_down=False) for keysym in reversed(keysyms)]
    return [*down, *steps, *up]


def _needed(value: T | None, name: str, request: Request) -> T:
    if value is None:
        raise _wrong(f"{request.action} needs {name}.", f"Give {name}.")
    return value


def _seconds(request: Request) -> float:
    seconds = 1.0 if request.duration is None else request.duration
    if not 0 <= _finite(seconds) <= LONGEST_SECONDS:
        raise _wrong(
            f"{seconds:g} seconds are not possible.",
            f"Give a duration from 0 to {LONGEST_SECONDS:g} seconds.",
        )
    return seconds


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _wrong(f"{value} is no number.", "Give a finite number.")
    return value


def _wrong(message: str, remedy: str) -> ToolError:
    return ToolError("invalid_arguments", message, remedy)
