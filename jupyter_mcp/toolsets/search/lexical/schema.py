"""The tables of a store of words, and how a file that does not fit them is told.

The full-text table holds no text ("contentless"): SQLite then keeps only where each word stands,
and wants the same words again when a row is deleted. They are made anew from the stored chunk, so
the version that is written down holds a fingerprint of how words are made. Nor does it hold the
lengths of rows ("columnsize=0"), which are most of the time of a search when it looks at each:
`ranking` looks at those of the best rows only. They have a table of their own, because texts lie
between those in ``chunks``, and a search would read a page for each.
"""

from __future__ import annotations

import hashlib
import sqlite3
from functools import cache
from pathlib import Path

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError, OtherVersionError
from jupyter_mcp.toolsets.search.lexical.words import columns

_SCHEMA = 3
"""Rises with every change of the tables, and of what is told of a piece: such as its cell's id."""

_TABLES = (
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE files(
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, digest TEXT NOT NULL, chunks INTEGER NOT NULL,
        error TEXT NOT NULL)""",
    """CREATE TABLE chunks(
        id INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER NOT NULL, ordinal INTEGER NOT NULL,
        kind TEXT NOT NULL, language TEXT NOT NULL, line INTEGER NOT NULL,
        end_line INTEGER NOT NULL, symbol TEXT NOT NULL, cell_id TEXT NOT NULL,
        digest BLOB NOT NULL, packed BLOB NOT NULL)""",
    "CREATE TABLE lengths(id INTEGER PRIMARY KEY, length INTEGER NOT NULL)",
    "CREATE INDEX chunks_by_file ON chunks(file)",
    "CREATE INDEX chunks_by_digest ON chunks(digest)",
    """CREATE VIRTUAL TABLE words USING fts5(
        symbol, path, extra, body, content='', columnsize=0, tokenize='porter unicode61')""",
    "INSERT INTO words(words, rank) VALUES('hashsize', 16777216)",
    "INSERT INTO words(words, rank) VALUES('automerge', 8)",
)

_LONG = "test_of_a_name_that_is_a_whole_sentence_and_so_is_longer_than_any_word"
_SAMPLE = Chunk(
    path="src/mealPlans/read_menu.py",
    kind="code",
    language="python",
    line=1,
    end_line=2,
    text="def getUserName2(self, größe=0x1F):\n    return HTTPServer.utf8_größe('naïve 中文字a')\n",
    symbol="Kitchen.getUserName2",
    extra=f"class Kitchen(Room): {_LONG}",
)


@cache
def version() -> str:
    """Return what tells whether a file was written by the same tables and the same words."""
    found = columns(_SAMPLE)
    told = f"{found.symbol}\n{found.path}\n{found.extra}\n{found.body}"
    return f"{_SCHEMA}-{hashlib.blake2b(told.encode(), digest_size=4).hexdigest()}"


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; another writer may have been faster."""
    connection.execute("BEGIN IMMEDIATE")
    if not _has_tables(connection):
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO meta VALUES('version', ?), ('chunks', '0'), ('length', '0')", (version(),)
        )
    connection.execute("COMMIT")


def verify(connection: sqlite3.Connection, path: Path) -> None:
    """See that the tables are those of this version.

    Raises:
        CorruptStoreError: When there are other tables, or none.
        OtherVersionError: When they are older or newer.
    """
    if not _has_tables(connection):
        raise CorruptStoreError(path, "it has not the tables of an index")
    row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if row is None or row[0] != version():
        raise OtherVersionError(path, row[0] if row else "", version())


def probe(connection: sqlite3.Connection, path: Path) -> None:
    """Read a little of each table.

    Raises:
        CorruptStoreError: When one of them is damaged.
    """
    verify(connection, path)
    for table in ("files", "chunks", "lengths", "sqlite_sequence"):
        connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1").fetchall()  # noqa: S608
    connection.execute("SELECT rowid FROM words WHERE words MATCH 'name' LIMIT 1").fetchall()


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone())
