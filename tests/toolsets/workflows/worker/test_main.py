"""A worker and its SQLite: killed, stopped, idle, and what it finds when it begins."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_mcp.storage.tables import workflow_runs
from jupyter_mcp.toolsets.workflows.runs.schedules import Schedule, Schedules
from support.workers import Bench, asking, bench, chain, waiting


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Bench]:
    """A state folder without a server."""
    async with bench(tmp_path / "state") as made:
        yield made


async def test_runs_go_on_after_a_worker_was_killed(place: Bench) -> None:
    worker = place.start()
    runs = [await place.put(chain(7)) for _ in range(20)]
    slow = await place.put(asking())
    await place.begun(slow, "w", "waiting")
    place.kill(worker)
    first = (await place.run(slow)).executor
    place.start()
    await place.answer(slow)
    for run in (*runs, slow):
        await place.ended(run)
        assert {node.status for node in (await place.nodes(run)).values()} == {"succeeded"}
    assert (await place.run(slow)).executor != first


async def test_sigterm_ends_it_at_once_and_nothing_is_lost(place: Bench) -> None:
    worker = place.start()
    run = await place.put(asking())
    await place.begun(run, "w", "waiting")
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 30) == 0, "it waits for no run"
    assert (await place.run(run)).is_active
    place.start()
    await place.answer(run)
    await place.ended(run)
    assert "ends: stopped" in place.log
    assert "Traceback" not in place.log


async def test_a_second_worker_of_one_folder_leaves_in_one_line(place: Bench) -> None:
    place.start()
    holder = await place.holder()
    second = place.start()
    assert await asyncio.to_thread(second.wait, 30) == 1
    assert f"conflict: The worker's lock is held by process {holder.pid}" in place.log
    assert (await place.holder()).executor == holder.executor
    kept = json.loads((place.state / "worker.lock").read_text())
    assert kept.keys() == {"pid", "executor", "started", "version", "starter", "mark"}


async def test_what_waits_or_is_paused_takes_no_place(place: Bench) -> None:
    place.start(at_once=2)
    waits, paused = await place.put(asking()), await place.put(asking())
    for run in (waits, paused):
        await place.begun(run, "w", "waiting")
    await place.records.want(paused, "paused")
    await place.until(paused, lambda found: found.status == "paused")
    await place.ended(await place.put(chain(1)))


async def test_it_leaves_when_there_is_nothing_to_do(place: Bench) -> None:
    worker = place.start(idle_seconds=0.5)
    await place.ended(await place.put(chain(1)))
    assert await asyncio.to_thread(worker.wait, 30) == 0
    assert "ends: idle" in place.log


async def test_a_run_that_waits_keeps_it(place: Bench) -> None:
    worker = place.start(idle_seconds=0.5)
    await place.ended(await place.put(waiting(2)))
    assert place.log.count("begins") == 1
    await asyncio.to_thread(worker.wait, 30)


async def test_it_starts_what_is_due_by_the_clock(place: Bench) -> None:
    place.start()
    await place.ended(await place.put(chain(1)))  # it has looked and found no schedule
    schedules = Schedules(place.storage)
    soon = time.time() + 2.5
    await schedules.set(
        Schedule("ann", {"id": "ann"}, "soon", chain(1), {}, "0 0 1 1 *", "UTC", next=soon)
    )
    async with asyncio.timeout(30):
        while True:
            [known] = await schedules.listed("ann")
            if known.last is not None:
                break
            await asyncio.sleep(0.1)
    await place.ended(known.last_run)
    started = known.last
    assert started - soon < 5, "it is not only seen when all is read again"


async def test_a_run_that_was_taken_and_never_begun_is_done(place: Bench) -> None:
    run = await place.put(chain(2))

    def claim(connection: object) -> None:
        connection.execute(workflow_runs.update().values(executor="w-dead"))  # type: ignore[attr-defined]

    await place.storage.run(claim)
    place.start()
    await place.ended(run)


async def test_a_run_whose_end_was_not_written_down_gets_it(place: Bench) -> None:
    worker = place.start()
    run = await place.put(chain(2))
    await place.ended(run)
    place.kill(worker)

    def forget(connection: object) -> None:
        from jupyter_mcp.storage.tables import workflow_nodes

        change = workflow_runs.update().values(status="running", ended=None)
        connection.execute(change)  # type: ignore[attr-defined]
        connection.execute(workflow_nodes.delete())  # type: ignore[attr-defined]

    await place.storage.run(forget)
    place.start()
    found = await place.ended(run)
    assert found.ended
    assert {node.status for node in (await place.nodes(run)).values()} == {"succeeded"}


async def test_a_run_that_the_engine_does_not_know_any_more_ends(place: Bench) -> None:
    worker = place.start()
    lost, unwanted = await place.put(asking()), await place.put(asking())
    for run in (lost, unwanted):
        await place.begun(run, "w", "waiting")
    place.kill(worker)
    for file in place.state.glob("workflows.db*"):
        file.unlink()
    await place.records.want(unwanted, "cancelled")
    place.start()
    found = await place.ended(lost, "failed")
    assert found.error
    assert found.error["message"] == "The workflow was lost by the engine."
    assert found.error["remedy"] == "workflow_retry goes on from what was done."
    assert (await place.ended(unwanted, "cancelled")).error is None
    assert (await place.nodes(lost))["w"].status == "cancelled", "nobody can answer it any more"


async def test_a_run_that_was_cancelled_before_the_engine_had_it_ends(place: Bench) -> None:
    run = await place.put(chain(2))

    def claim(connection: object) -> None:
        connection.execute(workflow_runs.update().values(executor="w-dead"))  # type: ignore[attr-defined]

    await place.storage.run(claim)
    await place.records.want(run, "cancelled")
    assert (await place.run(run)).is_active, "a worker may have it"
    place.start()
    await place.ended(run, "cancelled")


async def test_a_run_of_another_version_can_be_cancelled(place: Bench) -> None:
    worker = place.start()
    run = await place.put(asking())
    await place.begun(run, "w", "waiting")
    place.kill(worker)
    with closing(sqlite3.connect(place.state / "workflows.db", isolation_level=None)) as journal:
        journal.execute("UPDATE workflow_status SET application_version = '0'")
    place.start(look_seconds=0.2)
    await place.until(run, lambda found: "begun by version 0 of the interpreter" in found.reason)
    await place.records.want(run, "cancelled")
    await place.ended(run, "cancelled")
    assert (await place.nodes(run))["w"].status == "cancelled"
    with closing(sqlite3.connect(place.state / "workflows.db")) as journal:
        [(status,)] = journal.execute("SELECT status FROM workflow_status").fetchall()
    assert status == "CANCELLED", "a worker of that version does not go on with it"


async def test_a_database_of_a_newer_schema_is_left_alone(place: Bench) -> None:
    def newer(connection: object) -> None:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")  # type: ignore[attr-defined]

    await place.storage.run(newer)
    worker = place.start()
    assert await asyncio.to_thread(worker.wait, 30) == 1
    assert "The database was written by a newer version of jupyter_mcp" in place.log
    assert "Traceback" not in place.log
