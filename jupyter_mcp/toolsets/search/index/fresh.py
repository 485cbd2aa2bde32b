"""Vectors on their way to the disk: they can be searched before Chroma has them.

Importing Chroma takes a second and writing into it as long as all the rest of an update, so both
happen behind the caller's back. Until then the vectors lie here, and are compared one by one.
Those of a process that ended before lie in a file, so that a short program need not wait.
"""

from __future__ import annotations

import contextlib
import threading
import time
import zipfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

_MERGED = 1000
"""Batches are joined up to so many vectors, so that many small updates are few batches."""


@dataclass(frozen=True)
class Batch:
    """Vectors that came together.

    Args:
        digests: Of which pieces.
        vectors: A row for each.
    """

    digests: Sequence[str]
    vectors: Vectors


class FreshVectors:
    """A queue of vectors that can be searched. Thread-safe.

    Args:
        file: Where they lie while no process has them.
        on_none: Is told when none could be read there.
    """

    def __init__(self, file: Path, on_none: Callable[[], None]) -> None:
        self._file, self._on_none = file, on_none
        self._is_read = False
        self._lock = threading.RLock()
        self._batches: deque[Batch] = deque()
        self._digests: set[str] = set()

    def __len__(self) -> int:
        with self._lock:
            self._read()
            return len(self._digests)

    def add(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Put vectors at the end; those that are here already are replaced."""
        import numpy as np

        batch = Batch(tuple(digests), vectors)
        with self._lock:
            self._read()
            self._digests.update(digests)
            last = self._batches[-1] if len(self._batches) > 1 else None
            if last and len(last.digests) + len(digests) <= _MERGED:
                joined = np.concatenate((last.vectors, vectors))
                self._batches[-1] = Batch((*last.digests, *digests), joined)
            else:
                self._batches.append(batch)

    def first(self) -> Batch | None:
        """Return the oldest batch, which stays until it is `done`."""
        with self._lock:
            self._read()
            return self._batches[0] if self._batches else None

    def done(self, batch: Batch) -> None:
        """Forget the oldest batch: it lies elsewhere now, or nowhere."""
        with self._lock:
            if self._batches and self._batches[0] is batch:
                self._batches.popleft()
                self._digests = {one for each in self._batches for one in each.digests}
            if not self._batches:
                self._remove()

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._is_read = True
            self._batches.clear()
            self._digests = set()
            self._remove()

    def save(self) -> bool:
        """Write what is here into the file; return whether it is there."""
        import numpy as np

        with self._lock:
            digests = [one for each in self._all() for one in each.digests]
            vectors = np.concatenate([each.vectors for each in self._all()])
        told = np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(len(digests), -1)
        draft = self._file.with_suffix(".draft")
        try:
            with draft.open("wb") as opened:
                np.savez(opened, digests=told, vectors=vectors.astype(np.float16))
            draft.replace(self._file)
        except OSError:
            return False
        return True

    def known(self, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that are here."""
        with self._lock:
            self._read()
            return self._digests.intersection(digests)

    def similarities(self, vector: Vectors, digests: Sequence[str]) -> dict[str, float]:
        """Return how similar `vector` is to each of `digests` that is here."""
        wanted = self.known(digests)
        found: dict[str, float] = {}
        for batch in self._all() if wanted else ():
            rows = [at for at, digest in enumerate(batch.digests) if digest in wanted]
            scores = batch.vectors[rows] @ vector
            found.update(zip((batch.digests[at] for at in rows), scores.tolist(), strict=True))
        return found

    def search(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the nearest ones with their cosine similarity, the nearest first."""
        import numpy as np

        found: dict[str, float] = {}
        for batch in self._all():
            scores = batch.vectors @ vector
            best = range(len(scores)) if len(scores) <= limit else np.argpartition(-scores, limit)
            found.update((batch.digests[at], float(scores[at])) for at in best[:limit])
        return sorted(found.items(), key=lambda one: -one[1])[:limit]

    def _remove(self) -> None:
        with contextlib.suppress(OSError):  # what is in it is known to Chroma, too
            self._file.unlink(missing_ok=True)

    def _all(self) -> list[Batch]:
        with self._lock:
            self._read()
            return list(self._batches)

    def _read(self) -> None:
        """Take what an earlier process left; what cannot be read is made again."""
        if self._is_read:
            return
        self._is_read = True
        if self._file.exists():
            self._read_file()
        if not self._batches:
            self._on_none()

    def _read_file(self) -> None:
        if self._file.is_dir():
            with contextlib.suppress(OSError):  # or nothing could be kept here
                self._file.rename(f"{self._file}.corrupt-{time.time_ns()}")
            return
        import numpy as np

        with contextlib.suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            with self._file.open("rb") as opened, np.load(opened) as arrays:
                digests = [row.tobytes().hex() for row in arrays["digests"]]
                vectors = arrays["vectors"].astype(np.float32)
            for at in range(0, len(digests), _MERGED):
                some = tuple(digests[at : at + _MERGED])
                self._batches.append(Batch(some, vectors[at : at + _MERGED]))
            self._digests.update(digests)
