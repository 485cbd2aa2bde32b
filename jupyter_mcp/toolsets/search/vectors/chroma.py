"""Vectors in Chroma: in a folder that one process owns, or on a Chroma server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors


class ChromaVectors:
    """A collection of Chroma's (see `VectorStore`). Nothing is opened before it is first used.

    Args:
        where: A folder, which no other process may use meanwhile, or the URL of a Chroma server.
        collection: What it is called; characters that Chroma does not allow are replaced.
        dimensions: Length of a vector.
    """

    def __init__(self, where: Path | str, collection: str, dimensions: int) -> None:
        raise NotImplementedError

    def upsert(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Keep vectors; those that are there already are replaced."""
        raise NotImplementedError

    def delete(self, digests: Sequence[str]) -> None:
        """Forget vectors; those that are not there are no error."""
        raise NotImplementedError

    def known(self, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that are there."""
        raise NotImplementedError

    def search(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the nearest digests with their cosine similarity, the nearest first."""
        raise NotImplementedError

    def similarities(self, vector: Vectors, digests: Sequence[str]) -> dict[str, float]:
        """Return the exact similarity of each of a few digests that are there."""
        raise NotImplementedError

    def count(self) -> int:
        """Return how many there are."""
        raise NotImplementedError

    def drop(self) -> None:
        """Forget all."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of files and connections; the next use opens them again."""
        raise NotImplementedError
