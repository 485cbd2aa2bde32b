"""What is asked of a desktop, as it was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Anthropic = Literal[
    "key",
    "hold_key",
    "type",
    "cursor_position",
    "mouse_move",
    "left_mouse_down",
    "left_mouse_up",
    "left_click",
    "left_click_drag",
    "right_click",
    "middle_click",
    "double_click",
    "triple_click",
    "scroll",
    "wait",
    "screenshot",
    "zoom",
]
"""Actions of ``computer_20250124`` and ``computer_20251124``."""
Action = Literal[Anthropic, "find", "click", "move", "drag", "keypress"]
"""Those, ours to list elements by name, and OpenAI's where they have another name."""
Direction = Literal["up", "down", "left", "right"]
Point = tuple[float, ...]
"""Two numbers, once the screen has checked them."""
BUTTONS = {"left": 1, "middle": 2, "wheel": 2, "right": 3, "back": 8, "forward": 9}


@dataclass(frozen=True, slots=True)
class Request:
    """An action with its arguments; coordinates are those of the picture.

    Args:
        action: One of `Action`.
        coordinate: Where to point.
        start_coordinate: Where a drag begins; where the pointer is, if it is not given.
        text: What to type; keys to press; keys that are held during a click or a scroll.
        keys: Keys that are pressed together, or held during a click.
        duration: Seconds.
        scroll_direction: Which way the wheel is turned.
        scroll_amount: By how many notches.
        scroll_x: Pixels to the right.
        scroll_y: Pixels down.
        region: Left, top, right and bottom of what is to be shown large.
        button: Mouse button of a click.
        path: Points of a drag.
        name: Accessible name of the element to act on.
        role: Its role.
    """

    action: str
    coordinate: Point | None = None
    start_coordinate: Point | None = None
    text: str | None = None
    keys: tuple[str, ...] | None = None
    duration: float | None = None
    scroll_direction: Direction | None = None
    scroll_amount: int | None = None
    scroll_x: float | None = None
    scroll_y: float | None = None
    region: tuple[float, ...] | None = None
    button: str | None = None
    path: tuple[Point, ...] | None = None
    name: str | None = None
    role: str | None = None
