"""Finds the piece at a place in a file."""

from __future__ import annotations

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore


def piece_at(
    words: LexicalStore, path: str, line: int | None, cell_id: str | None
) -> tuple[int, Chunk]:
    """Return the piece at a line or in a cell, or the file's first, with its number.

    Raises:
        ToolError: ``not_found`` when the file or the cell is not in the index.
    """
    ids = words.of_files([path]).get(path, [])
    pieces = list(words.chunks(ids).items())
    if cell_id:
        pieces = [(number, piece) for number, piece in pieces if piece.cell_id == cell_id]
    if not pieces:
        what = f"Cell '{cell_id}' of '{path}'" if cell_id else f"'{path}'"
        raise ToolError(
            "not_found",
            f"{what} is not in the index.",
            "Give a path and a cell as a hit has them, or update the index.",
        )
    wanted = line or 0
    return min(pieces, key=lambda one: (_distance(one[1], wanted), one[1].ordinal))


def _distance(piece: Chunk, line: int) -> int:
    return max(piece.line - line, line - piece.end_line, 0)
