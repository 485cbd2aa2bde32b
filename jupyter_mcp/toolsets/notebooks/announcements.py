"""Telling that notebooks changed: once for a burst of changes, whoever made them.

A person's keystrokes and a cell's outputs come many times a second; who watches a notebook wants
to know that it changed, not how often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

GATHER_SECONDS = 0.1


class Announcer:
    """Gathers changes for a tenth of a second before they are told.

    Args:
        publish: Called with the path of a notebook that changed.
        listed: Called when notebooks came or went.
    """

    def __init__(self, publish: Callable[[str], None], listed: Callable[[], None]) -> None:
        self._publish = publish
        self._listed = listed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._known: set[str] = set()

    def start(self) -> None:
        """Take changes from now on, on the running event loop."""
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """Forget what was not told yet."""
        self._loop = None
        for handle in self._waiting.values():
            handle.cancel()
        self._waiting.clear()

    def know(self, path: str) -> None:
        """Count a notebook among those that are there."""
        self._known.add(path)

    def missing(self, path: str) -> None:
        """Tell that a notebook went, if it was known."""
        if path in self._known:
            self._known.discard(path)
            self._listed()

    def gone(self) -> None:
        """Tell that some notebook went."""
        self._listed()

    def changed(self, path: str) -> None:
        """Tell soon that the notebook at `path` changed; from the event loop only."""
        if self._loop is not None and path not in self._waiting:
            self._waiting[path] = self._loop.call_later(GATHER_SECONDS, self._tell, path)

    def saved(self, path: str) -> None:
        """Tell soon that a notebook was saved; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._saved, path)

    def _saved(self, path: str) -> None:
        if path not in self._known:
            self._known.add(path)
            self._listed()
        self.changed(path)

    def _tell(self, path: str) -> None:
        self._waiting.pop(path, None)
        self._publish(path)
