"""Opens a folder of Chroma's in a process of its own and reads all of it; see `soundness`."""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = 5000
ASKED = 20

TOLERANCE = 0.01
"""All have length 1, or 0 where an embedder knew no word of a text."""


def main(folder: str, collection: str) -> str:
    """Return what is wrong with a folder; empty for nothing."""
    import numpy as np

    from jupyter_mcp.toolsets.search.vectors import client as clients

    client = clients.open_folder(Path(folder))
    try:
        vectors = client.get_or_create_collection(collection, embedding_function=None)
        total = vectors.count()
        for start in range(0, total, PAGE):
            page = vectors.get(limit=PAGE, offset=start, include=["embeddings"])
            rows = np.asarray(page["embeddings"], dtype=np.float32)
            lengths = np.linalg.norm(rows, axis=1)
            if len(rows) != len(page["ids"]) or not np.isfinite(lengths).all():
                return "vectors are damaged"
            if (np.minimum(np.abs(lengths - 1), lengths) > TOLERANCE).any():
                return "vectors have lost their length"
            if start == 0:
                few = rows[:: max(1, len(rows) // ASKED)]
                vectors.query(query_embeddings=few, n_results=min(10, total), include=["distances"])
        return ""
    finally:
        clients.close(client)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
