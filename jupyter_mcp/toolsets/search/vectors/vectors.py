"""What keeps vectors: a folder of Chroma's, or a Chroma server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors


class VectorStore(Protocol):
    """A collection of vectors by `Chunk.digest`. Methods block and may be called in any thread.

    All raise `ToolError`: ``unavailable`` when the store cannot be reached or its library is
    missing, ``corrupt`` when what lies on the disk cannot be read.
    """

    def upsert(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Keep vectors; those that are there already are replaced."""
        ...

    def delete(self, digests: Sequence[str]) -> None:
        """Forget vectors; those that are not there are no error."""
        ...

    def known(self, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that are there."""
        ...

    def search(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the nearest digests with their cosine similarity, the nearest first.

        Args:
            vector: Shape ``(dimensions,)``.
            limit: How many.
        """
        ...

    def similarities(self, vector: Vectors, digests: Sequence[str]) -> dict[str, float]:
        """Return the exact similarity of each of a few digests that are there."""
        ...

    def count(self) -> int:
        """Return how many there are."""
        ...

    def drop(self) -> None:
        """Forget all."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
