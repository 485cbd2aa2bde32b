"""What is done to one file before it is written into the index.

It is read, cut, split into words and embedded: all that costs time in an index is in here, so that
it can be done in another process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.chunker import chunk
from jupyter_mcp.toolsets.search.embedding.text import text_of
from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces
from jupyter_mcp.toolsets.search.lexical.words import Columns, columns
from jupyter_mcp.toolsets.search.walking.reading import Unreadable, limit_of, read

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Embedder, Vectors


@dataclass(frozen=True, slots=True)
class Job:
    """A file to prepare.

    Args:
        folder: The indexed folder.
        path: The file below it.
        size: Bytes, as far as is known; jobs are put together by it.
        file_bytes: The largest file.
        known: The digest of the file as it was indexed last; the same is not cut again.
        is_embedded: Whether to make vectors of the static table.
    """

    folder: str
    path: str
    size: int = 0
    file_bytes: int = 2 << 20
    known: str = ""
    is_embedded: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file, ready to be written.

    Args:
        file: The file with its chunks; with its `error` when it could not be read.
        is_unchanged: Whether the file is what is indexed already; then it has no chunks here.
        embedder: Name of what made the vectors; empty for none.
        packed: The vectors as half floats, which halves what goes between processes.
    """

    file: FilePieces
    is_unchanged: bool = False
    embedder: str = ""
    packed: bytes = b""

    def vectors(self) -> Vectors | None:
        """Return a vector for each chunk; None when there are none."""
        if not self.packed:
            return None
        import numpy as np

        flat = np.frombuffer(self.packed, dtype=np.float16).astype(np.float32)
        return flat.reshape(len(self.file.pieces), -1)


def prepare(job: Job) -> Prepared:
    """Read, cut, split and embed a file; whatever is wrong with it becomes its `error`."""
    try:
        source = read(Path(job.folder), job.path, limit_of(job.path, job.file_bytes))
    except Unreadable as unreadable:
        return failed(job, unreadable.reason)
    state = (job.path, source.size, source.mtime_ns, source.digest)
    if source.digest == job.known:
        return Prepared(FilePieces(*state), is_unchanged=True)
    try:
        pieces, name, packed = _cut(job, source.text)
    except Unreadable as unreadable:
        return Prepared(FilePieces(*state, error=unreadable.reason))
    except (MemoryError, RecursionError):
        return Prepared(FilePieces(*state, error="too deeply nested to be cut"))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, others go on
        return Prepared(FilePieces(*state, error=f"could not be cut ({type(error).__name__})"))
    return Prepared(FilePieces(*state, pieces), embedder=name, packed=packed)


def _cut(job: Job, text: str) -> tuple[list[tuple[Chunk, Columns]], str, bytes]:
    chunks = chunk(job.path, text)
    for piece in chunks:
        piece.digest  # noqa: B018 - is kept with the chunk, so that it is made here
    pieces = [(piece, columns(piece)) for piece in chunks]
    return (pieces, *(_embed(chunks) if job.is_embedded else ("", b"")))


def failed(job: Job, reason: str) -> Prepared:
    """Return the answer for a file that could not be read."""
    return Prepared(FilePieces(job.path, job.size, 0, "", error=reason))


def _embed(chunks: Sequence[Chunk]) -> tuple[str, bytes]:
    embedder = _static()
    if embedder is None or not chunks:
        return "", b""
    import numpy as np

    vectors = embedder.embed_documents([text_of(each) for each in chunks])
    return embedder.name, vectors.astype(np.float16).tobytes()


@cache
def _static() -> Embedder | None:
    """Return the static table; None without numpy."""
    try:
        from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder

        embedder = StaticEmbedder()
        embedder.embed_documents(["load"])
    except (ImportError, NotImplementedError):
        return None
    return embedder
