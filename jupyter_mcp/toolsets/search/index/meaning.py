"""One embedder and the vectors it made: on the disk, and on their way there.

A thread of its own loads the store, which takes a second with Chroma, and writes what `add` got.
It lives as long as there is something to write.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.fresh import FreshVectors
from jupyter_mcp.toolsets.search.index.ledger import Ledger
from jupyter_mcp.toolsets.search.index.model import Progress

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Embedder, Vectors
    from jupyter_mcp.toolsets.search.vectors.vectors import VectorStore

MOST_FRESH = 64_000
"""So many vectors may wait (64 MB of 256 floats); then `add` waits."""

MOST_HELD = 48_000
"""So many may wait while an update runs: those of 30 MB, which are found sooner for it."""

PATIENCE = 3.0
"""Seconds before Chroma is loaded, unless somebody waits for it: a short program, and a server
that stops, are done by then."""

_WAIT = 0.05


class PutAsideError(ToolError):
    """Somebody else found the damage first: what was asked lies aside, and a new store is there."""

    def __init__(self) -> None:
        super().__init__(
            "unavailable",
            "The vectors were damaged and are put aside.",
            "They are made again; ask in mode hybrid meanwhile.",
        )


class Meaning:
    """Finds pieces by their meaning. Thread-safe.

    Args:
        embedder: What makes its vectors.
        vectors: Where they lie.
        ledger: Where it is noted what lies there.
        waiting: The file for vectors that are not written when it is closed.
        on_trouble: Is told, in the thread, why something could not be written. It is lost then.
    """

    def __init__(
        self,
        embedder: Embedder,
        vectors: VectorStore,
        ledger: Ledger,
        waiting: Path,
        on_trouble: Callable[[ToolError], object],
    ) -> None:
        self.embedder = embedder
        self.fresh = FreshVectors(waiting, ledger.lose_waiting)
        self.ledger = ledger
        self._vectors, self._on_trouble = vectors, on_trouble
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_loaded = self._is_closed = self._is_working = False
        self._is_wanted = False
        self._is_noted = True
        self._holds = self._resets = 0
        self._unused: set[str] = set()

    @property
    def is_loaded(self) -> bool:
        """Whether the store answers at once."""
        return self._is_loaded

    @property
    def is_empty(self) -> bool:
        """Whether there are no vectors at all."""
        return not self._is_loaded and not self.ledger.count and not len(self.fresh)

    def add(
        self, digests: Sequence[str], vectors: Vectors, is_ended: Callable[[], bool] | None = None
    ) -> None:
        """Take vectors, which are found from now on; wait while too many are being written."""
        with self._changed:
            self._unused.difference_update(digests)
        self.fresh.add(digests, vectors)
        self._work()
        while len(self.fresh) > MOST_FRESH and not self._is_closed:
            if is_ended and is_ended():
                return
            with self._changed:
                self._changed.wait(_WAIT)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write nothing meanwhile, unless too much waits: an update gets all processors."""
        with self._changed:
            self._holds += 1
        try:
            yield
        finally:
            with self._changed:
                self._holds -= 1
                self._changed.notify_all()

    def load(self) -> None:
        """Make the store answer; blocks for what that takes.

        Raises:
            ToolError: ``unavailable`` or ``corrupt``.
        """
        if not self._is_loaded:
            with self._asking() as vectors:
                count = vectors.count()
            if count < self.ledger.count:  # somebody deleted the folder
                self.ledger.lose()
            self._is_loaded = True

    def load_soon(self) -> None:
        """Make the store answer before long."""
        if not self._is_loaded and not self.is_empty:
            self._is_wanted = self.ledger.count > 0
            self._work()

    def count(self) -> int:
        """Return how many vectors lie on the disk."""
        return self._vectors.count()

    def known(self, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that have a vector."""
        found = self.fresh.known(digests)
        with self._asking() as vectors:
            return found | vectors.known([one for one in digests if one not in found])

    def search(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the nearest digests with their similarity, the nearest first.

        What lies on the disk is left out as long as the store is not loaded.
        """
        # First what is on its way, or what arrives meanwhile would be found nowhere.
        fresh = self.fresh.search(vector, limit) if len(self.fresh) else []
        found: dict[str, float] = {}
        if self._is_loaded:
            with self._asking() as vectors:
                found.update(vectors.search(vector, limit))
        found.update(fresh)
        return sorted(found.items(), key=lambda one: -one[1])[:limit]

    def similarities(self, vector: Vectors, digests: Sequence[str]) -> dict[str, float]:
        """Return the similarity of each of a few digests that have a vector."""
        found = self.fresh.similarities(vector, digests)
        rest = [one for one in digests if one not in found]
        if rest:
            with self._asking() as vectors:
                found |= vectors.similarities(vector, rest)
        return found

    def forget(self, digests: Sequence[str]) -> None:
        """Delete vectors before long, unless they are added again."""
        with self._changed:
            self._unused.update(digests)

    def unused(self) -> set[str]:
        """Return what was to be forgotten and still is there."""
        with self._changed:
            return set(self._unused)

    def keep(self, digests: Iterable[str]) -> None:
        """Take back that vectors were to be forgotten."""
        with self._changed:
            self._unused.difference_update(digests)

    def delete(self, digests: Sequence[str]) -> None:
        """Delete vectors now."""
        self._vectors.delete(digests)
        with self._changed:
            self._unused.difference_update(digests)

    def flush(
        self,
        seconds: float,
        is_ended: Callable[[], bool] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> bool:
        """Wait until all is written; return whether it is."""
        deadline = time.monotonic() + seconds
        most = 0
        while left := len(self.fresh):
            most = max(most, left)
            if progress:
                progress(Progress("writing", most - left, most))
            if time.monotonic() > deadline or (is_ended and is_ended()):
                return False
            self._is_wanted = True
            self._work()
            with self._changed:
                self._changed.wait(_WAIT)
        return True

    def end(self) -> None:
        """Begin nothing any more, nor tell of what fails from now on."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread; what is not written yet goes into the file."""
        self.end()
        thread = self._thread
        if thread and thread is not threading.current_thread():
            thread.join()
        if not len(self.fresh):
            if not self._is_noted:  # the last batch was written just now
                self.ledger.settle(self.ledger.count, self.fresh)
        elif self.fresh.save():
            self.ledger.wait()
        self._vectors.close()

    def settle(self) -> None:
        """Take note of what lies on the disk, if the store is loaded anyway."""
        if self._is_loaded and not len(self.fresh):
            self._settle()

    def reset(self) -> None:
        """Let go of a store that is put aside; what lay in it is missing now."""
        self._resets += 1
        self.ledger.lose()
        self._vectors.close()
        self._is_loaded = False

    def drop(self) -> None:
        """Forget all vectors, also on the disk."""
        self.fresh.clear()
        self._vectors.drop()

    @contextmanager
    def _asking(self) -> Iterator[VectorStore]:
        """Lend the store; damage is told only of the one that is there now.

        Raises:
            PutAsideError: When the store was put aside meanwhile.
        """
        resets = self._resets
        try:
            yield self._vectors
        except ToolError as error:
            if error.code != "corrupt" or resets == self._resets:
                raise
            raise PutAsideError from error

    def _work(self) -> None:
        with self._changed:
            if not self._is_working and not self._is_closed:
                self._is_working = True
                self._thread = threading.Thread(
                    target=self._write, name="jupyter-mcp-search-vectors", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_free)
                self._changed.wait_for(self._is_due, PATIENCE)
            if not self._is_closed:
                self._write_one()
                if not self.fresh.first():
                    self._settle()
            with self._changed:
                self._changed.notify_all()
                if self._is_closed or not (self.fresh.first() or self._is_wanted):
                    self._is_working = False
                    return

    def _is_due(self) -> bool:
        is_much = len(self.fresh) > MOST_HELD
        return self._is_loaded or self._is_wanted or self._is_closed or is_much

    def _is_free(self) -> bool:
        is_free = not self._holds or self._is_closed or len(self.fresh) > MOST_HELD
        return is_free or (self._is_wanted and not self._is_loaded)

    def _write_one(self) -> None:
        self._is_wanted = False
        batch = self.fresh.first()
        try:
            self.load()
            if batch:
                with self._asking() as vectors:
                    vectors.upsert(batch.digests, batch.vectors)
                self.ledger.grow(len(batch.digests))
                self._is_noted = False
        except ToolError as error:
            if self._is_closed:
                return  # not lost: it goes into the file
            self._on_trouble(error)
            if batch:
                self.ledger.lag()
        if batch:
            self.fresh.done(batch)

    def _settle(self) -> None:
        with contextlib.suppress(ToolError):  # told when it is used next
            self.ledger.settle(self._vectors.count(), self.fresh)
            self._is_noted = True
