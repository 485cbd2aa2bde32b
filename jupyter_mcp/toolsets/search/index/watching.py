"""Keeps an index up to date while files change."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Report


class Watcher:
    """Updates `index` after each change below its folder, in a thread of its own, until `close`.

    Args:
        index: What is kept up to date.
        on_change: Is told in that thread what each update did.
    """

    def __init__(self, index: Index, on_change: Callable[[Report], None] | None = None) -> None:
        self.index = index
        self.on_change = on_change

    @property
    def note(self) -> str:
        """What a reader of the status should know; empty for nothing."""
        raise NotImplementedError

    def close(self) -> None:
        """End the thread, and the update that runs in it."""
        raise NotImplementedError
