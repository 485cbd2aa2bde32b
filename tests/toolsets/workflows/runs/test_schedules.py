from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.workflows.runs import schedules
from jupyter_mcp.toolsets.workflows.runs.cron import next_time
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from jupyter_mcp.toolsets.workflows.runs.run import RunQuery
from jupyter_mcp.toolsets.workflows.runs.schedules import Schedule, Schedules
from support.clock import Clock
from support.queued import spec_of, tell

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


def hourly(owner: str = "ann", **more: Any) -> Schedule:
    """Return a schedule that is due at one o'clock."""
    columns: dict[str, Any] = {
        "owner": owner,
        "principal": {"id": owner},
        "name": "hourly",
        "spec": spec_of().to_dict(),
        "parameters": {"x": 1},
        "cron": "0 * * * *",
        "timezone": "UTC",
        "next": START + 3600,
    }
    return Schedule(**columns | more)


async def test_what_is_due_starts_once_whoever_looks(storage: Storage) -> None:
    clock = Clock(START)
    await Schedules(storage, clock=clock).set(hourly())
    others = [Storage(storage._folder, storage.url) for _ in range(3)]
    lookers = [Schedules(each, clock=clock) for each in others]
    assert await asyncio.gather(*(each.start_due() for each in lookers)) == [[]] * 3
    clock.now = START + 3601
    started = await asyncio.gather(*(each.start_due() for each in lookers))
    assert sum(len(each) for each in started) == 1
    (run,) = await RunRecords(storage).listed(RunQuery())
    assert (run.owner, run.name, run.status) == ("ann", "flow", "pending")
    (kept,) = await lookers[0].listed("ann")
    assert (kept.last_run, kept.last, kept.next) == (run.id, clock.now, START + 7200)
    assert await lookers[0].next_due() == START + 7200
    for each in others:
        each.stop()


async def test_none_starts_while_the_last_one_goes_on(storage: Storage) -> None:
    clock = Clock(START + 3601)
    looker = Schedules(storage, clock=clock)
    await looker.set(hourly())
    (first,) = await looker.start_due()
    clock.now += 3600
    assert await looker.start_due() == []
    assert (await looker.listed(None))[0].next == START + 3 * 3600
    await tell(storage, first, status="failed")
    clock.now += 3600
    assert len(await looker.start_due()) == 1


async def test_of_what_was_missed_one_is_made_up_for(storage: Storage) -> None:
    clock = Clock(START + 50 * 3600 + 1)
    looker = Schedules(storage, clock=clock)
    await looker.set(hourly())
    assert len(await looker.start_due()) == 1
    assert (await looker.listed(None))[0].next == START + 51 * 3600


async def test_a_schedule_takes_the_place_of_its_namesake(storage: Storage) -> None:
    clock = Clock(START + 3601)
    looker = Schedules(storage, clock=clock)
    first = await looker.set(hourly())
    await looker.set(hourly("bob"))
    await looker.start_due()
    again = await looker.set(hourly(cron="5 * * * *", is_on=False))
    assert again.id == first.id
    assert again.last_run, "what it started is still known"
    (kept,) = await looker.listed("ann")
    assert (kept.cron, kept.is_on) == ("5 * * * *", False)
    assert len(await looker.listed(None)) == 2
    before = {each.id for each in await RunRecords(storage).listed(RunQuery(owner="ann"))}
    await tell(storage, again.last_run, status="succeeded")
    clock.now += 7200
    await looker.start_due()
    assert {each.id for each in await RunRecords(storage).listed(RunQuery(owner="ann"))} == before


async def test_an_owner_forgets_their_own_only(storage: Storage) -> None:
    looker = Schedules(storage)
    kept = await looker.set(hourly())
    with pytest.raises(ToolError, match="no schedule 'hourly'"):
        await looker.delete("hourly", "bob", "bob")
    assert (await looker.delete("hourly", "ann", "ann")).id == kept.id
    with pytest.raises(ToolError, match="There is none"):
        await looker.delete(kept.id, "ann", None)


async def test_who_sees_everybodys_forgets_their_own_of_a_name_first(storage: Storage) -> None:
    looker = Schedules(storage)
    kept = {who: await looker.set(hourly(who)) for who in ("bob", "ann", "eve")}
    assert (await looker.delete("hourly", "ann", None)).id == kept["ann"].id
    with pytest.raises(ToolError, match="2 schedules of others") as several:
        await looker.delete("hourly", "ann", None)
    assert kept["bob"].id in several.value.remedy
    assert (await looker.delete(kept["bob"].id, "ann", None)).owner == "bob"
    assert (await looker.delete("hourly", "ann", None)).owner == "eve", "the only one left"


async def test_an_owner_has_so_many(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "MOST", 1)
    looker = Schedules(storage)
    await looker.set(hourly())
    await looker.set(hourly())
    with pytest.raises(ToolError, match="1 schedules"):
        await looker.set(hourly(name="another"))


@pytest.mark.parametrize(
    ("cron", "zone", "then"),
    [
        ("0 2 * * *", "UTC", "2026-03-02T02:00:00+00:00"),
        ("0 2 * * *", "Europe/Berlin", "2026-03-02T01:00:00+00:00"),
        ("*/15 * * * *", "UTC", "2026-03-01T12:15:00+00:00"),
        ("0 9 * * mon-fri", "America/New_York", "2026-03-02T14:00:00+00:00"),
    ],
)
def test_the_next_time_is_told_in_its_zone(cron: str, zone: str, then: str) -> None:
    assert next_time(cron, zone, START) == datetime.fromisoformat(then).timestamp()


def test_days_without_the_hour_and_with_it_twice_are_no_trouble() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
    spring = next_time("30 2 * * *", "Europe/Berlin", before)
    assert before < spring <= before + 86_400
    before = datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()
    autumn = next_time("30 2 * * *", "Europe/Berlin", before)
    assert next_time("30 2 * * *", "Europe/Berlin", autumn) - autumn > 3600 * 0.9


@pytest.mark.parametrize("cron", ["", "now", "99 * * * *", "0 0 31 2 *", "* * * * * * * * *"])
def test_what_is_no_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(ToolError, match="no cron expression"):
        next_time(cron, "UTC", START)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe/\0"])
def test_a_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(ToolError, match="no time zone"):
        next_time("* * * * *", zone, START)
