"""Finds what defines a name that is also a common word.

Thousands of pieces say `field`, and the one that defines ``Field`` says it no oftener than they do,
so by their words it is not among the best hundred. What a piece is called is looked at for that.
"""

from __future__ import annotations

import re
import sqlite3

from jupyter_mcp.toolsets.search.chunk import TOGETHER
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.reading import restriction
from jupyter_mcp.toolsets.search.lexical.words import split

MOST = 20
"""Pieces that are told."""

ROWS = 3_000
"""Pieces that are looked at: of 133,000, two milliseconds."""

_NAME = re.compile(r"\W*(?:\w+(?:\.|::|->|#))*(\w+)\W*")


def defining(connection: sqlite3.Connection, text: str, limit: int, wanted: Filter) -> list[int]:
    """Return pieces that define the name `text` is; none when it is more than a name.

    Those that are called so and no more come before parts of something. Upper and lower case are
    alike.
    """
    found = _NAME.fullmatch(text)
    words = split(found[1]) if found else []
    if not found or not words:
        return []
    condition, values = restriction(connection, wanted)
    name = found[1].lower()
    alone, part = f"{TOGETHER}{name}{TOGETHER}", f".{name}{TOGETHER}"
    rows = connection.execute(
        f"""SELECT id FROM (
            SELECT c.id, lower(? || c.symbol || ?) AS called
            FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT ?) found
            JOIN chunks c ON c.id = found.rowid {condition}
        ) WHERE instr(called, ?) OR instr(called, ?)
        ORDER BY instr(called, ?) = 0, id LIMIT ?""",  # noqa: S608
        (
            *(TOGETHER, TOGETHER, f'symbol : "{words[-1]}"', ROWS),
            *values,
            *(alone, part, alone, min(limit, MOST)),
        ),
    )
    return [number for (number,) in rows]
