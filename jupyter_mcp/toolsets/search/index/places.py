"""Finds the piece at a place in a file, and what stands at some of its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.lines import Lines as TextLines
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from jupyter_mcp.toolsets.search.ranking.member import member_at

LONGEST = 20_000
"""Characters of a range that say what it is about; of a longer one those that come first."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What stands at some lines.

    Args:
        chunk: It, as one piece.
        numbers: The pieces that these lines are of.
    """

    chunk: Chunk
    numbers: frozenset[int]


def piece_at(
    words: LexicalStore, path: str, line: int | None, cell_id: str | None
) -> tuple[int, Chunk]:
    """Return the piece at a line or in a cell, or the file's first, with its number.

    Raises:
        ToolError: ``not_found`` when the file or the cell is not in the index.
    """
    return _nearest(_pieces(words, path, cell_id), line or 0)


def lines_at(words: LexicalStore, path: str, lines: tuple[int, int], cell_id: str | None) -> Lines:
    """Return what stands from a line to another of a file or a cell.

    Raises:
        ToolError: ``not_found`` when the file or the cell is not in the index.
    """
    first, last = lines
    pieces = _pieces(words, path, cell_id)
    there = {n: each for n, each in pieces.items() if each.line <= last and first <= each.end_line}
    text = {
        at: line
        for each in there.values()
        for at, line in enumerate(TextLines(each.text).texts, each.line)
        if first <= at <= last
    }
    number, piece = _nearest(pieces, first)
    if not text:
        return Lines(piece, frozenset({number}))
    beginning = member_at(first, piece)
    if beginning.end_line < last:  # it is of several definitions, so no name stands for all of it
        beginning = replace(beginning, symbol="", extra="")
    told = "\n".join(text[at] for at in sorted(text))[:LONGEST]
    return Lines(
        replace(beginning, line=min(text), end_line=max(text), text=told), frozenset(there)
    )


def _pieces(words: LexicalStore, path: str, cell_id: str | None) -> dict[int, Chunk]:
    ids = words.of_files([path]).get(path, [])
    pieces = words.chunks(ids)
    if cell_id:
        pieces = {number: each for number, each in pieces.items() if each.cell_id == cell_id}
    if not pieces:
        what = f"Cell '{cell_id}' of '{path}'" if cell_id else f"'{path}'"
        raise ToolError(
            "not_found",
            f"{what} is not in the index.",
            "Give a path and a cell as a hit has them, or update the index.",
        )
    return pieces


def _nearest(pieces: Mapping[int, Chunk], line: int) -> tuple[int, Chunk]:
    return min(pieces.items(), key=lambda one: (_distance(one[1], line), one[1].ordinal))


def _distance(piece: Chunk, line: int) -> int:
    return max(piece.line - line, line - piece.end_line, 0)
