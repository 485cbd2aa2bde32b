from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.engine import file_system
from jupyter_mcp.storage.tables import changes, metadata


def _count(connection: Connection) -> int:
    return int(connection.execute(text("select count(*) from changes")).scalar_one())


def row(**values: Any) -> dict[str, Any]:
    return {"at": 1.0, "principal": "ann", "path": "a.ipynb", "action": "edit"} | values


async def test_the_migrations_make_just_the_tables_of_the_code(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    differences = await storage.run(
        lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
    )
    storage.stop()
    assert differences == []


async def test_nothing_is_opened_before_the_first_use(tmp_path: Path) -> None:
    Storage(tmp_path).stop()
    assert os.listdir(tmp_path) == []


async def test_to_read_where_there_is_no_database_makes_none(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    assert await storage.read(_count, -1) == -1
    assert os.listdir(tmp_path) == []
    await storage.run(lambda connection: connection.execute(changes.insert().values(**row())))
    assert await storage.read(_count, -1) == 1
    storage.stop()


async def test_to_read_tables_that_are_empty_does_not_open_the_database(tmp_path: Path) -> None:
    first = Storage(tmp_path)
    await first.run(lambda _: None)
    first.stop()
    storage = Storage(tmp_path)
    assert await storage.read(_count, -1, "changes", "jobs") == -1
    assert not storage.opened.is_set()
    assert await storage.read(_count, -1) == 0, "who names no tables has them read"
    assert await storage.read(_count, -1, "changes") == 0, "it is open: a glance would save nothing"
    storage.stop()


async def test_to_read_tables_with_something_in_them_opens_the_database(tmp_path: Path) -> None:
    first = Storage(tmp_path)
    await first.run(lambda connection: connection.execute(changes.insert().values(**row())))
    first.stop()
    storage = Storage(tmp_path)
    assert await storage.read(_count, -1, "jobs", "changes") == 1
    assert storage.opened.is_set()
    storage.stop()


async def test_a_database_that_cannot_be_seen_is_not_taken_for_none(tmp_path: Path) -> None:
    folder = tmp_path / "file" / "state"
    (tmp_path / "file").write_text("no folder")
    storage = Storage(folder)
    with pytest.raises(Exception, match=r"open|director"):
        await storage.read(lambda _: 1, 0)
    storage.stop()


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Storage(tmp_path)
    await first.run(lambda connection: connection.execute(changes.insert().values(**row())))
    first.stop()
    second = Storage(tmp_path)
    count = await second.run(lambda c: c.execute(text("select count(*) from changes")).scalar())
    second.stop()
    assert count == 1


async def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(tmp_path)

    def fail(connection: Connection) -> None:
        connection.execute(changes.insert().values(**row()))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await storage.run(fail)
    count = await storage.run(lambda c: c.execute(text("select count(*) from changes")).scalar())
    storage.stop()
    assert count == 0


async def test_many_writers_take_turns_and_the_thread_ends(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    await asyncio.gather(
        *(
            storage.run(lambda c, n=n: c.execute(changes.insert().values(**row(cell_id=str(n)))))
            for n in range(50)
        )
    )
    count = await storage.run(lambda c: c.execute(text("select count(*) from changes")).scalar())
    storage.stop()
    assert count == 50
    assert not [t for t in threading.enumerate() if "storage" in t.name]


async def test_sqlite_writes_ahead_except_on_network_file_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def journal(folder: Path) -> str:
        storage = Storage(folder)
        mode = await storage.run(lambda c: c.execute(text("pragma journal_mode")).scalar())
        storage.stop()
        return str(mode)

    assert await journal(tmp_path) == "wal"
    monkeypatch.setattr("jupyter_mcp.storage.engine.file_system", lambda _folder: "nfs4")
    share = tmp_path / "share"
    share.mkdir()
    assert await journal(share) == "delete"


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n")
    assert file_system(tmp_path / "deep", str(mounts)) == "nfs4"
    assert file_system(Path("/"), str(mounts)) == "ext4"
    assert file_system(tmp_path, str(tmp_path / "missing")) == ""
