"""The words of an index: which files there are, their chunks, and which words stand where."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical import naming, ranking, reading, schema
from jupyter_mcp.toolsets.search.lexical.connections import Connections
from jupyter_mcp.toolsets.search.lexical.faults import telling
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.pieces import Changes, Counts, FilePieces, FileState
from jupyter_mcp.toolsets.search.lexical.rarity import Rarity
from jupyter_mcp.toolsets.search.lexical.scan import Scan, scan
from jupyter_mcp.toolsets.search.lexical.writing import Writing

ALL = Filter()
"""Everything."""


class LexicalStore:
    """A SQLite database of files, chunks and words.

    Methods block and may be called in any thread and process; readers never wait for a writer.
    All of them raise `ToolError`: `CorruptStoreError` when the file is damaged, ``unavailable``
    when the disk is full or the store closed.

    Args:
        path: The file; it is made, with its folder, unless `read_only`.
        read_only: Whether only another process writes it.

    Raises:
        OtherVersionError: When another version of this program wrote it.
        CorruptStoreError: When it cannot be read.
        ToolError: ``unavailable`` when it cannot be opened.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._connections = Connections(path, read_only=read_only)
        self._rarity = Rarity()
        self._frozen: tuple[object, ...] | None = None
        self._read_file = self._file() if read_only else None
        try:
            self._open(is_new=not read_only)
        except BaseException:
            self.close()
            raise

    @property
    def is_outdated(self) -> bool:
        """Whether another process replaced the file, or changed one that was taken for fixed."""
        if self._read_file is not None and self._read_file != self._file():
            return True
        return self._frozen is not None and self._frozen != self._state()

    def files(self) -> dict[str, FileState]:
        """Return what is known of each file, by path."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT path, size, mtime_ns, digest, chunks, error FROM files ORDER BY path"
            )
            return {row[0]: FileState(*row) for row in rows}

    def replace(self, files: Iterable[FilePieces]) -> Changes:
        """Put files with their chunks in the place of what is there of them, all or none."""
        with self._writing() as writing:
            for file in files:
                writing.replace(file)
            return writing.finish()

    def remove(self, paths: Iterable[str]) -> Changes:
        """Forget files, all or none."""
        with self._writing() as writing:
            for path in paths:
                writing.remove(path)
            return writing.finish()

    def touch(self, files: Iterable[FilePieces]) -> None:
        """Note the size and time of files whose contents, and so whose chunks, are as they were."""
        states = [(file.size, file.mtime_ns, file.path) for file in files]
        if states:
            with telling(self.path), self._connections.writing() as connection:
                connection.executemany(
                    "UPDATE files SET size = ?, mtime_ns = ? WHERE path = ?", states
                )

    def search(self, text: str, limit: int, wanted: Filter = ALL) -> list[tuple[int, float]]:
        """Return the ids of the chunks that fit the words of `text` best, with their score.

        When it is a name, those that define it are among them, at the end if need be.
        """
        with self._reading() as connection:
            found = ranking.search(connection, text, limit, wanted, self._rarity)
            if not found or len(found) < limit:
                return found
            named = naming.defining(connection, text, limit // 5, wanted)
            there = {number for number, _ in found}
            added = [(number, found[-1][1]) for number in named if number not in there]
            return found[: limit - len(added)] + added

    def chunks(self, ids: Sequence[int]) -> dict[int, Chunk]:
        """Return chunks by id; those that are gone are left out."""
        with self._reading() as connection:
            return reading.chunks_of(connection, ids)

    def of_digests(self, digests: Sequence[str], wanted: Filter = ALL) -> dict[str, list[int]]:
        """Return the ids of the chunks with each digest; digests without any are left out."""
        with self._reading() as connection:
            return reading.of_digests(connection, digests, wanted)

    def some_digests(self, wanted: Filter, most: int) -> list[str]:
        """Return the digests of the wanted chunks, or so many of them."""
        with self._reading() as connection:
            return reading.some_digests(connection, wanted, most)

    def of_files(self, paths: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of the chunks of each file in their order; unknown files are left out."""
        with self._reading() as connection:
            return reading.of_files(connection, paths)

    def languages(self, wanted: Filter = ALL) -> dict[str, int]:
        """Return how many files there are of each language, the most first."""
        with self._reading() as connection:
            return reading.languages_of(connection, wanted)

    def digests(self) -> set[str]:
        """Return the digest of every chunk."""
        with self._reading() as connection:
            return {row[0].hex() for row in connection.execute("SELECT digest FROM chunks")}

    def last(self) -> int:
        """Return the number of the newest chunk that there ever was; it only rises."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'chunks'"
            ).fetchone()
            return row[0] if row else 0

    def scan(
        self,
        pattern: str,
        limit: int,
        wanted: Filter = ALL,
        *,
        is_regex: bool,
        is_of_chunks: bool = False,
    ) -> Scan:
        """Return the lines that hold a text or fit a pattern, by file and line.

        Args:
            pattern: The text or the pattern.
            limit: The most lines.
            wanted: Which chunks are gone through.
            is_regex: Whether it is a pattern.
            is_of_chunks: Whether only the first such line of each chunk is meant.

        Raises:
            ToolError: ``invalid_arguments`` for a pattern that is none, ``timeout`` for one that
                found nothing in the time there is.
        """
        with self._reading() as connection:
            pieces = replace(wanted, path="", allows=None)  # files are chosen below
            condition, values = reading.restriction(connection, pieces)
            asked = {
                "database": self._connections.address("ro"),
                "files": reading.files_of(connection, wanted),
                "condition": condition,
                "values": values,
                "pattern": pattern,
                "is_regex": is_regex,
                "is_of_chunks": is_of_chunks,
                "limit": limit,
            }
        with telling(self.path):
            return scan(asked)

    def counts(self) -> Counts:
        """Return how much there is."""
        with self._reading() as connection:
            return Counts(
                *connection.execute(
                    """SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(size), 0),
                    coalesce(sum(error != ''), 0) FROM files"""
                ).fetchone()
            )

    def get(self, name: str, default: str = "") -> str:
        """Return a note by its name."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
            return row[0] if row else default

    def set(self, name: str, value: str) -> None:
        """Keep a note, such as when the last update ran to its end."""
        with telling(self.path), self._connections.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (name, value))

    def check(self) -> None:
        """See quickly whether the database can be used: opened, read, and searched.

        Raises:
            CorruptStoreError: When it is damaged.
        """
        with self._reading() as connection:
            schema.probe(connection, self.path)

    def tidy(self) -> None:
        """Merge what many writes left, so that searches are quick; after large updates."""
        with telling(self.path), self._connections.writing() as connection:
            connection.execute("INSERT INTO words(words) VALUES('optimize')")

    def close(self) -> None:
        """Let go of the file."""
        with telling(self.path):
            self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, *, is_new: bool) -> None:
        with telling(self.path):
            if is_new:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                if not self.path.exists():
                    _make(self.path)
                schema.create(self._connections.writer())
            else:
                self._freeze()
            with self._connections.reading() as connection:
                schema.verify(connection, self.path)

    def _freeze(self) -> None:
        """Read without a lock where none can be made; with one, SQLite sees what others write."""
        try:
            with self._connections.reading() as connection:
                connection.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError as error:
            told = str(error)
            if not any(each in told for each in ("readonly", "unable to open")) or _wal(self.path):
                raise
            self._connections.close()
            self._connections = Connections(self.path, read_only=True)
            self._connections.freeze()
            self._frozen = self._state()

    def _state(self) -> tuple[object, ...]:
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_size, found.st_mtime_ns, _wal(self.path)

    def _file(self) -> tuple[int, ...]:
        """Return which file there is. One that is open keeps its number, also once it is gone."""
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_dev, found.st_ino

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with telling(self.path), self._connections.reading() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        with telling(self.path), self._connections.writing() as connection:
            yield Writing(connection)


def _make(path: Path) -> None:
    """Make a database under another name first: a reader never finds one without its tables."""
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    connections = Connections(draft)
    try:
        writer = connections.writer()
        writer.execute("PRAGMA synchronous = OFF")  # nothing is in it yet that could be lost
        schema.create(writer)
    finally:
        connections.close()
    try:
        path.hardlink_to(draft)  # fails where somebody was faster, and so does not replace theirs
    except FileExistsError:
        draft.unlink()
    except OSError:  # there are no such links on this disk
        draft.rename(path)
    else:
        draft.unlink()


def _wal(path: Path) -> bool:
    """Whether somebody has the database open, or left something that is not in it yet."""
    return path.with_name(f"{path.name}-wal").exists()
