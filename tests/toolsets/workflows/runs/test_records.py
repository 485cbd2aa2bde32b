from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from jupyter_mcp.toolsets.workflows.runs.run import RunQuery
from jupyter_mcp.toolsets.workflows.runs.telling import shown_status
from support.clock import Clock
from support.queued import MOST, new_run, spec_of, tell, tell_node, value


async def test_a_run_is_found_as_it_was_put_in(storage: Storage) -> None:
    records = RunRecords(storage)
    wanted = new_run(parameters={"x": [1]}, priority=3, template="t@1.0.0", parent="wf-1")
    run, is_new = await records.add(wanted, MOST)
    assert is_new
    found = await records.find(run)
    assert found is not None
    assert (found.status, found.parameters, found.priority) == ("pending", {"x": [1]}, 3)
    assert (found.template, found.parent, found.spec) == ("t@1.0.0", "wf-1", wanted.spec)
    assert found.is_active
    assert await records.find("wf-none") is None


async def test_one_run_with_a_deduplication_goes_on_at_a_time(storage: Storage) -> None:
    records = RunRecords(storage)
    first, _ = await records.add(new_run(deduplication="nightly"), MOST)
    again = await asyncio.gather(
        *(records.add(new_run(deduplication="nightly"), MOST) for _ in range(5))
    )
    assert again == [(first, False)] * 5
    other, is_new = await records.add(new_run("bob", deduplication="nightly"), MOST)
    assert is_new, "another owner's is another one"
    assert other != first
    await tell(storage, first, status="succeeded")
    assert (await records.add(new_run(deduplication="nightly"), MOST))[1]


async def test_an_owner_has_so_many_that_have_not_ended(storage: Storage) -> None:
    records = RunRecords(storage)
    first, _ = await records.add(new_run(), 2)
    await records.add(new_run(), 2)
    with pytest.raises(ToolError, match="2 of your workflows"):
        await records.add(new_run(), 2)
    await records.add(new_run("bob"), 2)
    await tell(storage, first, status="failed")
    await records.add(new_run(), 2)


async def test_what_nobody_has_taken_is_cancelled_at_once(storage: Storage) -> None:
    records = RunRecords(storage)
    waits, _ = await records.add(new_run(), MOST)
    taken, _ = await records.add(new_run(), MOST)
    await tell(storage, taken, executor="w-1", status="running")
    assert await records.want(waits, "cancelled")
    assert await records.want(taken, "cancelled")
    found = [await records.brief(each) for each in (waits, taken)]
    assert [each and (each.status, each.wanted) for each in found] == [
        ("cancelled", "cancelled"),
        ("running", "cancelled"),
    ]
    assert not await records.want(waits, "paused"), "it has ended"


async def test_the_first_answer_counts(storage: Storage) -> None:
    records = RunRecords(storage)
    run, _ = await records.add(new_run(), MOST)
    yes, no = {"approved": True}, {"approved": False}
    said = await asyncio.gather(
        records.answer(run, "ask", yes, "ann"), records.answer(run, "ask", no, "bob")
    )
    assert sorted(said) == [False, True]
    assert await records.is_answered(run, "ask")
    assert not await records.is_answered(run, "other")


async def test_runs_are_listed_the_newest_first_page_by_page(tmp_path: Path) -> None:
    storage, clock = Storage(tmp_path), Clock(100.0)
    records = RunRecords(storage, clock)
    runs = []
    for number in range(5):
        clock.now += 1
        owner = "bob" if number == 4 else "ann"
        template = "nightly@1.0.0" if number == 2 else "nightly-other@1.0.0"
        runs.append((await records.add(new_run(owner, template=template), MOST))[0])
    await tell(storage, runs[0], status="failed")

    async def ids(**asked: object) -> list[str]:
        return [each.id for each in await records.listed(RunQuery(**asked))]  # type: ignore[arg-type]

    assert await ids() == runs[::-1]
    assert await ids(owner="ann") == runs[3::-1]
    assert await ids(owner="ann", limit=2) == runs[3:1:-1]
    assert await ids(owner="ann", before=(103.0, runs[2])) == runs[1::-1]
    assert await ids(statuses=frozenset({"failed"})) == runs[:1]
    assert await ids(template="nightly") == [runs[2]]
    assert await ids(template="nightly@1.0.0") == [runs[2]]
    assert await ids(name="other") == []
    storage.stop()


async def test_runs_are_listed_by_the_status_that_is_told(storage: Storage) -> None:
    records = RunRecords(storage)
    stands = [("pending", "paused"), ("running", "paused"), ("paused", ""), ("running", ""),
              ("succeeded", "paused"), ("pending", "")]  # fmt: skip
    told: dict[str, set[str]] = {}
    for status, wanted in stands:
        run, _ = await records.add(new_run(), MOST)
        await tell(storage, run, status=status, wanted=wanted)
        found = await records.find(run)
        assert found is not None
        told.setdefault(shown_status(found), set()).add(run)
    assert told.keys() == {"pending", "running", "paused", "succeeded"}
    for asked in (["paused"], ["pending"], ["running"], ["succeeded"], ["paused", "pending"]):
        listed = await records.listed(RunQuery(statuses=frozenset(asked)))
        wanted_runs = set[str]().union(*(told[status] for status in asked))
        assert {each.id for each in listed} == wanted_runs, asked


async def test_only_what_has_ended_is_forgotten(storage: Storage) -> None:
    records = RunRecords(storage)
    run, _ = await records.add(new_run(), MOST)
    await tell_node(storage, run, "a", status="succeeded", output=1)
    assert not await records.delete(run)
    await tell(storage, run, status="succeeded")
    assert await records.delete(run)
    assert await records.nodes(run) == {}
    assert await records.find(run) is None


async def test_nodes_are_told_without_what_is_long(storage: Storage) -> None:
    records = RunRecords(storage)
    run, _ = await records.add(new_run(spec=spec_of(value("a"), value("b"))), MOST)
    await tell_node(storage, run, "a", status="succeeded", input={"x": 1}, output=2, log="lines")
    nodes = await records.nodes(run)
    assert list(nodes) == ["a"]
    assert (nodes["a"].output, nodes["a"].input, nodes["a"].log) == (2, None, "")
    whole = await records.node(run, "a")
    assert whole is not None
    assert (whole.input, whole.log) == ({"x": 1}, "lines")


def test_looking_makes_no_database(tmp_path: Path) -> None:
    asyncio.run(look(tmp_path))
    assert list(tmp_path.iterdir()) == []


async def look(folder: Path) -> None:
    """Ask for runs where there are none."""
    storage = Storage(folder)
    records = RunRecords(storage)
    assert await records.listed(RunQuery()) == []
    assert await records.find("wf-1") is None
    assert await records.changed_within(1e9) == ([], 0)
    storage.stop()
