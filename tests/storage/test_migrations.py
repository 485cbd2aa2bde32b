"""A database of any age becomes a new one, and nothing in it is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Table, create_engine, inspect, text

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.engine import migrate, newest
from jupyter_mcp.storage.tables import (
    changes,
    jobs,
    metadata,
    workflow_leases,
    workflow_runs,
    workflow_schedules,
)

CHANGE = {"at": 1.5, "principal": "ann", "path": "ä.ipynb", "action": "edit", "after": {"a": [1]}}
JOB = {
    "id": "job-1",
    "owner": "ann",
    "tool": "t",
    "title": "x",
    "status": "lost",
    "server": "s",
    "started": 2.25,
}


@asynccontextmanager
async def opened(folder: Path, url: str) -> AsyncIterator[Storage]:
    storage = Storage(folder, url)
    try:
        yield storage
    finally:
        storage.stop()


def at_revision(url: str, revision: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        migrate(connection, revision)
    engine.dispose()


async def test_an_empty_database_gets_just_the_tables_of_the_code(
    tmp_path: Path, database_url: str
) -> None:
    async with opened(tmp_path, database_url) as storage:
        differences = await storage.run(
            lambda c: compare_metadata(
                MigrationContext.configure(c, opts={"compare_type": True}), metadata
            )
        )
    assert differences == []


async def test_the_migrations_lead_to_just_the_tables_of_the_code(
    tmp_path: Path, database_url: str
) -> None:
    at_revision(database_url, "0001")
    async with opened(tmp_path, database_url) as storage:
        differences = await storage.run(
            lambda c: compare_metadata(
                MigrationContext.configure(c, opts={"compare_type": True}), metadata
            )
        )
        revision = await storage.run(lambda c: MigrationContext.configure(c).get_current_heads())
    assert differences == []
    assert revision == (newest(),)


async def test_the_first_revision_becomes_the_newest_with_all_its_rows(
    tmp_path: Path, database_url: str
) -> None:
    at_revision(database_url, "0001")
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert "audit" not in inspect(connection).get_table_names()
        connection.execute(changes.insert(), [CHANGE, CHANGE | {"path": "b.ipynb"}])
        connection.execute(jobs.insert().values(JOB))
    engine.dispose()
    async with opened(tmp_path, database_url) as storage:
        rows = await storage.run(
            lambda c: list(c.execute(changes.select().order_by(changes.c.id)).mappings())
        )
        (job,) = await storage.run(lambda c: list(c.execute(jobs.select()).mappings()))
        names = await storage.run(lambda c: inspect(c).get_table_names())
    assert [row["path"] for row in rows] == ["ä.ipynb", "b.ipynb"]
    assert rows[0].items() >= CHANGE.items()
    assert job.items() >= JOB.items()
    assert set(metadata.tables) <= set(names)


RUN = {"id": "wf-1", "owner": "ann", "principal": {"id": "ann"}, "name": "flow", "spec": {"n": 1}}
RUN |= {"spec_hash": "h", "parameters": {}, "status": "running", "created": 2.5}
LEASE = {"executor": "w-1", "host": "h", "pid": 1, "version": "1", "started": 1.5, "expires": 2.5}
SCHEDULE = {"id": "s-1", "owner": "ann", "principal": {}, "name": "nightly", "spec": {"n": 1}}
SCHEDULE |= {"parameters": {}, "cron": "* * * * *", "next": 2.5, "is_on": True}
AT_WORK: list[tuple[Table, dict[str, Any]]] = [
    (jobs, JOB),
    (workflow_runs, RUN),
    (workflow_leases, LEASE),
    (workflow_schedules, SCHEDULE),
]


async def test_what_goes_on_when_homes_are_added_is_that_of_a_database_with_one(
    tmp_path: Path, database_url: str
) -> None:
    at_revision(database_url, "0004")
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for table, row in AT_WORK:
            connection.execute(table.insert().values(row))
    engine.dispose()
    async with opened(tmp_path, database_url) as storage:
        for table, row in AT_WORK:
            (found,) = await storage.run(lambda c, t=table: list(c.execute(t.select()).mappings()))
            assert found.items() >= row.items()
            assert (found["home"], found.get("untrusted", "")) == ("", "")


async def test_a_database_of_a_newer_version_is_left_alone(
    tmp_path: Path, database_url: str
) -> None:
    at_revision(database_url, "head")
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    async with opened(tmp_path, database_url) as storage:
        with pytest.raises(ToolError, match=r"newer version.*Update jupyter-mcp-workbench"):
            await storage.run(lambda c: c)
    with engine.begin() as connection:
        assert connection.execute(text("select * from alembic_version")).scalar() == "9999"
    engine.dispose()


OPEN = """
import asyncio, sys
from pathlib import Path
from jupyter_mcp.storage import Storage

async def main():
    storage = Storage(Path(sys.argv[1]), sys.argv[2])
    await storage.run(lambda connection: None)
    storage.stop()

asyncio.run(main())
"""


def test_processes_that_open_a_new_database_at_once_all_get_it(
    tmp_path: Path, database_url: str
) -> None:
    words = [sys.executable, "-c", OPEN, str(tmp_path), database_url]
    running = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    told = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, told


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("no url at all", "'database_url' is not the URL of a database"),
        ("oddbase://x/y", "'database_url' is not the URL of a database"),
        ("mysql+pymysql://x/y", "needs the package 'pymysql', which is not installed"),
        (
            "postgresql+psycopg://u:secretword@/name?host=/nowhere",
            "The database 'name' at /nowhere cannot be opened: the database does not answer",
        ),
        ("sqlite:////nowhere/at/all.db", "the database cannot be opened"),
    ],
)
async def test_what_cannot_be_opened_is_told_in_one_line(
    tmp_path: Path, url: str, told: str
) -> None:
    async with opened(tmp_path, url) as storage:
        with pytest.raises(ToolError) as caught:
            await storage.run(lambda c: c)
    assert told in str(caught.value)
    assert "secretword" not in str(caught.value)
    assert caught.value.remedy


async def test_without_the_driver_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    async with opened(tmp_path, "postgresql+psycopg://u@h/n") as storage:
        with pytest.raises(ToolError, match=r"pip install 'jupyter-mcp-workbench\[postgres\]'"):
            await storage.run(lambda c: c)


async def test_text_that_a_database_cannot_hold_is_stored_without_it(
    tmp_path: Path, database_url: str
) -> None:
    odd = JOB | {"log": "a\0b \ud83d c", "title": "\0"}
    async with opened(tmp_path, database_url) as storage:
        await storage.run(lambda c: c.execute(jobs.insert().values(odd)))
        (job,) = await storage.run(lambda c: list(c.execute(jobs.select()).mappings()))
    assert job["log"] == "a\ufffdb ? c"


async def test_a_server_of_the_database_that_was_away_is_found_again(
    tmp_path: Path, postgres: Any
) -> None:
    async with opened(tmp_path, postgres.database()) as storage:
        assert await storage.run(lambda c: c.execute(text("select 1")).scalar()) == 1
        await asyncio.to_thread(postgres.stop)
        began = time.monotonic()
        with pytest.raises(Exception, match=r"connection|terminat"):
            await storage.run(lambda c: c.execute(text("select 1")).scalar())
        assert time.monotonic() - began < 20
        await asyncio.to_thread(postgres.start)
        assert await storage.run(lambda c: c.execute(text("select 1")).scalar()) == 1
