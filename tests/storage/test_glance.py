"""What a glance tells: that there is nothing only where that is sure."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.engine import newest
from jupyter_mcp.storage.glance import is_empty
from jupyter_mcp.storage.tables import switches

STOP = {"target": "*", "mode": "paused", "by": "user:ann", "at": 1.0, "reason": ""}


def _stop(connection: Connection) -> None:
    connection.execute(switches.insert().values(**STOP))


async def _database(folder: Path, work: Callable[[Connection], None] = lambda _: None) -> Path:
    """Return the file of a database that a server has left."""
    storage = Storage(folder)
    await storage.run(work)
    storage.stop()
    return folder / "workbench.db"


def _folder(place: Path) -> Path:
    place.mkdir()
    return place


def _as_killed(folder: Path, to: Path) -> Path:
    """Return the file as a server leaves it that has no time to clean up."""
    shutil.copytree(folder, to)
    assert (to / "workbench.db-wal").stat().st_size > 0
    return to / "workbench.db"


def _looks_empty(file: Path, *tables: str) -> bool:
    return is_empty(file, newest(), tables or ("switches",))


async def test_tables_are_empty_until_there_is_a_row(tmp_path: Path) -> None:
    file = await _database(tmp_path)
    assert _looks_empty(file, "switches", "approvals", "token_families", "refresh_tokens")
    await _database(tmp_path, _stop)
    assert not _looks_empty(file)
    assert not _looks_empty(file, "approvals", "switches"), "one of them is enough"
    assert _looks_empty(file, "approvals")


async def test_what_another_has_committed_is_seen_before_it_is_in_the_file(tmp_path: Path) -> None:
    here = _folder(tmp_path / "here")
    file = await _database(here)
    other = Storage(here)
    await other.run(_stop)
    assert not _looks_empty(file)
    killed = _as_killed(here, tmp_path / "killed")
    other.stop()
    assert not _looks_empty(killed)


async def test_a_glance_leaves_nothing_behind(tmp_path: Path) -> None:
    file = await _database(tmp_path)
    assert _looks_empty(file)
    assert os.listdir(tmp_path) == [file.name]
    assert not _looks_empty(tmp_path / "none.db")
    assert os.listdir(tmp_path) == [file.name]


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE alembic_version SET version_num = '9999'",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        "DROP TABLE switches",
    ],
)
async def test_another_database_than_ours_is_left_to_who_opens_it(
    tmp_path: Path, spoil: str
) -> None:
    file = await _database(tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(spoil)
    assert not _looks_empty(file)


async def test_a_damaged_or_locked_file_is_left_to_who_opens_it(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all" * 1_000)
    assert not _looks_empty(damaged)
    file = await _database(_folder(tmp_path / "locked"))
    with closing(sqlite3.connect(file, isolation_level=None)) as owner:
        owner.execute("PRAGMA locking_mode=EXCLUSIVE")
        owner.execute("BEGIN EXCLUSIVE")
        assert not _looks_empty(file)
    assert _looks_empty(file)
