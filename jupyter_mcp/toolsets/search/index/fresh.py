"""Vectors on their way to the disk: they can be searched before Chroma has them.

Importing Chroma takes a second and writing into it as long as all the rest of an update, so both
happen behind the caller's back. Until then the vectors lie here, and are compared one by one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

_MERGED = 2000
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
    """A queue of vectors that can be searched. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: deque[Batch] = deque()
        self._digests: set[str] = set()

    def __len__(self) -> int:
        return len(self._digests)

    def add(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Put vectors at the end; those that are here already are replaced."""
        import numpy as np

        batch = Batch(tuple(digests), vectors)
        with self._lock:
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
            return self._batches[0] if self._batches else None

    def done(self, batch: Batch) -> None:
        """Forget the oldest batch: it lies elsewhere now, or nowhere."""
        with self._lock:
            if self._batches and self._batches[0] is batch:
                self._batches.popleft()
                self._digests = {one for each in self._batches for one in each.digests}

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._batches.clear()
            self._digests = set()

    def known(self, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that are here."""
        with self._lock:
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

    def _all(self) -> list[Batch]:
        with self._lock:
            return list(self._batches)
