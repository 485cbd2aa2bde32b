from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.workflows.runs import watch as watch_module
from jupyter_mcp.toolsets.workflows.runs.admission import Admission, Limits
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from jupyter_mcp.toolsets.workflows.runs.watch import Watch
from jupyter_mcp.toolsets.workflows.worker.book import Book
from support.clock import Clock
from support.postgres import Postgres
from support.queued import MOST, new_run, tell


async def until(done: object) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(30):
        while not done():  # type: ignore[operator]  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


async def test_what_another_process_tells_is_noticed_and_the_watch_ends(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    other = Storage(tmp_path)
    records = RunRecords(storage)
    told: list[str] = []
    watch = Watch(records, tasks, told.append)
    run, _ = await records.add(new_run(), MOST)
    watch.begin()
    await until(lambda: told == [run])
    waiting = asyncio.create_task(watch.change(run, 30))
    await asyncio.sleep(0)
    await tell(other, run, status="running", updated=time.time())
    await asyncio.wait_for(waiting, 30)
    assert told.count(run) == 2
    await tell(other, run, status="succeeded", updated=time.time())
    await until(lambda: not tasks.names)
    assert told.count(run) == 3, "the end is told before nobody looks any more"
    watch.begin()
    await until(lambda: not tasks.names)
    await tasks.stop()
    storage.stop()
    other.stop()


async def test_who_waits_for_nothing_waits_no_longer_than_they_said(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    watch = Watch(RunRecords(storage), tasks, lambda _: None)
    await RunRecords(storage).add(new_run(), MOST)
    async with asyncio.timeout(30):
        await watch.change("wf-none", 0.05)
    await tasks.stop()
    storage.stop()


async def test_what_was_told_just_before_the_machine_slept_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(time.time())
    monkeypatch.setattr(watch_module, "time", SimpleNamespace(time=clock, monotonic=time.monotonic))
    storage, tasks = Storage(tmp_path), Supervisor()
    records = RunRecords(storage, clock)
    run, _ = await records.add(new_run(), MOST)
    told: list[str] = []
    Watch(records, tasks, told.append).begin()
    await until(lambda: told == [run])
    await tell(storage, run, status="succeeded", updated=clock.now + 1)
    clock.now += 3600
    await until(lambda: told == [run, run])
    await tasks.stop()
    storage.stop()


async def test_a_database_that_is_away_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    records = RunRecords(storage)
    run, _ = await records.add(new_run(), MOST)
    told: list[str] = []
    real, failures = records.changed_within, iter((True,))

    async def away(seconds: float) -> object:
        if next(failures, False):
            raise OSError("away")
        return await real(seconds)

    monkeypatch.setattr(records, "changed_within", away)
    Watch(records, tasks, told.append).begin()
    await until(lambda: told == [run])
    await tasks.stop()
    storage.stop()


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
async def test_clocks_of_hosts_that_differ_hide_nothing_in_a_shared_database(
    tmp_path: Path, postgres: Postgres, skew: float
) -> None:
    url = postgres.database()
    here, there = Storage(tmp_path, url), Storage(tmp_path, url)
    far = Clock(time.time() + skew)
    run, _ = await RunRecords(here).add(new_run(), MOST)
    admission = Admission(there, Limits(per_owner=9, rate=1, seconds=60), far)
    assert len(await admission.claim("w-far", 5)) == 1
    await RunRecords(here).add(new_run(), MOST)
    assert await Admission(here, Limits(per_owner=9, rate=1, seconds=60)).claim("w-1", 5) == []
    book = Book(there, far)
    book.run(run, status="running")
    await book.write()
    found, _ = await RunRecords(here).changed_within(30.0)
    assert run in dict(found)
    assert abs(dict(found)[run] - time.time()) < 30
    here.stop()
    there.stop()
