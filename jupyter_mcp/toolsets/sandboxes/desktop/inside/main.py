"""The program inside: starts the desktop, then does what the host asks, until it lets go."""

from __future__ import annotations

import os
import queue
import signal
import threading
from typing import Any

from jupyter_mcp.toolsets.sandboxes.desktop.inside.keyboard import Keyboard
from jupyter_mcp.toolsets.sandboxes.desktop.inside.manager import Manager
from jupyter_mcp.toolsets.sandboxes.desktop.inside.pictures import Pixels, picture
from jupyter_mcp.toolsets.sandboxes.desktop.inside.session import Session
from jupyter_mcp.toolsets.sandboxes.desktop.inside.tree import Tree
from jupyter_mcp.toolsets.sandboxes.desktop.inside.wire import Refusal, Wire

BACKGROUND = 0x4A5A6A
BUTTON_PRESS, BUTTON_RELEASE, MOTION = 4, 5, 6
"""X11 protocol: codes of events."""
Answer = tuple[dict[str, Any], bytes]


class Desktop:
    """A display with what is done on it."""

    def __init__(self, session: Session, width: int, height: int) -> None:
        session.start(width, height)
        try:
            import Xlib.display  # type: ignore[import-untyped]
        except ImportError as error:
            raise Refusal("unsupported", "This sandbox has no desktop: no python3-xlib.") from error
        self._display = Xlib.display.Display()
        self._root = self._display.screen().root
        self._root.change_attributes(background_pixel=BACKGROUND)
        self._root.clear_area()
        self._keyboard = Keyboard(self._display)
        self._manager = Manager(self._display)
        self._pixels = Pixels(session.pixels)

    def picture(self, request: dict[str, Any]) -> Answer:
        """Take a picture; what was done before is on it as far as the X server is concerned."""
        self._display.sync()
        keys = ("kind", "unless", "region", "size")
        return picture(self._pixels, *(request[key] for key in keys))

    def pointer(self, _: dict[str, Any]) -> Answer:
        """Tell where the pointer is."""
        at = self._root.query_pointer()
        return {"x": at.root_x, "y": at.root_y}, b""

    def steps(self, request: dict[str, Any]) -> Answer:
        """Move, press and release; clicks are with their windows when this returns."""
        steps = request["steps"]
        self._keyboard.prepare([step[1] for step in steps if step[0] == "key"])
        for kind, *values in steps:
            if kind == "move":
                self._display.xtest_fake_input(MOTION, x=values[0], y=values[1])
            elif kind == "button":
                event = BUTTON_PRESS if values[1] else BUTTON_RELEASE
                self._display.xtest_fake_input(event, values[0])
            else:
                self._keyboard.press(values[0], values[1])
        if any(kind == "button" for kind, *_ in steps):
            self._manager.wait()
        self._display.sync()
        return {}, b""

    def type(self, request: dict[str, Any]) -> Answer:
        """Type a text."""
        self._keyboard.type(request["text"])
        return {}, b""


class Program:
    """Answers requests in turn; only looking for elements, which may take long, is done beside."""

    def __init__(self) -> None:
        self._wire = Wire()
        self._session = Session()
        self._desktop: Desktop | None = None
        self._finds: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._finder: threading.Thread | None = None

    def run(self) -> None:
        """Serve until the host lets go, then end what was started."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(self._end()))
        try:
            for request in self._wire.requests():
                if request["op"] == "find":
                    self._find(request)
                else:
                    self._serve(request, self._answer)
        finally:
            self._end()

    def _end(self) -> int:
        self._session.stop()
        return 0

    def _answer(self, request: dict[str, Any]) -> Answer:
        if request["op"] == "begin":
            self._desktop = Desktop(self._session, request["width"], request["height"])
            return {"environment": self._session.environment}, b""
        if self._desktop is None:
            raise Refusal("unavailable", "The desktop has not begun.")
        does = {
            "picture": self._desktop.picture,
            "pointer": self._desktop.pointer,
            "steps": self._desktop.steps,
            "type": self._desktop.type,
        }
        return does[request["op"]](request)

    def _serve(self, request: dict[str, Any], answer: Any) -> None:
        try:
            told, data = answer(request)
        except Refusal as refusal:
            told, data = {"error": refusal.error}, b""
        except Exception as error:
            if threading.current_thread() is threading.main_thread():
                raise
            told, data = {"error": {"code": "unavailable", "message": f"AT-SPI: {error!r}"}}, b""
        self._wire.answer(request["id"], told, data)

    def _find(self, request: dict[str, Any]) -> None:
        if self._finder is None:
            self._finder = threading.Thread(target=self._finding, daemon=True)
            self._finder.start()
        self._finds.put(request)

    def _finding(self) -> None:
        tree = Tree()
        keys = ("name", "role", "limit", "reveal")
        while True:
            self._serve(
                self._finds.get(), lambda asked: (tree.find(*(asked[k] for k in keys)), b"")
            )


def main() -> None:
    """Run."""
    Program().run()
