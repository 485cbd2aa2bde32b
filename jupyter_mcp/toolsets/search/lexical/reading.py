"""Reads chunks again, by number, digest or file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.packing import unpack

_CHUNKS = """
    SELECT c.id, f.path, c.kind, c.language, c.line, c.end_line, c.symbol, c.cell_id, c.ordinal,
        c.packed
    FROM chunks c JOIN files f ON f.id = c.file WHERE c.id IN (SELECT value FROM json_each(?))"""

_AT_ONCE = 500
"""Values of one statement."""


def chunks_of(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Chunk]:
    """Return those chunks of `ids` that are there."""
    found = {}
    for row in connection.execute(_CHUNKS, (json.dumps(list(ids)),)):
        number, path, kind, language, line, end_line, symbol, cell_id, ordinal, packed = row
        text, extra = unpack(packed)
        found[number] = Chunk(
            path, kind, language, line, end_line, text, symbol, extra, cell_id, ordinal
        )
    return found


def restriction(connection: sqlite3.Connection, wanted: Filter) -> tuple[str, list[object]]:
    """Return what to add to a WHERE about chunks ``c``, and its values."""
    conditions: list[str] = []
    values: list[object] = []
    if wanted.names_files:
        conditions.append("AND c.file IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(files_of(connection, wanted)))
    if wanted.language:
        conditions.append("AND c.language = ?")
        values.append(wanted.language.lower())
    if wanted.kinds:
        conditions.append("AND c.kind IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(sorted(wanted.kinds)))
    return " ".join(conditions), values


def files_of(connection: sqlite3.Connection, wanted: Filter) -> list[int]:
    """Return the files whose path is wanted."""
    rows = connection.execute("SELECT id, path FROM files ORDER BY path")
    return [number for number, path in rows if wanted.fits(path)]


def of_digests(
    connection: sqlite3.Connection, digests: Sequence[str], wanted: Filter
) -> dict[str, list[int]]:
    """Return the ids of the wanted chunks with each digest."""
    files = set(files_of(connection, wanted)) if wanted.names_files else None
    condition, values = restriction(connection, replace(wanted, path="", allows=None))
    place = "0" if files is None else "c.file"  # "0": only the index by digest is read
    found: dict[str, list[int]] = {}
    for at in range(0, len(digests), _AT_ONCE):
        some = [bytes.fromhex(digest) for digest in digests[at : at + _AT_ONCE]]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(
            f"""SELECT c.digest, c.id, {place} FROM chunks c
            WHERE c.digest IN ({marks}) {condition} ORDER BY c.id""",  # noqa: S608
            (*some, *values),
        )
        for digest, number, file in rows:
            if files is None or file in files:
                found.setdefault(digest.hex(), []).append(number)
    return found


def some_digests(connection: sqlite3.Connection, wanted: Filter, most: int) -> list[str]:
    """Return the digests of the wanted chunks, or so many of them."""
    condition, values = restriction(connection, wanted)
    asked = f"SELECT DISTINCT c.digest FROM chunks c WHERE TRUE {condition} LIMIT ?"  # noqa: S608
    return [digest.hex() for (digest,) in connection.execute(asked, (*values, most))]


def of_files(connection: sqlite3.Connection, paths: Sequence[str]) -> dict[str, list[int]]:
    """Return the ids of the chunks of each file in their order."""
    asked = """SELECT c.id FROM files f LEFT JOIN chunks c ON c.file = f.id
        WHERE f.path = ? ORDER BY c.ordinal"""
    found = {}
    for path in paths:
        rows = connection.execute(asked, (path,)).fetchall()
        if rows:
            found[path] = [number for (number,) in rows if number is not None]
    return found


def languages_of(connection: sqlite3.Connection, wanted: Filter) -> dict[str, int]:
    """Return in how many wanted files there are chunks of each language, the most first."""
    condition, values = restriction(connection, wanted)
    rows = connection.execute(
        f"""SELECT c.language, count(DISTINCT c.file) FROM chunks c
        WHERE c.language != '' {condition} GROUP BY c.language ORDER BY 2 DESC, 1""",  # noqa: S608
        values,
    )
    return dict(rows)
