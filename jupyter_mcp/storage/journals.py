"""The journal of a SQLite file, set although others open the same file."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Literal

_AGAIN_SECONDS = 0.02
"""How long to wait, at most, before it is tried again."""


def set_journal(
    connection: sqlite3.Connection, mode: Literal["WAL", "DELETE"], patience: float
) -> None:
    """Set the journal mode of the file that `connection` has open.

    SQLite takes the whole file for a moment to change it, and of several who do it at once all but
    one are told at once that it is locked: the ``busy_timeout`` does not hold where waiting could
    be a deadlock (https://sqlite.org/c3ref/busy_handler.html). So this asks again.

    Args:
        connection: A connection without an open transaction.
        mode: The mode (https://sqlite.org/pragma.html#pragma_journal_mode).
        patience: Seconds after which a file that others keep locked is given up.

    Raises:
        sqlite3.OperationalError: When it is still locked then, or cannot be written at all.
    """
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={mode}")
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_locked or time.monotonic() > end:
                raise
            time.sleep(random.uniform(0, _AGAIN_SECONDS))  # noqa: S311 - no secret
        else:
            return
