"""A table in a notebook that is redrawn in place while what it shows goes on.

It is redrawn from a thread of its own, so that the kernel stays free: the job that one waits for
may be code of this very kernel.
"""

from __future__ import annotations

import contextvars
import html
import logging
import threading
import time
import uuid
from collections.abc import Callable

from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.progress import Show, in_notebook

Look = Callable[[], tuple[Table, bool]]
"""Returns the table as it is now, and whether what it shows goes on."""

SECONDS = 1.0
"""How often it looks at first."""

SLOWER, MOST = 1.05, 10.0
"""By how much longer it waits each time, and the longest wait in seconds."""

TRIES = 5
"""How often in a row looking may fail."""

LIVE = "This table keeps itself up to date."
OLD = "This table is no longer kept up to date: write the line again for a new one."

_log = logging.getLogger(__name__)


class LiveTable:
    """A table and the thread that redraws it.

    Args:
        look: Looks anew.
        show: Shows a MIME bundle in the place of the one before.
        seconds: How often it looks at first.
    """

    def __init__(self, look: Look, show: Show | None = None, seconds: float = SECONDS) -> None:
        self._look = look
        self._show = show or in_notebook(uuid.uuid4().hex)
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._table = Table([])
        self._when = ""

    def start(self, table: Table) -> None:
        """Show the table and begin to redraw it."""
        self._keep_in_mind(table)
        self._show(_bundle(table, f"{LIVE} {self._when}"), "first")
        context = contextvars.copy_context()  # so that updates belong to this cell
        self._thread = threading.Thread(
            target=context.run, args=(self._keep,), name="jupyter-mcp live table", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Redraw it no more; it says so, once."""
        self._ended.set()

    @property
    def is_live(self) -> bool:
        """Whether it is redrawn."""
        return self._thread is not None and self._thread.is_alive()

    def _keep(self) -> None:
        wait, failed, goes_on, problem = self._seconds, 0, True, ""
        while goes_on and failed < TRIES and not self._ended.wait(wait):
            wait = min(MOST, wait * SLOWER)
            try:
                table, goes_on = self._look()
            except Exception as error:  # noqa: BLE001 - the server may be back in a moment
                _log.debug("The table could not be brought up to date: %s", error)
                failed, problem = failed + 1, _line(error)
                self._show(_bundle(self._table, f"{self._when} {problem}"), "next")
                continue
            failed, problem = 0, ""
            self._keep_in_mind(table)
            if not (goes_on and self._ended.is_set()):
                note = f"{LIVE} {self._when}" if goes_on else ""
                self._show(_bundle(table, note), "next" if goes_on else "last")
        if goes_on:
            told = " ".join(filter(None, [OLD, self._when, problem]))
            self._show(_bundle(self._table, told), "last")

    def _keep_in_mind(self, table: Table) -> None:
        self._table = table
        self._when = f"It is as of {time.strftime('%H:%M:%S')}."


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _bundle(table: Table, note: str) -> dict[str, str]:
    below = f"<div>{html.escape(note)}</div>" if note else ""
    return {"text/plain": table.to_text(), "text/html": table.to_html() + below}
