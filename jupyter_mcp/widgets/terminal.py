"""A sandbox's terminal in a notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jupyter_mcp.errors import ToolError
from jupyter_mcp.widgets.background import Background, Caller, Inputs

_STATIC = Path(__file__).parent / "static"

KEPT = 200_000
"""Characters of what was shown that a view gets when it opens later."""

WAIT_SECONDS = 20.0
"""How long one question for news waits at the server."""


class Terminal(anywidget.AnyWidget):
    """A terminal in a sandbox, as a widget.

    Args:
        client: Calls the tools.
        sandbox: Identifier or name of the sandbox.
        command: What runs in it; empty for a shell.
    """

    _esm = _STATIC / "terminal.js"
    _css = _STATIC / "terminal.css"
    status = traitlets.Unicode("opening …").tag(sync=True)

    def __init__(self, client: Caller, sandbox: str, command: str = "") -> None:
        super().__init__()
        more = {"command": command} if command else {}
        opened = client.call("terminal_open", sandbox_id=sandbox, **more)
        self.terminal_id: str = opened["terminal_id"]
        self.sandbox = sandbox
        self._client = client
        self._shown = ""
        self._inputs = Inputs()
        self._background = Background()
        self.status = f"terminal in {sandbox}"
        self.on_msg(self._receive)
        self._background.start("terminal output", self._follow)
        self._background.start("terminal input", self._carry)

    def close(self) -> None:
        """End the terminal and what runs in it."""
        if not self._background.stopped.is_set():
            self._background.stopped.set()
            self._inputs.end()
            with contextlib.suppress(ToolError):  # it may be gone already
                self._client.call("terminal_close", terminal_id=self.terminal_id)
            self._background.stop()
            self.status = "closed"
        super().close()

    def _receive(self, _: Any, message: Mapping[str, Any], __: Sequence[Any]) -> None:
        if message.get("kind") == "ready":  # a view has opened: show it what was before
            self._show("reset", self._shown)
        else:
            self._inputs.put(message)

    def _show(self, kind: str, text: str) -> None:
        self.send({"kind": kind}, [text.encode()])

    def _follow(self) -> None:
        offset = 0
        while not self._background.stopped.is_set():
            try:
                news = self._client.call(
                    "terminal_read",
                    terminal_id=self.terminal_id,
                    offset=offset,
                    wait=WAIT_SECONDS,
                )
            except ToolError as error:
                self._end(str(error))
                return
            offset = news["offset"]
            if text := news["text"]:
                self._shown = (self._shown + text)[-KEPT:]
                self._show("output", text)
            elif not news["is_open"]:
                self._end(f"ended with {news['exit_code']}")
                return

    def _end(self, status: str) -> None:
        if not self._background.stopped.is_set():
            self.status = status
        self._inputs.end()

    def _carry(self) -> None:
        while (batch := self._inputs.batch()) is not None:
            for tool, arguments in calls(batch):
                try:
                    self._client.call(tool, terminal_id=self.terminal_id, **arguments)
                except ToolError as error:
                    self.status = str(error)


def calls(batch: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls behind messages; what was typed in one go is sent in one."""
    found: list[tuple[str, dict[str, Any]]] = []
    for message in batch:
        match message:
            case {"kind": "input", "text": str(text)}:
                if found and found[-1][0] == "terminal_send":
                    found[-1][1]["text"] += text
                else:
                    found.append(("terminal_send", {"text": text}))
            case {"kind": "resize", "rows": int(rows), "columns": int(columns)}:
                found.append(("terminal_resize", {"rows": rows, "columns": columns}))
    return found
