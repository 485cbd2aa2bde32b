"""What turns text into vectors. Each is an entry of a table and interchangeable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """An embedder. It is loaded when it is first used and may be called in any thread.

    It may have a `batch`, the most texts that it is best given at once, and a `note`: what a reader
    of the index's status should know while it is loaded.
    """

    @property
    def name(self) -> str:
        """What its vectors are known by, such as ``static-1``; another name is another index."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text (`float32`, shape ``(len(texts), dimensions)``).

        Raises:
            ToolError: ``unavailable`` when a service or a model is not there.
        """
        ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for questions, which some models embed in another way."""
        ...
