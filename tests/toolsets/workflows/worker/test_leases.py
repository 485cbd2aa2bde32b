"""Several workers on one Postgres: who dies is found out, and what they did goes on elsewhere.

The tests set a beat of 0.5 s and a lease of 2 s in place of 5 s and 15 s, so that they are quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.worker_key import WorkerKey
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.home import home_of
from jupyter_mcp.storage.tables import workflow_leases
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from jupyter_mcp.toolsets.workflows.worker import leases as leases_of_workers
from jupyter_mcp.toolsets.workflows.worker.leases import Leases, bury, living
from support.plugins import plugin_environment
from support.postgres import Postgres
from support.server import JupyterServer
from support.workers import Bench, asking, bench, calling, chain, state_of, waiting

QUICK: dict[str, Any] = {"beat_seconds": 0.5, "lease_seconds": 2.0, "look_seconds": 0.5}


@pytest.fixture
async def place(tmp_path: Path, postgres: Postgres) -> AsyncIterator[Bench]:
    """A state folder and a database of its own."""
    async with bench(tmp_path / "state", database_url=postgres.database(), **QUICK) as made:
        yield made


async def leases(place: Bench) -> dict[str, int]:
    """Return the executors that have a lease, and their processes."""

    def read(connection: Any) -> dict[str, int]:
        rows = connection.execute(select(workflow_leases.c.executor, workflow_leases.c.pid))
        return {row.executor: row.pid for row in rows}

    return await place.storage.run(read)


async def expect_untouched(place: Bench, run: str) -> None:
    """Assert that nobody has taken a run, nor sees it from here."""
    assert await place.records.find(run) is None
    found = await RunRecords(place.storage).find(run)
    assert found is not None
    assert (found.status, found.executor) == ("pending", "")


async def workers(place: Bench, count: int) -> dict[int, str]:
    """Return the executors of so many workers, by their processes."""
    until = time.monotonic() + 60
    while len(found := await leases(place)) != count:
        assert time.monotonic() < until, place.log
        await asyncio.sleep(0.05)
    return {pid: executor for executor, pid in found.items()}


async def share(place: Bench, runs: list[str]) -> tuple[int, str, list[str]]:
    """Return a worker's process and executor, and which of some runs it has.

    A busy machine is late with its beat, and a worker then starts over with another name.
    """
    until = time.monotonic() + 60
    while True:
        had = {run: (await place.run(run)).executor for run in runs}
        found = await leases(place)
        if (executor := had[runs[0]]) in found:
            return found[executor], executor, [run for run in runs if had[run] == executor]
        assert time.monotonic() < until, place.log
        await asyncio.sleep(0.05)


async def test_runs_of_a_worker_that_is_killed_for_good_end_on_the_other(place: Bench) -> None:
    processes = {each.pid: each for each in (place.start(), place.start())}
    await workers(place, 2)
    runs = [await place.put(chain(7)) for _ in range(30)]
    slow = [await place.put(asking()) for _ in range(10)]
    for run in slow:
        await place.begun(run, "w", "waiting")
    doomed, executor, lost = await share(place, slow)
    place.kill(processes.pop(doomed))
    for run in lost:
        await place.until(run, lambda found: found.executor != executor)
    for run in slow:
        await place.answer(run)
    for run in runs + slow:
        await place.ended(run)
    assert executor not in {(await place.run(run)).executor for run in lost}
    assert (await workers(place, 1)).keys() == processes.keys()


async def test_a_worker_that_was_taken_for_dead_starts_over(place: Bench) -> None:
    worker = place.start()
    before = (await workers(place, 1))[worker.pid]
    run = await place.put(asking())
    await place.begun(run, "w", "waiting")

    def bury(connection: Any) -> None:
        connection.execute(workflow_leases.delete())

    await place.storage.run(bury)
    await place.until(run, lambda found: found.executor != before)
    await place.answer(run)
    found = await place.ended(run)
    after = (await workers(place, 1))[worker.pid]
    assert before != after == found.executor
    assert "others took" not in place.log
    assert "Other workers took this one for dead" in place.log


async def test_a_worker_that_stops_gives_its_lease_back(place: Bench) -> None:
    worker = place.start()
    await workers(place, 1)
    await place.ended(await place.put(chain(1)))
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, 30) == 0
    assert await leases(place) == {}


async def test_nothing_is_lost_when_postgres_is_restarted(place: Bench, postgres: Postgres) -> None:
    place.start()
    slow = [await place.put(waiting(2)) for _ in range(3)]
    for run in slow:
        await place.until_node(run, "w", lambda node: node.started)
    runs = [await place.put(chain(20)) for _ in range(10)]
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)
    for run in runs + slow:
        with contextlib.suppress(DBAPIError):  # this test's own connection was cut, too
            await place.run(run)
        await place.ended(run)


async def test_a_worker_on_another_host_reaches_its_server_by_its_url_and_a_copy_of_its_key(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.database()
    environment = plugin_environment(tmp_path, probe="support.probe:Probe")
    config = {"JupyterMCP": {"database_url": url}}
    with JupyterServer(
        tmp_path / "home", collaboration=False, env=environment, config=config
    ) as server:
        key = tmp_path / "copy.key"
        key.write_text(WorkerKey(state_of(server)).prepare())
        async with bench(
            tmp_path / "elsewhere", database_url=url, server=server.url, key_file=str(key)
        ) as made:
            strange = await made.put(chain(1))  # of another server in the same database
            made.records = RunRecords(made.storage, home=home_of(state_of(server), url))
            made.start()
            run = await made.put(calling(("probe_echo", {"text": "from afar"})))
            await made.ended(run)
            assert (await made.nodes(run))["c0"].output == {"result": "from afar"}
            await expect_untouched(made, strange)
            key.write_text("jmcp-worker-wrong")
            other = Principal("user:eve", "eve", credential="eve's")
            refused = await made.put(calling(("probe_echo", {"text": "no"})), other)
            await made.until(
                refused, lambda found: "does not know this worker's key" in found.reason
            )


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
async def test_a_host_whose_clock_is_wrong_takes_nobodys_runs(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    storage = Storage(tmp_path, postgres.database())
    await Leases(storage, "w-right", 15.0).take()
    wrong = SimpleNamespace(time=lambda: time.time() + skew)
    monkeypatch.setattr(leases_of_workers, "time", wrong)
    await Leases(storage, "w-wrong", 15.0).take()
    assert await storage.run(lambda each: bury(each, "w-wrong")) == 0
    assert await storage.run(lambda each: living(each, "")) == {"", "w-right", "w-wrong"}
    monkeypatch.undo()
    assert await storage.run(lambda each: bury(each, "w-right")) == 0
    assert await Leases(storage, "w-wrong", 15.0).renew()
    storage.stop()
