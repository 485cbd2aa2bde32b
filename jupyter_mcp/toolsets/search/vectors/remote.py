"""Vectors that another process keeps in Chroma."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.vectors.process import ChromaProcess, Place

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

BATCH = 500
"""A search waits for the batch that is being added, and so does `ChromaProcess.close`."""


class RemoteVectors:
    """A collection of Chroma's (see `VectorStore`) in a process of its own.

    Args:
        process: The process, which others may use too.
        where: A folder, which no other process may use meanwhile, or the URL of a Chroma server.
        collection: What it is called.
        dimensions: Length of a vector.
    """

    def __init__(
        self, process: ChromaProcess, where: Path | str, collection: str, dimensions: int
    ) -> None:
        self._process = process
        self._place = Place(where, collection, dimensions)

    def upsert(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Keep vectors; those that are there already are replaced."""
        for start in range(0, len(digests), BATCH):
            some = slice(start, start + BATCH)
            self._process.write(self._place, "upsert", list(digests[some]), vectors[some])

    def delete(self, digests: Sequence[str]) -> None:
        """Forget vectors; those that are not there are no error."""
        self._process.write(self._place, "delete", list(digests), is_long=True)

    def known(self, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that are there."""
        found: set[str] = self._process.read(self._place, "known", list(digests))
        return found

    def search(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the nearest digests with their cosine similarity, the nearest first."""
        found: list[tuple[str, float]] = self._process.read(self._place, "search", vector, limit)
        return found

    def similarities(self, vector: Vectors, digests: Sequence[str]) -> dict[str, float]:
        """Return the exact similarity of each of a few digests that are there."""
        found: dict[str, float] = self._process.read(
            self._place, "similarities", vector, list(digests)
        )
        return found

    def count(self) -> int:
        """Return how many there are."""
        return int(self._process.read(self._place, "count"))

    def drop(self) -> None:
        """Forget all."""
        self._process.write(self._place, "drop", is_long=True)

    def close(self) -> None:
        """Let go of files and connections; the process stays, and the next use opens them again."""
        if self._process.pid is None:
            return
        try:
            self._process.write(self._place, "close")
        except ToolError:  # it died or was closed meanwhile, and has nothing open any more
            return
