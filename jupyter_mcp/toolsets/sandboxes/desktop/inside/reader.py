"""The program that reads the keys, asked whether it has read those before.

What a key means is looked up when a program comes to it, which on a busy machine takes seconds: of
texts with more strange characters than spare keys, typed beside three processes that do nothing but
work, a third arrived with wrong characters.
"""

from __future__ import annotations

import time
from typing import Any

LOOK_SECONDS = 0.002


class Reader:
    """The active window of a display.

    Args:
        display: python-xlib's connection.
    """

    def __init__(self, display: Any) -> None:
        import Xlib.error  # type: ignore[import-untyped]
        import Xlib.X  # type: ignore[import-untyped]
        from Xlib.protocol.event import ClientMessage  # type: ignore[import-untyped]

        self._display = display
        self._root = display.screen().root
        self._event, self._gone = ClientMessage, Xlib.error.XError
        self._told = Xlib.X.SubstructureNotifyMask
        self._number = 0
        names = ("WM_PROTOCOLS", "_NET_WM_PING", "_NET_ACTIVE_WINDOW")
        self._protocols, self._ping, self._active = (display.intern_atom(name) for name in names)

    def wait(self, end: float) -> bool:
        """Wait until it has read all events so far, at most until `end`; return whether it has.

        It is asked by a ping, which it answers in turn with its other events
        (https://specifications.freedesktop.org/wm-spec/latest/, "_NET_WM_PING").
        """
        try:
            window = self._window()
            if window is None or self._ping not in window.get_wm_protocols():
                return False
            self._root.change_attributes(event_mask=self._told)
            self._number += 1
            asked = (32, [self._ping, self._number, window.id, 0, 0])
            event = self._event(window=window, client_type=self._protocols, data=asked)
            window.send_event(event)
            return self._is_answered(end)
        except self._gone:
            return False  # the window has closed meanwhile
        finally:
            self._root.change_attributes(event_mask=0)

    def _window(self) -> Any:
        found = self._root.get_full_property(self._active, 0)
        number = found.value[0] if found and len(found.value) else 0
        return self._display.create_resource_object("window", number) if number else None

    def _is_answered(self, end: float) -> bool:
        while time.monotonic() < end:
            while self._display.pending_events():
                event = self._display.next_event()
                if getattr(event, "client_type", None) == self._protocols:
                    _, data = event.data
                    if (data[0], data[1]) == (self._ping, self._number):
                        return True
            time.sleep(LOOK_SECONDS)
        return False
