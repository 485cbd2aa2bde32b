"""Whether somebody may have changed the database, told for a hundredth of what a query costs.

SQLite counts what other connections have committed ("data_version" at
https://sqlite.org/pragma.html). Who looks for news many times a second asks for that number first.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

AT_LEAST_SECONDS = 1.0
"""After how long a look is due even when nothing seems to have changed: the file may be another."""


class Changes:
    """The changes of a SQLite file; it costs some 10 µs to ask, and it does not block.

    Args:
        file: The file; None for databases that cannot tell.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def state(self) -> int | None:
        """Return a number that is another one after each change; None where nobody can tell."""
        if self._file is None:
            return None
        try:
            if self._connection is None:
                self._connection = _open(self._file)
            # All rows are fetched, so that no reader stays who keeps the log from being emptied.
            [[state]] = self._connection.execute("PRAGMA data_version").fetchall()
        except (sqlite3.Error, ValueError):  # it is busy, or not there
            self.close()
            return None
        return int(state)

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


class Lookout:
    """Says when it is worth to look again.

    Args:
        changes: The changes of what is looked at.
        at_least: After how many seconds it is looked anyway.
    """

    def __init__(self, changes: Changes, at_least: float = AT_LEAST_SECONDS) -> None:
        self._changes = changes
        self._at_least = at_least
        self._seen: int | None = None
        self._looked = float("-inf")

    def is_due(self) -> bool:
        """Return whether to look now; whoever is told so looks.

        What is committed after this was asked is a change for the next time.
        """
        state, now = self._changes.state(), time.monotonic()
        if state is not None and state == self._seen and now - self._looked < self._at_least:
            return False
        self._seen, self._looked = state, now
        return True


def _open(file: Path) -> sqlite3.Connection:
    """Open a file to be read, if it is there."""
    return sqlite3.connect(
        f"file:{quote(str(file.resolve()))}?mode=ro",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,  # who stops the storage may be another thread
    )
