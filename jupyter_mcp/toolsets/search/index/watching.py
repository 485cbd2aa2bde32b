"""Keeps an index up to date while files change."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.engine import NETWORK_FILE_SYSTEMS, file_system
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.inotify import Inotify
from jupyter_mcp.toolsets.search.index.model import Report

POLL_SECONDS = 5.0
"""How often is looked where nothing tells of changes."""

_REST = 10
"""Looks through a large folder are so many times as far apart as one takes."""

HAS_INOTIFY = sys.platform == "linux"
"""Whether the system tells of folders without following links; elsewhere watchfiles does."""

_DEBOUNCE, _STEP, _TIMEOUT = 20, 10, 100
"""In milliseconds: a burst is at most so long, ends after so much quiet, is asked for so often."""

_MANY = 50
"""From so many changes on, such as another branch, it is waited until there are no more."""

_TOO_MANY = 1000
"""From so many changes on the whole folder is looked through."""


class _Stop:
    """Ends the watching. The first time that it is asked, the watches are set."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.is_watching = threading.Event()

    def is_set(self) -> bool:
        """Tell whether it is to end."""
        self.is_watching.set()
        return self.event.is_set()


class Watcher:
    """Updates `index` after each change below its folder, in a thread of its own, until `close`.

    When it is made, the folder is being watched: what an update finds after that is complete.

    Args:
        index: What is kept up to date.
        on_change: Is told in that thread what each update did, if it did anything.
        poll_seconds: How often is looked where nothing tells of changes.
    """

    def __init__(
        self,
        index: Index,
        on_change: Callable[[Report], None] | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._index, self._on_change, self._poll_seconds = index, on_change, poll_seconds
        self._stop = _Stop()
        self._note = ""
        self._thread = threading.Thread(
            target=self._run, name="jupyter-mcp-search-watcher", daemon=True
        )
        self._thread.start()
        self._stop.is_watching.wait()

    @property
    def note(self) -> str:
        """What a reader of the status should know; empty for nothing."""
        return self._note

    def close(self) -> None:
        """End the thread, and the update that runs in it."""
        self._stop.event.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            system = file_system(self._index.folder)
            if system not in NETWORK_FILE_SYSTEMS:
                self._watch()
                return
            reason = f"it lies on {system}, which does not tell what others change"
        except Exception as error:  # noqa: BLE001 - the watching library has no error of its own
            reason = _reason(error)
        self._note = (
            f"The folder is looked through every {self._poll_seconds:g} s: {reason}. "
            "Changes are found that much later."
        )
        self._poll()

    def _watch(self) -> None:
        changed: set[str] = set()
        for paths in self._events():
            changed |= paths
            if paths and len(changed) > _MANY:
                continue
            if taken := changed.union(self._index.pending):
                changed = set()
                self._update(sorted(taken))

    def _events(self) -> Iterator[set[str]]:
        """Yield what changed below the folder, an empty set every now and then."""
        for paths in self._told() if HAS_INOTIFY else self._told_elsewhere():
            yield {path for path in paths if not path or self._index.concerns(path)}

    def _told(self) -> Iterator[set[str]]:
        with Inotify(self._index.folder) as told:
            while not self._stop.is_set():
                yield told.burst(_TIMEOUT, _STEP, _DEBOUNCE)

    def _told_elsewhere(self) -> Iterator[set[str]]:
        from watchfiles import watch

        root = f"{self._index.folder}/"
        found = watch(
            self._index.folder,
            watch_filter=None,
            debounce=_DEBOUNCE,
            step=_STEP,
            rust_timeout=_TIMEOUT,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        )
        for changes in found:
            yield {path.removeprefix(root) for _, path in changes if path.startswith(root)}

    def _poll(self) -> None:
        self._stop.is_watching.set()
        seconds = self._poll_seconds
        while not self._stop.event.wait(seconds):
            began = time.monotonic()
            self._update(None)
            seconds = max(self._poll_seconds, _REST * (time.monotonic() - began))

    def _update(self, paths: list[str] | None) -> None:
        if paths and (len(paths) > _TOO_MANY or any(not path or _is_rule(path) for path in paths)):
            paths = None
        try:
            report = self._index.update(paths, is_cancelled=self._stop.event.is_set)
        except ToolError:
            return  # the status tells
        if self._on_change and (report.added or report.changed or report.removed):
            self._on_change(report)


def _is_rule(path: str) -> bool:
    """Whether a file says what is left out."""
    is_named = Path(path).name in {".gitignore", "pyvenv.cfg"}
    return is_named or path.endswith(".git/info/exclude")


def _reason(error: Exception) -> str:
    told = str(error).lower()
    if "no space left" in told or "watch limit" in told or "os error 28" in told:
        return "the system has no more watches (raise fs.inotify.max_user_watches)"
    return f"watching it failed ({error})"
