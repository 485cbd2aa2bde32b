"""Progress of a call in the notebook: nothing for two seconds, then one line that is redrawn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Literal

from jupyter_mcp.ipython.asking import ask_person
from jupyter_mcp.ipython.waiting import Watcher

Phase = Literal["first", "next", "last"]
Show = Callable[[dict[str, str], Phase], None]
"""Shows a MIME bundle, which after the first one replaces the one before."""

LINE_WIDTH = 100


class Bar(Watcher):
    """One line that shows how far a call is.

    Args:
        title: What runs.
        after: Seconds to wait before anything is shown.
        show: Shows it.
    """

    def __init__(self, title: str, after: float, show: Show) -> None:
        self._title = title
        self._after = after
        self._show = show
        self._state: tuple[float, float | None, str] = (0.0, None, "")
        self._shown = ""

    def progress(self, done: float, total: float | None, message: str) -> None:
        """Take note of progress; the next tick draws it."""
        self._state = (done, total, message)

    def tick(self, seconds: float) -> None:
        """Draw the line when the call has run long enough."""
        if seconds >= self._after:
            self._draw(f"{int(seconds)} s", "next" if self._shown else "first")

    def ask(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the person."""
        return ask_person(params)

    def end(self, seconds: float) -> None:
        """Leave one last line, if there ever was one."""
        if self._shown:
            self._state = (0.0, None, "")
            self._draw(f"{seconds:.1f} s", "last")

    def _draw(self, clock: str, phase: Phase) -> None:
        done, total, message = self._state
        share = f" {done:g}/{total:g}" if total else ""
        line = f"{self._title}{share} {clock} {message.strip()}".rstrip()[:LINE_WIDTH]
        if line == self._shown:
            return
        bar = f'<progress value="{done:g}" max="{total:g}"></progress> ' if total else ""
        bundle = {"text/plain": line, "text/html": f"{bar}<code>{escape(line)}</code>"}
        self._show(bundle, phase)
        self._shown = line


def in_notebook(display_id: str) -> Show:
    """Return how a kernel shows the line: one display that is updated in place."""
    from IPython.display import display

    def show(bundle: dict[str, str], phase: Phase) -> None:
        update = phase != "first"
        display(bundle, raw=True, display_id=display_id, update=update)  # type: ignore[no-untyped-call]

    return show


def in_terminal(bundle: dict[str, str], phase: Phase) -> None:
    """Show the line in a terminal, over the one before."""
    end = "\n" if phase == "last" else ""
    sys.stderr.write(f"\r{bundle['text/plain']:<{LINE_WIDTH}}{end}")
    sys.stderr.flush()
