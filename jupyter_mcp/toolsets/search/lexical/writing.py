"""Writes files and their chunks: only what differs from what is there."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical.packing import pack
from jupyter_mcp.toolsets.search.lexical.pieces import Changes, FilePieces
from jupyter_mcp.toolsets.search.lexical.reading import chunks_of
from jupyter_mcp.toolsets.search.lexical.words import Columns, columns

_FILE = """
    INSERT INTO files(path, size, mtime_ns, digest, chunks, error) VALUES(?, ?, ?, ?, ?, ?)
    ON CONFLICT(path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
        digest = excluded.digest, chunks = excluded.chunks, error = excluded.error
    RETURNING id"""

_CHUNK = "INSERT INTO chunks VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_MOVED = "UPDATE chunks SET ordinal = ?, line = ?, end_line = ?, cell_id = ? WHERE id = ?"

_WORDS = "INSERT INTO words(rowid, symbol, path, extra, body) VALUES(?, ?, ?, ?, ?)"

_UNWORDS = """
    INSERT INTO words(words, rowid, symbol, path, extra, body) VALUES('delete', ?, ?, ?, ?, ?)"""

_TOTAL = "UPDATE meta SET value = CAST(value AS INTEGER) + ? WHERE name = ?"


class Writing:
    """A write within the transaction of `connection`; `finish` it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._delta: Counter[str] = Counter()
        self._new: list[tuple[int, Chunk, Columns]] = []
        self._moved: list[tuple[int, int, int, str, int]] = []
        self._count = self._length = 0

    def replace(self, file: FilePieces) -> None:
        """Put the chunks of a file in the place of those that it has."""
        told = (file.path, file.size, file.mtime_ns, file.digest, len(file.pieces), file.error)
        ((number,),) = self._connection.execute(_FILE, told).fetchall()
        there = self._there(number)
        for chunk, its_words in file.pieces:
            if same := there.get(chunk.digest):
                self._moved.append(
                    (chunk.ordinal, chunk.line, chunk.end_line, chunk.cell_id, same.pop())
                )
            else:
                self._new.append((number, chunk, its_words))
                self._delta[chunk.digest] += 1
        self._delete(number for numbers in there.values() for number in numbers)

    def remove(self, path: str) -> None:
        """Forget a file; one that is not there is no error."""
        row = self._connection.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
        if row is not None:
            self._delete(number for numbers in self._there(row[0]).values() for number in numbers)
            self._connection.execute("DELETE FROM files WHERE id = ?", row)

    def finish(self) -> Changes:
        """Write what is left and tell what changed."""
        self._connection.executemany(_MOVED, self._moved)
        self._insert()
        totals = ((self._count, "chunks"), (self._length, "length"))
        self._connection.executemany(_TOTAL, totals)
        count = "SELECT count(*) FROM chunks WHERE digest = ?"
        came, gone = set(), set()
        for digest, delta in self._delta.items():
            ((now,),) = self._connection.execute(count, (bytes.fromhex(digest),)).fetchall()
            if now and now == delta:
                came.add(digest)
            elif not now and delta:
                gone.add(digest)
        return Changes(frozenset(came), frozenset(gone), len(self._new))

    def _there(self, file: int) -> dict[str, list[int]]:
        found = defaultdict(list)
        rows = self._connection.execute("SELECT digest, id FROM chunks WHERE file = ?", (file,))
        for digest, number in rows:
            found[digest.hex()].append(number)
        return found

    def _delete(self, numbers: Iterable[int]) -> None:
        wanted = list(numbers)
        self._count -= len(wanted)
        for number, chunk in chunks_of(self._connection, wanted).items():
            self._delta[chunk.digest] -= 1
            found = columns(chunk)
            self._length -= found.length
            self._connection.execute(
                _UNWORDS, (number, found.symbol, found.path, found.extra, found.body)
            )
        for table in ("chunks", "lengths"):
            self._connection.executemany(
                f"DELETE FROM {table} WHERE id = ?",  # noqa: S608
                ((number,) for number in wanted),
            )

    def _insert(self) -> None:
        self._count += len(self._new)
        self._length += sum(w.length for _, _, w in self._new)
        first = self._last() + 1
        numbered = list(enumerate(self._new, first))
        self._connection.executemany(
            _CHUNK, (_row(number, file, chunk) for number, (file, chunk, _) in numbered)
        )
        self._connection.executemany(
            "INSERT INTO lengths VALUES(?, ?)",
            ((number, w.length) for number, (_, _, w) in numbered),
        )
        self._connection.executemany(
            _WORDS,
            ((number, w.symbol, w.path, w.extra, w.body) for number, (_, _, w) in numbered),
        )

    def _last(self) -> int:
        row = self._connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'chunks'"
        ).fetchone()
        return row[0] if row else 0


def _row(number: int, file: int, chunk: Chunk) -> tuple[object, ...]:
    return (
        number,
        file,
        chunk.ordinal,
        chunk.kind,
        chunk.language,
        chunk.line,
        chunk.end_line,
        _storable(chunk.symbol),
        chunk.cell_id,
        bytes.fromhex(chunk.digest),
        pack(chunk.text, chunk.extra),
    )


def _storable(text: str) -> str:
    """Return `text` without halves of letters, which SQLite refuses."""
    return text.encode("utf-8", "replace").decode()
