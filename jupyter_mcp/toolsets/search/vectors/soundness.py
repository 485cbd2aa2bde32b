"""Whether what lies in a folder of Chroma's is whole.

Chroma writes its graph in place. Measured with 1.5.9: after ``kill -9`` at a bad moment one of ten
opens ended in a segmentation fault. So a seal lies beside the graph whenever nothing is being
written: the sizes and times of its files. Where the seal is missing or does not fit, all vectors
are read before the folder is used; that may end the process, see `process`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

SEAL = "sealed.json"
PAGE = 5000
ASKED = 20

TOLERANCE = 0.01
"""All have length 1, or 0 where an embedder knew no word of a text."""


def seal(folder: Path) -> None:
    """Note that nothing is being written."""
    (folder / SEAL).write_text(json.dumps(_graph(folder)), encoding="utf-8")


def unseal(folder: Path) -> None:
    """Note that something is about to be written, or that a look is needed."""
    (folder / SEAL).unlink(missing_ok=True)


def is_sealed(folder: Path) -> bool:
    """Return whether nothing was being written when it was last used."""
    try:
        sealed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(sealed == _graph(folder))


def room(folder: Path) -> int:
    """Return the bytes that the graph takes."""
    return sum(size for size, _ in _graph(folder).values())


def ensure_database(folder: Path) -> None:
    """Return when there is a database where there is a graph.

    Raises:
        ToolError: ``corrupt`` when there is none: Chroma would begin anew beside the graph.
    """
    database = folder / "chroma.sqlite3"
    if (not database.exists() or not database.stat().st_size) and _graph(folder):
        raise unsound(folder, "its database is gone")


def ensure_sound(folder: Path, collection: Any) -> None:
    """Read all of a collection and search in it.

    Args:
        folder: Where it lies.
        collection: Chroma's.

    Raises:
        ToolError: ``corrupt`` when vectors are not as they were.
    """
    import numpy as np

    total = collection.count()
    for start in range(0, total, PAGE):
        page = collection.get(limit=PAGE, offset=start, include=["embeddings"])
        rows = np.asarray(page["embeddings"], dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1)
        if len(rows) != len(page["ids"]) or not np.isfinite(lengths).all():
            raise unsound(folder, "vectors are damaged")
        if (np.minimum(np.abs(lengths - 1), lengths) > TOLERANCE).any():
            raise unsound(folder, "vectors have lost their length")
        if start == 0:
            few = rows[:: max(1, len(rows) // ASKED)]
            _ensure_found(folder, collection, few[np.linalg.norm(few, axis=1) > TOLERANCE])


def _ensure_found(folder: Path, collection: Any, rows: Vectors) -> None:
    """See that vectors are the nearest to themselves."""
    if len(rows):
        near = collection.query(query_embeddings=rows, n_results=1, include=["distances"])
        if any(not one or one[0] > TOLERANCE for one in near["distances"]):
            raise unsound(folder, "vectors are not found any more")


def unsound(folder: Path, reason: str) -> ToolError:
    """Return what is told of a folder that is not whole."""
    return ToolError(
        "corrupt",
        f"The vectors in {folder} were not written to the end ({reason}).",
        "They are made anew from the files; the old folder is kept aside.",
    )


def _graph(folder: Path) -> dict[str, list[int]]:
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    stats = {path.relative_to(folder).as_posix(): path.stat() for path in files}
    return {name: [found.st_size, found.st_mtime_ns] for name, found in stats.items()}
