"""The journal of a SQLite file, set although others open the same file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.storage.journals import set_journal


class Refused(sqlite3.Connection):
    """A connection that does something once it was refused something."""

    then: Callable[[], object]

    def execute(self, *words: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*words)
        except sqlite3.OperationalError:
            self.then()
            raise


def test_who_is_refused_without_a_wait_asks_again(tmp_path: Path) -> None:
    file = tmp_path / "data.db"
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as owner,
        closing(sqlite3.connect(file, timeout=3_600, factory=Refused)) as other,
    ):
        owner.execute("BEGIN IMMEDIATE")
        other.then = partial(owner.execute, "ROLLBACK")
        set_journal(other, "WAL", 30)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_stays_locked_is_given_up(tmp_path: Path) -> None:
    file = tmp_path / "data.db"
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as owner,
        closing(sqlite3.connect(file, timeout=0)) as other,
    ):
        owner.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            set_journal(other, "WAL", 0.05)
        owner.execute("ROLLBACK")
        set_journal(other, "WAL", 30)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_no_waiting_mends_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "data.db"
    file.write_bytes(b"no database, but long enough to be read as one" * 20)
    with (
        closing(sqlite3.connect(file)) as connection,
        pytest.raises(sqlite3.DatabaseError, match="not a database"),
    ):
        set_journal(connection, "WAL", 3_600)
