"""A notebook as it is open somewhere, in the place of its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.toolsets.search.chunking.chunker import chunk_notebook
from jupyter_mcp.toolsets.search.embedding.text import text_of
from jupyter_mcp.toolsets.search.index.changes import LIVE, NO_FILE
from jupyter_mcp.toolsets.search.index.stores import Stores
from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces
from jupyter_mcp.toolsets.search.lexical.words import columns
from jupyter_mcp.toolsets.search.walking.reading import Unreadable
from jupyter_mcp.toolsets.search.walking.secrets import holds_secret
from jupyter_mcp.toolsets.search.walking.times import changed_ns

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors


def pieces_of(folder: Path, path: str, notebook: Mapping[str, Any]) -> FilePieces:
    """Return an open notebook as the index keeps it, with the size and time of its file."""
    try:
        state = (folder / path).lstat()
        size, mtime_ns = state.st_size, changed_ns(state)
    except OSError:
        size, mtime_ns = 0, NO_FILE
    told = json.dumps(notebook, sort_keys=True, default=str)
    digest = LIVE + hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=16).hexdigest()
    if holds_secret(told):
        return FilePieces(path, size, mtime_ns, digest, error="may hold secrets")
    try:
        pieces = [(piece, columns(piece)) for piece in chunk_notebook(path, dict(notebook))]
    except Unreadable as error:
        return FilePieces(path, size, mtime_ns, digest, error=error.reason)
    return FilePieces(path, size, mtime_ns, digest, pieces)


def vectors_of(stores: Stores, files: Sequence[FilePieces]) -> dict[str, Vectors]:
    """Return static vectors of the pieces that have none yet; none without the extra."""
    static = stores.static
    if static is None:
        return {}
    chunks = {piece.digest: piece for file in files for piece, _ in file.pieces}
    there = stores.words.of_digests(list(chunks))
    new = [piece for digest, piece in chunks.items() if digest not in there]
    if not new:
        return {}
    vectors = static.embedder.embed_documents([text_of(piece) for piece in new])
    return dict(zip((piece.digest for piece in new), vectors, strict=True))
