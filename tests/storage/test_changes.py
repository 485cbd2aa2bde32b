"""Whether a database may have changed: each commit of others is told, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.changes import Changes, Lookout


async def _write(storage: Storage) -> None:
    await storage.run(lambda connection: connection.execute(text("INSERT INTO t VALUES (1)")))


async def _with_table(folder: Path) -> Storage:
    storage = Storage(folder)
    await storage.run(lambda connection: connection.execute(text("CREATE TABLE t (a)")))
    return storage


async def test_each_commit_makes_a_look_due_once(tmp_path: Path) -> None:
    storage = await _with_table(tmp_path)
    mine, other = (Lookout(storage.changes, at_least=60) for _ in range(2))
    assert [mine.is_due(), mine.is_due(), other.is_due()] == [True, False, True]
    for _ in range(3):
        await _write(storage)
        assert [mine.is_due(), mine.is_due()] == [True, False]
    assert [other.is_due(), other.is_due()] == [True, False]
    await storage.run(lambda connection: connection.execute(text("SELECT * FROM t")).all())
    assert not mine.is_due(), "reading changes nothing"
    storage.stop()


async def test_another_process_or_connection_is_seen_too(tmp_path: Path) -> None:
    here, there = await _with_table(tmp_path), Storage(tmp_path)
    lookout = Lookout(here.changes, at_least=60)
    lookout.is_due()
    await _write(there)
    assert lookout.is_due()
    here.stop()
    there.stop()


async def test_the_log_can_be_emptied_while_somebody_looks(tmp_path: Path) -> None:
    storage = await _with_table(tmp_path)
    assert storage.changes.state() is not None
    await _write(storage)

    def empty(connection: object) -> tuple[int, int, int]:
        row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()  # type: ignore[attr-defined]
        return tuple(row)

    assert await storage.run(empty) == (0, 0, 0), "nobody holds an old state of it"
    storage.stop()


def test_a_database_that_cannot_tell_is_always_looked_at(tmp_path: Path) -> None:
    for nothing in (Changes(None), Changes(tmp_path / "not_there.db")):
        lookout = Lookout(nothing, at_least=60)
        assert [lookout.is_due(), lookout.is_due()] == [True, True]
    assert not list(tmp_path.iterdir()), "looking makes no file"


async def test_a_look_is_due_after_a_while_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await _with_table(tmp_path)
    now = 100.0
    monkeypatch.setattr("jupyter_mcp.storage.changes.time.monotonic", lambda: now)
    lookout = Lookout(storage.changes, at_least=1)
    assert [lookout.is_due(), lookout.is_due()] == [True, False]
    now += 1.0
    assert [lookout.is_due(), lookout.is_due()] == [True, False]
    storage.stop()
