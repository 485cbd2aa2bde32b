"""Something of the server in a notebook, live, with what a person can do about it.

The kernel's side asks the server and carries out what a person clicks; nothing of it is stored with
the notebook, as everything goes in messages.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jupyter_mcp.errors import ToolError
from jupyter_mcp.widgets.background import Background, Caller, Inputs

STATIC = Path(__file__).parent / "static"
"""Where the bundles of views are."""

UNSEEN_SECONDS = 6.0
"""After how many seconds without a word from a view nobody looks any more."""

SOON, LATE = 0.5, 5.0
"""Seconds between two looks at what goes on, and after failures at most."""

STILL = 2.0
"""Seconds after which a view is told again that all is as before: without it, it looks old."""

SLOWER = 1.2
"""By how much longer it waits, up to `STILL`, after a look at which nothing was new.

Each look is a call that the server records, and a run may wait for a person for days.
"""


class LiveView(anywidget.AnyWidget):
    """A view that follows something, as a widget.

    Args:
        client: Calls the tools.
        name: What is followed, in a word or two.
    """

    status = traitlets.Unicode("opening …").tag(sync=True)

    def __init__(self, client: Caller, name: str) -> None:
        super().__init__()
        self._client = client
        self._name = name
        self._seen = 0.0
        self._known = ""
        self._told = 0.0
        self._heard = "it was opened"
        self._opened = ""
        self._is_over = False
        self._news = threading.Event()
        self._inputs = Inputs()
        self._background = Background()
        self._look()
        self.on_msg(self._receive)
        self._background.start(f"{name} news", self._follow)
        self._background.start(f"{name} clicks", self._carry)

    def __repr__(self) -> str:
        return self.status  # what a notebook shows where no widgets are

    def close(self) -> None:
        """Stop looking; what it shows goes on."""
        self._inputs.end()
        self._background.stopped.set()
        self._news.set()
        self._background.stop()
        super().close()

    def _message(self) -> dict[str, Any]:
        """Ask the server and return what the views are told; sets `status` and `_is_over`."""
        raise NotImplementedError

    def _asked(self, tool: str, given: Mapping[str, Any]) -> Any:
        """Return what a tool gives back.

        Raises:
            ToolError: For what is not for this view, and what the server refuses.
        """
        raise NotImplementedError

    def _answered(self, value: Mapping[str, Any]) -> None:
        """Take what came of a click."""

    def _receive(self, _: Any, message: Mapping[str, Any], __: Sequence[Any]) -> None:
        """Take what a view says."""
        was_unseen = self._is_unseen
        self._seen = time.monotonic()
        if was_unseen:
            self._news.set()
        match message:
            case {"kind": "ready"}:
                self._known = ""  # the new view knows nothing yet
                self._news.set()
            case {"kind": "open", "node": str(name)}:
                self._opened, self._known = name, ""
                self._news.set()
            case {"kind": "call"}:
                self._inputs.put(message)

    @property
    def _is_unseen(self) -> bool:
        return time.monotonic() - self._seen > UNSEEN_SECONDS

    def _follow(self) -> None:
        """Look while somebody sees it and it goes on, or when a view asks."""
        pause = SOON
        while True:
            rests = self._is_over or self._is_unseen
            is_asked = self._news.wait(None if rests else pause)
            self._news.clear()
            if self._background.stopped.is_set():
                return
            try:
                is_new = self._look()
            except ToolError as error:
                self._fail(str(error))
                pause = min(LATE, pause * 2)
            else:
                pause = SOON if is_new or is_asked else min(STILL, pause * SLOWER)

    def _fail(self, text: str) -> None:
        """Tell the views why there are no news; the next news are told in any case."""
        self._told = 0.0
        if not self._is_over:
            self.status = f"{self._name}: no news since {self._heard}"
        self.send({"kind": "failure", "text": text})

    def _look(self) -> bool:
        """Tell the views what is there if it is something else, else now and then a sign.

        Returns:
            Whether it is something else.
        """
        message = self._message()
        self._heard = time.strftime("%H:%M:%S")
        known = json.dumps(message, sort_keys=True)
        if known == self._known:  # left as it is: a view that comes now has emptied it
            if time.monotonic() - self._told >= STILL:
                self._told = time.monotonic()
                self.send({"kind": "same"})
            return False
        self._known, self._told = known, time.monotonic()
        self.send(message)
        return True

    def _carry(self) -> None:
        """Do what was clicked, one after the other."""
        while (batch := self._inputs.batch()) is not None:
            for message in batch:
                self.send({"kind": "answer", "id": message.get("id"), **self._carried_out(message)})
                self._news.set()

    def _carried_out(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool and return its value, and what was wrong."""
        tool, given = str(message.get("tool")), message.get("arguments")
        try:
            told = self._asked(tool, given if isinstance(given, Mapping) else {})
        except (ToolError, TypeError) as error:  # a TypeError: arguments that the client refuses
            return {"error": str(error)}
        if told is None:
            return {"error": ""}
        if told.is_error:
            return {"error": told.text or f"{tool} failed."}
        value = told.structured or {}
        self._answered(value)
        return {"error": "", "value": value}
