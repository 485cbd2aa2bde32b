"""Remembers across processes whether every piece has its vector.

Words and vectors lie in two stores, and no transaction spans both. So it is noted up to which piece
all vectors are there; the numbers of pieces only rise. After a crash the newest piece has a higher
number than the note, and the two stores are compared; otherwise nobody needs to open Chroma.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sized
from contextlib import contextmanager

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore


class Ledger:
    """The note about the vectors of one embedder. Thread-safe.

    Args:
        words: Where the pieces are, and the note.
        name: The embedder's.
        is_kept: Whether this process writes it down; else it only reads it.
    """

    def __init__(self, words: LexicalStore, name: str, *, is_kept: bool = True) -> None:
        self._words, self._key, self._is_kept = words, f"vectors {name}", is_kept
        self._lock = threading.Lock()
        self._writing = self._losses = 0
        self._noted = words.get(self._key, "[0, 0, 0]")
        self._stored, self._waiting, self._count = json.loads(self._noted)
        last = words.last()
        self._is_mended = last in {self._stored, self._waiting}
        self._needs_waiting = last == self._waiting != self._stored

    @property
    def is_complete(self) -> bool:
        """Whether every piece has its vector in the store."""
        return bool(self._words.last() == self._stored)

    @property
    def is_mended(self) -> bool:
        """Whether every piece has its vector in the store, or on the way there."""
        return self._is_mended

    @property
    def count(self) -> int:
        """How many vectors there were in the store when that was noted last."""
        return int(self._count)

    @property
    def losses(self) -> int:
        """How often vectors were missed since the ledger was opened, see `mend`."""
        return self._losses

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lend the time in which pieces are written before their vectors."""
        with self._lock:
            self._writing += 1
        try:
            yield
        finally:
            with self._lock:
                self._writing -= 1

    def lag(self) -> None:
        """Take note that new pieces came without vectors."""
        with self._lock:
            self._is_mended = False
            self._losses += 1

    def lose(self) -> None:
        """Take note that vectors went away that were there."""
        self.lag()
        with self._lock:
            self._note(-1, -1, 0)

    def lose_waiting(self) -> None:
        """Take note that no vectors are kept outside of the store."""
        if self._needs_waiting:
            self.lag()

    def mend(self, losses: int) -> None:
        """Take note that all that was missing has been made, unless more was missed meanwhile.

        Args:
            losses: What `losses` was before.
        """
        with self._lock:
            self._is_mended = losses == self._losses

    def grow(self, count: int) -> None:
        """Take note that so many more vectors are in the store; it is written down later."""
        self._count += count

    def settle(self, count: int, waiting: Sized) -> None:
        """Take note of how many vectors are in the store, and up to where when none waits for it.

        Args:
            count: How many there are.
            waiting: The vectors on their way. They are looked at here, where nobody begins or ends
                `writing`: an update that just ended has left its own there.
        """
        with self._lock:
            is_whole = self._is_mended and not self._writing and not len(waiting)
            last = self._words.last() if is_whole else self._stored
            self._note(last, self._waiting, count)

    def wait(self) -> None:
        """Take note that the vectors that are not in the store are kept elsewhere."""
        with self._lock:
            if self._is_mended and not self._writing:
                self._note(self._stored, self._words.last(), self._count)

    def _note(self, stored: int, waiting: int, count: int) -> None:
        self._stored, self._waiting, self._count = stored, waiting, count
        note = json.dumps([stored, waiting, count])
        if note == self._noted or not self._is_kept:
            return
        try:
            self._words.set(self._key, note)
            self._noted = note
        except ToolError:  # a note that is too old only costs time, see above
            self._stored = -1
