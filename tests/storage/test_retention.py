"""What is old goes, at the start and every day; what is young or kept for ever stays."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.retention import DAY, Retention
from jupyter_mcp.storage.tables import changes, jobs

NOW = 1000 * DAY


def change(days: float) -> dict[str, Any]:
    return {"at": NOW - days * DAY, "principal": "ann", "path": "a.ipynb", "action": "edit"}


def job(name: str, days: float | None) -> dict[str, Any]:
    ended = None if days is None else NOW - days * DAY
    told = {"id": name, "owner": "ann", "tool": "t", "title": "x", "server": "s", "started": 0.0}
    return told | {"ended": ended, "status": "succeeded" if days else "running"}


async def filled(folder: Path, url: str) -> Storage:
    storage = Storage(folder, url)
    rows = [change(days) for days in (100, 91, 89, 0)]
    await storage.run(lambda c: c.execute(changes.insert(), rows))
    ended = [job("old", 8), job("young", 6), job("runs", None)]
    await storage.run(lambda c: c.execute(jobs.insert(), ended))
    return storage


async def counts(storage: Storage) -> tuple[int, int]:
    def count(connection: Any) -> tuple[int, int]:
        tables = (changes, jobs)
        one, other = (connection.scalar(select(func.count(each.c.id))) for each in tables)
        return one, other

    return await storage.run(count)


async def test_only_what_is_too_old_goes(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp.storage.retention.PIECE", 1)
    storage = await filled(tmp_path, database_url)
    gone = await Retention(storage, 0, 90, 7, clock=lambda: NOW).sweep()
    assert gone == {"audit": 0, "changes": 2, "jobs": 1, "workflows": 0}
    assert await counts(storage) == (2, 2)
    for_ever = Retention(storage, 0, 0, 10_000, clock=lambda: NOW * 2)
    assert sum((await for_ever.sweep()).values()) == 0
    storage.stop()


async def test_workflows_go_with_all_that_is_known_of_them(
    tmp_path: Path, database_url: str
) -> None:
    from jupyter_mcp.storage.tables import workflow_answers, workflow_nodes, workflow_runs

    storage = Storage(tmp_path, database_url)
    whole = {"owner": "o", "principal": {}, "name": "n", "spec": {}, "spec_hash": "h"}

    def fill(connection: Any) -> None:
        for run, ended in (("wf-old", NOW - 31 * DAY), ("wf-young", NOW), ("wf-live", None)):
            status = "running" if ended is None else "succeeded"
            more = {"id": run, "status": status, "created": 1.0, "ended": ended, "parameters": {}}
            connection.execute(workflow_runs.insert().values(**whole, **more))
            node = {"run": run, "node": "a"}
            connection.execute(workflow_nodes.insert().values(**node, status="succeeded"))
            answer = {"answer": {}, "by": "b", "at": 1.0}
            connection.execute(workflow_answers.insert().values(**node, **answer))

    def left(connection: Any) -> list[set[str]]:
        columns = (workflow_runs.c.id, workflow_nodes.c.run, workflow_answers.c.run)
        return [set(connection.execute(select(column)).scalars()) for column in columns]

    await storage.run(fill)
    kept = Retention(storage, 0, 0, 7, workflow_days=0, clock=lambda: NOW)
    assert (await kept.sweep())["workflows"] == 0
    gone = Retention(storage, 0, 0, 7, workflow_days=30, clock=lambda: NOW)
    assert (await gone.sweep())["workflows"] == 1
    assert await storage.run(left) == [{"wf-young", "wf-live"}] * 3
    storage.stop()


async def test_it_begins_when_the_database_is_first_used(tmp_path: Path) -> None:
    (await filled(tmp_path, "")).stop()
    storage, tasks = Storage(tmp_path), Supervisor()
    retention = Retention(storage, 0, 90, 7, clock=lambda: NOW)
    tasks.spawn("retention", retention.keep())
    await asyncio.sleep(0)
    assert storage._engine is None
    async with asyncio.timeout(20):
        while await counts(storage) != (2, 2):  # noqa: ASYNC110 - a sweep tells nobody
            await asyncio.sleep(0)
    await tasks.stop()
    storage.stop()
