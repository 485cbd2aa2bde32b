"""The window manager, whose turn comes before that of the windows.

Openbox takes every press of a button first, since a click raises a window, and the X server keeps
the press back until openbox has passed it on. Keys go straight to the window. After a text with
strange characters openbox reads the layout anew for up to two seconds, and keys that follow a click
would overtake it: 7 of 12 first texts after such a click went into the wrong field.
"""

from __future__ import annotations

import time
from typing import Any

SECONDS = 10.0
"""After how long a window manager that does not answer is no longer waited for."""
LOOK_SECONDS = 0.002
ASK, TOLD = "_NET_REQUEST_FRAME_EXTENTS", "_NET_FRAME_EXTENTS"
"""A question that every window manager answers, and the property that is its answer
(https://specifications.freedesktop.org/wm-spec/latest/, "Other Root Window Messages")."""


class Manager:
    """The window manager of a display.

    Args:
        display: python-xlib's connection.
    """

    def __init__(self, display: Any) -> None:
        import Xlib.X  # type: ignore[import-untyped]
        from Xlib.protocol.event import ClientMessage  # type: ignore[import-untyped]

        self._display = display
        self._root = display.screen().root
        self._told = display.intern_atom(TOLD)
        self._mask = Xlib.X.SubstructureRedirectMask | Xlib.X.SubstructureNotifyMask
        self._any = Xlib.X.AnyPropertyType
        self._window = self._root.create_window(0, 0, 1, 1, 0, Xlib.X.CopyFromParent)
        ask = display.intern_atom(ASK)
        self._question = ClientMessage(window=self._window, client_type=ask, data=(32, [0] * 5))

    def wait(self) -> bool:
        """Wait until it has dealt with all that has happened, and return whether it answered."""
        self._window.delete_property(self._told)
        self._root.send_event(self._question, event_mask=self._mask)
        end = time.monotonic() + SECONDS
        while self._window.get_property(self._told, self._any, 0, 4) is None:
            if time.monotonic() > end:
                return False
            time.sleep(LOOK_SECONDS)
        return True
