"""The default embedder: a table of ours with a vector for each of some ten thousand words.

A text's vector is the weighted sum of its words' vectors, which needs neither a model nor a
download and takes microseconds. The table holds 8-bit numbers and a scale for each word, and only
the rows that a text needs become floats. `scripts/train_search_embedder` makes it from openly
licensed packages; `docs/reference/search-training-data.md` lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mcp.toolsets.search.embedding.vocabulary import Vocabulary
from jupyter_mcp.toolsets.search.lexical.words import telling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

TABLE = Path(__file__).with_name("static.npz")
"""Its arrays: ``table`` (`int8`, a row for each word), ``scales`` (`float32`, one for each row)
and ``words`` (UTF-8 bytes, a word on each line)."""

NAME = "static-2"
"""Known with the vectors that are kept: a new table needs a new name."""

DIMENSIONS = 256


class StaticEmbedder:
    """Embeds with the table. It is read when it is first used.

    Args:
        table: Another table than the one that comes with the package.
    """

    name = NAME
    dimensions = DIMENSIONS

    def __init__(self, table: Path = TABLE) -> None:
        self._file = table

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return a row of length 1 for each text; zeros for one without a known word."""
        import numpy as np

        table, scales, vocabulary = self._table
        found = np.zeros((len(texts), self.dimensions), np.float32)
        for at, text in enumerate(texts):
            rows, weights = vocabulary.rows(text)
            if rows:
                weighted = scales[rows] * np.array(weights, np.float32)
                found[at] = weighted @ table[rows].astype(np.float32)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        found /= np.maximum(lengths, np.float32(1e-9))
        return found

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same, of the words that say what is looked for."""
        return self.embed_documents([telling(text) for text in texts])

    @property
    def _table(self) -> tuple[NDArray[np.int8], NDArray[np.float32], Vocabulary]:
        return _read(self._file)


@lru_cache(maxsize=2)
def _read(file: Path) -> tuple[NDArray[np.int8], NDArray[np.float32], Vocabulary]:
    """Read a table, once for all that use it."""
    import numpy as np

    with np.load(file) as arrays:
        words = arrays["words"].tobytes().decode().split("\n")
        return arrays["table"], arrays["scales"], Vocabulary(words)
