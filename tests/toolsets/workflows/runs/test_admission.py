from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.tables import workflow_runs
from jupyter_mcp.toolsets.workflows.runs import admission as admission_of_runs
from jupyter_mcp.toolsets.workflows.runs.admission import Admission, Limits
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from support.clock import Clock
from support.queued import MOST, new_run, tell


async def add(storage: Storage, *runs: Any) -> list[str]:
    """Put runs into the queue, each a second after the one before."""
    clock = Clock(1000.0)
    records = RunRecords(storage, clock)
    found = []
    for run in runs:
        clock.now += 1
        found.append((await records.add(run, MOST))[0])
    return found


async def test_the_highest_priority_comes_first_then_the_oldest(storage: Storage) -> None:
    old, low, high, other = await add(
        storage, new_run(), new_run(priority=-1), new_run(priority=5), new_run(priority=5)
    )
    admission = Admission(storage, Limits())
    taken = [order.run for order in await admission.claim("w-1", 3)]
    assert taken == [high, other, old]
    assert [order.run for order in await admission.claim("w-1", 3)] == [low]
    assert await admission.claim("w-1", 3) == []


async def test_an_order_is_all_that_a_worker_needs(storage: Storage) -> None:
    wanted = new_run(parameters={"x": 1}, seeds={"a": 2})
    await add(storage, wanted)
    (order,) = await Admission(storage, Limits()).claim("w-1", 1)
    assert (order.run, order.spec, order.parameters) == (wanted.id, wanted.spec, {"x": 1})
    assert order.seeds == {"a": 2}
    found = await RunRecords(storage).brief(wanted.id)
    assert found is not None
    assert found.executor == "w-1"


async def test_a_burst_of_one_owner_starves_nobody(storage: Storage) -> None:
    runs = await add(storage, *(new_run("ann") for _ in range(30)), new_run("bob"))
    admission = Admission(storage, Limits(per_owner=3))
    taken = [order.run for order in await admission.claim("w-1", 10)]
    assert taken == [*runs[:3], runs[-1]]
    assert await admission.claim("w-1", 10) == []
    await tell(storage, runs[0], status="succeeded")
    await tell(storage, runs[1], status="waiting")
    assert [order.run for order in await admission.claim("w-1", 10)] == runs[3:5], (
        "what waits for a person takes no place"
    )


async def test_what_waits_of_one_owner_hides_nothing_of_others(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission_of_runs, "LOOKED_AT", 5)
    runs = await add(storage, *(new_run("ann") for _ in range(12)), new_run("bob"))
    admission = Admission(storage, Limits(per_owner=3))
    assert [order.run for order in await admission.claim("w-1")] == runs[:3]
    assert [order.run for order in await admission.claim("w-1")] == [runs[-1]]
    last = await RunRecords(storage).brief(runs[-2])
    assert last is not None
    assert "(workflow_running)" in last.reason, "also the last of them says why it waits"


async def test_so_many_of_an_owner_begin_in_a_time(storage: Storage) -> None:
    runs = await add(storage, *(new_run() for _ in range(5)))
    admission = Admission(storage, Limits(per_owner=100, rate=2, seconds=60))

    async def pass_by(seconds: float) -> None:  # on Postgres the database's clock counts
        change = workflow_runs.update().values(admitted=workflow_runs.c.admitted - seconds)
        await storage.run(lambda connection: connection.execute(change))

    assert [order.run for order in await admission.claim("w-1")] == runs[:2]
    await pass_by(50)
    assert await admission.claim("w-1") == []
    await pass_by(12)
    assert [order.run for order in await admission.claim("w-1")] == runs[2:4]


async def test_what_is_held_back_says_why(storage: Storage) -> None:
    first, second, third, other = await add(
        storage, new_run("ann"), new_run("ann"), new_run("ann"), new_run("bob", priority=-1)
    )
    records = RunRecords(storage)

    async def reasons() -> list[str]:
        found = [await records.brief(run) for run in (first, second, third, other)]
        return ["" if run is None else run.reason for run in found]

    admission = Admission(storage, Limits(per_owner=1, rate=2, seconds=60))
    await admission.claim("w-1", 1)
    runs = "It waits in the queue: 1 of its owner run (workflow_running)."
    assert await reasons() == ["", runs, runs, ""], "that of bob is only not its turn"
    told = await records.brief(second)
    await admission.claim("w-1", 0)
    assert [order.run for order in await admission.claim("w-1")] == [other]
    assert await records.brief(second) == told, "it is told once"
    await tell(storage, first, status="succeeded")
    assert [order.run for order in await admission.claim("w-1")] == [second]
    await tell(storage, second, status="succeeded")
    assert await admission.claim("w-1") == []
    rate = "It waits in the queue: 2 of its owner began within 60 seconds (workflow_rate)."
    assert await reasons() == ["", "", rate, ""]
    await records.want(third, "paused")
    assert await reasons() == ["", "", "", ""], "it waits for nobody but who paused it"


async def test_a_worker_without_room_takes_nothing_and_says_so(storage: Storage) -> None:
    [run] = await add(storage, new_run())
    admission, records = Admission(storage, Limits()), RunRecords(storage)
    assert await admission.claim("w-1", 0) == []
    told = await records.brief(run)
    assert told is not None
    assert told.reason == "It waits in the queue: the worker runs as many as it can."
    await admission.claim("w-1", 0)
    assert await records.brief(run) == told, "it is told once"
    assert [order.run for order in await admission.claim("w-1")] == [run]
    taken = await records.brief(run)
    assert taken is not None
    assert taken.reason == ""


async def test_what_is_paused_or_cancelled_is_left_in_the_queue(storage: Storage) -> None:
    paused, cancelled, plain = await add(storage, new_run(), new_run(), new_run())
    records = RunRecords(storage)
    await records.want(paused, "paused")
    await records.want(cancelled, "cancelled")
    admission = Admission(storage, Limits())
    assert [order.run for order in await admission.claim("w-1")] == [plain]
    await records.want(paused, "")
    assert [order.run for order in await admission.claim("w-1")] == [paused]


async def test_two_workers_never_take_the_same_run(storage: Storage) -> None:
    runs = await add(storage, *(new_run() for _ in range(40)))
    url = storage.url
    others = [Storage(storage._folder, url) for _ in range(2)]
    taken = await asyncio.gather(
        *(
            Admission(each, Limits(per_owner=100)).claim(f"w-{number}", 7)
            for number, each in enumerate(others * 4)
        )
    )
    ids = [order.run for orders in taken for order in orders]
    assert sorted(ids) == sorted(runs)
    for each in others:
        each.stop()


@pytest.mark.parametrize(
    ("rate", "limits"),
    [
        ("", Limits(7)),
        ("60/minute", Limits(7, 60, 60.0)),
        (" 5 / 10 seconds ", Limits(7, 5, 10.0)),
        ("1/day", Limits(7, 1, 86_400.0)),
    ],
)
def test_rates_are_read_as_settings_say_them(rate: str, limits: Limits) -> None:
    assert Limits.of(7, rate) == limits


@pytest.mark.parametrize("rate", ["many", "0/minute", "5/0 days", "5/fortnight", "/minute", "5"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(ToolError, match="60/minute"):
        Limits.of(7, rate)
