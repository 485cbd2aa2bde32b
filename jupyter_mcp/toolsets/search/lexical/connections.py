"""The connections to a database: one that writes, and as many readers as there are at once.

In WAL mode a reader sees the last commit and waits for nobody. A connection is used by one thread
at a time but belongs to none, so threads that end leave nothing open.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.journals import set_journal

_BUSY = 10.0
"""Seconds to wait for another process that writes."""

_READING = ("PRAGMA query_only = 1", "PRAGMA mmap_size = 268435456", "PRAGMA cache_size = -8000")
"""Readers map the file, each for itself. So resident memory shows twice what two of them read (174
MiB instead of 103 at 100,000 pieces), but there it is once: the proportional share stays at 95 MiB.
One that does not map takes 2 MiB more of its own and 8 % more time.
"""

_WRITING = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA secure_delete = OFF",
    "PRAGMA cache_size = -32000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 16777216",
)


class Connections:
    """Connections to the database at `path`, opened when they are needed.

    Args:
        path: The file; made by the first writer.
        read_only: Whether writing is refused.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._idle: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._writing = threading.RLock()
        self._guard = threading.Lock()
        self._is_closed = self._is_frozen = False

    def freeze(self) -> None:
        """Take the file for one that does not change: no lock is asked for beside it."""
        self._is_frozen = True

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that only reads."""
        connection = self._reader()
        try:
            yield connection
        finally:
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection that writes, in a transaction that an exception takes back."""
        with self._writing:
            connection = self.writer()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def writer(self) -> sqlite3.Connection:
        """Return the connection that writes."""
        with self._writing:
            self._refuse_closed()
            if self._writer is None:
                self._writer = self._open_writer()
            return self._writer

    def close(self) -> None:
        """Close them all; one that is lent closes when it is given back."""
        with self._guard:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _reader(self) -> sqlite3.Connection:
        with self._guard:
            self._refuse_closed()
            if self._idle:
                return self._idle.pop()
        connection = self._connect("ro")
        try:
            for pragma in _READING:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def _open_writer(self) -> sqlite3.Connection:
        if self.read_only:
            raise ToolError("unavailable", "This index is open for reading only.")
        connection = self._connect("rwc")
        try:
            connection.execute("PRAGMA page_size = 8192")
            set_journal(connection, "WAL", _BUSY)
            for pragma in _WRITING:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    def address(self, mode: str) -> str:
        """Return where the database is, as SQLite is told it."""
        frozen = "&immutable=1" if self._is_frozen else ""
        return f"{self.path.absolute().as_uri()}?mode={mode}{frozen}"

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            self.address(mode),
            uri=True,
            timeout=_BUSY,
            isolation_level=None,
            check_same_thread=False,
        )

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise ToolError("unavailable", "This index is closed.", "Open it again.")
