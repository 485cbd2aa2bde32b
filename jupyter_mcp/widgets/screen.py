"""A sandbox's screen in a notebook, live, with mouse and keys."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jupyter_mcp.errors import ToolError
from jupyter_mcp.widgets.background import Background, Caller, Inputs

_STATIC = Path(__file__).parent / "static"

UNSEEN_SECONDS = 6.0
"""After how many seconds without a word from a view nobody looks any more."""

SOON, LATE = 0.1, 1.0
"""Seconds between two looks at a screen that changes, and at one that has been still."""


class Screen(anywidget.AnyWidget):
    """The screen of a sandbox, as a widget.

    Args:
        client: Calls the tools.
        sandbox: Identifier or name of the sandbox.
    """

    _esm = _STATIC / "screen.js"
    _css = _STATIC / "screen.css"
    status = traitlets.Unicode("opening …").tag(sync=True)
    size = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(1, 1)).tag(sync=True)

    def __init__(self, client: Caller, sandbox: str) -> None:
        super().__init__()
        self.sandbox = sandbox
        self._client = client
        self._seen = 0.0
        self._known = ""
        self._inputs = Inputs()
        self._background = Background()
        self._look()
        self.status = f"screen of {sandbox}"
        self.on_msg(self._receive)
        self._background.start("screen pictures", self._follow)
        self._background.start("screen input", self._carry)

    def close(self) -> None:
        """Stop looking; the sandbox and its screen stay."""
        self._inputs.end()
        self._background.stop()
        super().close()

    def _receive(self, _: Any, message: Mapping[str, Any], __: Sequence[Any]) -> None:
        self._seen = time.monotonic()
        match message.get("kind"):
            case "ready":
                self._known = ""  # the new view has no picture yet
            case "visible":
                return
            case _:
                self._inputs.put(message)

    def _follow(self) -> None:
        pause = SOON
        while not self._background.stopped.wait(pause):
            if time.monotonic() - self._seen > UNSEEN_SECONDS:
                continue
            try:
                pause = SOON if self._look() else min(LATE, pause * 1.5)
            except ToolError as error:
                self.status = str(error)
                if error.code == "not_found":
                    return
                pause = LATE

    def _look(self) -> bool:
        """Send the picture to the views if it is another than before."""
        result = self._client.call(
            "computer",
            action="screenshot",
            sandbox_id=self.sandbox,
            format="jpeg",
            unless=self._known,
        )
        told = result.structured
        self.size = (told["width"], told["height"])
        if not result.images:
            return False
        self._known = told["hash"]
        [picture] = result.images
        self.send({"kind": "picture", "mime": picture.mime}, [picture.data])
        return True

    def _carry(self) -> None:
        while (batch := self._inputs.batch()) is not None:
            for arguments in actions(batch):
                try:
                    self._client.call("computer", sandbox_id=self.sandbox, **arguments)
                except ToolError as error:
                    self.status = str(error)


def actions(batch: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the actions behind messages of a view.

    What was typed in one go is typed in one, and of a pointer on its way only the last place
    counts.
    """
    found: list[dict[str, Any]] = []
    for message in batch:
        for action in _of(message):
            last = found[-1] if found else {}
            if action["action"] == last.get("action") == "type":
                last["text"] += action["text"]
            elif action["action"] == last.get("action") == "mouse_move":
                found[-1] = action
            else:
                found.append(action)
    return found


def _of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the actions behind one message; none for what no view of ours sends."""
    match message:
        case {"kind": "text" | "key" as kind, "text": str(text)}:
            return [{"action": "type" if kind == "text" else "key", "text": text}]
        case {"kind": "move" | "down" | "up" as kind, "coordinate": at}:
            there: dict[str, Any] = {"action": "mouse_move", "coordinate": at}
            return [there] if kind == "move" else [there, {"action": f"left_mouse_{kind}"}]
        case {"kind": "click", "button": "middle" | "right" as button, "coordinate": at}:
            return [{"action": f"{button}_click", "coordinate": at}]
        case {"kind": "scroll", "coordinate": at, "direction": direction, "amount": amount}:
            scroll = {"scroll_direction": direction, "scroll_amount": amount}
            return [{"action": "scroll", "coordinate": at, **scroll}]
        case _:
            return []
