"""OpenAI's names of actions, in Anthropic's.

Its computer tool says ``click`` with a button, ``drag`` with a path, ``keypress`` with a list and
``scroll`` with distances in pixels; everything else has the same meaning under another name.
"""

from __future__ import annotations

from dataclasses import replace

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.request import BUTTONS, Request

CLICKS = {1: "left_click", 2: "middle_click", 3: "right_click"}


def canonical(request: Request) -> Request:
    """Return the same request with the name that Anthropic's schema has for it.

    Raises:
        ToolError: ``invalid_arguments`` for a button that does not exist.
    """
    match request.action:
        case "click":
            number = button(request.button)
            return replace(request, action=CLICKS.get(number, "click"))
        case "move":
            return replace(request, action="mouse_move")
        case "drag":
            return replace(request, action="left_click_drag")
        case "keypress":
            return replace(request, action="key")
        case _:
            return request


def button(name: str | None) -> int:
    """Return the number of a mouse button (X11).

    Raises:
        ToolError: ``invalid_arguments``.
    """
    number = BUTTONS.get((name or "left").lower())
    if number is None:
        raise ToolError(
            "invalid_arguments",
            f"There is no mouse button {str(name)[:20]!r}.",
            f"Buttons are {', '.join(BUTTONS)}.",
        )
    return number
