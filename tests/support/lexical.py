"""Files with chunks for stores of words."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces
from jupyter_mcp.toolsets.search.lexical.words import columns


def file_of(path: str, *texts: str, error: str = "", language: str = "python") -> FilePieces:
    """Return a file whose chunks are `texts`, one below the other; the symbol is the first word."""
    chunks: list[Chunk] = []
    line = 1
    for ordinal, text in enumerate(texts):
        end = line + text.rstrip("\n").count("\n")
        symbol = text.split(maxsplit=1)[0] if text.split() else ""
        chunks.append(
            Chunk(path, "code", language, line, end, text, symbol, f"of {path}", "", ordinal)
        )
        line = end + 1
    return pieces_of(path, chunks, error)


def damage_table(path: Path, table: str) -> None:
    """Overwrite the first page of a table of a store that is closed."""
    with closing(sqlite3.connect(path)) as connection:
        asked = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = connection.execute(asked, (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def pieces_of(path: str, chunks: Sequence[Chunk], error: str = "") -> FilePieces:
    """Return a file with these chunks."""
    size = sum(len(chunk.text) for chunk in chunks)
    pieces = [(chunk, columns(chunk)) for chunk in chunks]
    return FilePieces(path, size, 1, f"digest of {path}", pieces, error)
