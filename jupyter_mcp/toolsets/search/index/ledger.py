"""Remembers across processes whether every piece has its vector.

Words and vectors lie in two stores, and no transaction spans both. So it is written down before
the words of an update that its vectors may be missing, and taken back when they are all there.
Who finds the note after a crash compares the two stores; who does not need not open Chroma.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore


class Ledger:
    """The note about the vectors of one embedder.

    Args:
        store: Where it is kept.
        name: The embedder's.
        is_kept: Whether this process writes it down; else it only reads it.
    """

    def __init__(self, store: LexicalStore, name: str, *, is_kept: bool = True) -> None:
        self._store, self._key, self._is_kept = store, f"vectors {name}", is_kept
        self._lock = threading.Lock()
        self._writing = 0
        told = json.loads(store.get(self._key, "{}"))
        self._is_complete = bool(told.get("complete", False))
        self._count = int(told.get("count", 0))
        self._is_mended = self._is_complete
        self._losses = 0

    @property
    def is_complete(self) -> bool:
        """Whether every piece has its vector on the disk."""
        return self._is_complete

    @property
    def count(self) -> int:
        """How many vectors there were on the disk when that was written down last."""
        return self._count

    @property
    def losses(self) -> int:
        """How often vectors got lost since the ledger was opened, see `mend`."""
        return self._losses

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Note that vectors may be missing while words are written."""
        with self._lock:
            self._writing += 1
            if self._is_complete:
                self._note(is_complete=False, count=self._count)
        try:
            yield
        finally:
            with self._lock:
                self._writing -= 1

    def lose(self) -> None:
        """Note that vectors are missing, and not only for a moment."""
        with self._lock:
            self._is_mended = False
            self._losses += 1
            if self._is_complete:
                self._note(is_complete=False, count=self._count)

    def mend(self, losses: int) -> None:
        """Note that all that was missing has been made, unless more got lost meanwhile.

        Args:
            losses: What `losses` was before.
        """
        with self._lock:
            self._is_mended = losses == self._losses

    def settle(self, count: int) -> None:
        """Note how many vectors there are when all that were made are written."""
        with self._lock:
            is_complete = self._is_mended and not self._writing
            if (is_complete, count) != (self._is_complete, self._count):
                self._note(is_complete=is_complete, count=count)

    def _note(self, *, is_complete: bool, count: int) -> None:
        """Write it down; where that fails it stays incomplete, which only costs time."""
        self._is_complete, self._count = is_complete, count
        if not self._is_kept:
            return
        try:
            self._store.set(self._key, json.dumps({"complete": is_complete, "count": count}))
        except ToolError:
            self._is_complete = False
