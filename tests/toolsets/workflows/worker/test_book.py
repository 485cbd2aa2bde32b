"""What runs tell is written in batches, and survives whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from jupyter_mcp.toolsets.workflows.worker.book import Book
from support.clock import Clock
from support.workers import Bench, bench, chain


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Bench]:
    """A state folder without a worker."""
    async with bench(tmp_path / "state") as made:
        yield made


@pytest.fixture
async def book(place: Bench) -> AsyncIterator[Book]:
    """A book that writes."""
    made = Book(place.storage, Clock())
    made.start()
    yield made
    await made.stop()


async def test_it_writes_by_itself_and_a_start_keeps_its_first_time(
    place: Bench, book: Book
) -> None:
    run = await place.put(chain(1))
    book.run(run, status="running", started=5.0)
    book.node(run, "n0", status="running", started=6.0)
    await place.until(run, lambda found: found.status == "running")
    book.run(run, status="running", started=9.0)
    book.node(run, "n0", started=9.0)
    await book.write()
    assert (await place.run(run)).started == 5.0
    assert (await place.nodes(run))["n0"].started == 6.0


async def test_it_stops_also_in_the_moment_in_which_a_run_is_told_of(place: Bench) -> None:
    run = await place.put(chain(1))
    for _ in range(20):
        book = Book(place.storage, Clock())
        book.start()
        book.node(run, "n0", status="running")
        for _ in range(5):  # it waits now for more
            await asyncio.sleep(0)
        book.run(run, status="running")
        async with asyncio.timeout(30):
            await book.stop()


async def test_many_words_are_one_transaction(
    place: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, run = Book(place.storage, Clock()), await place.put(chain(1))
    seen: list[Any] = []
    original = place.storage.run

    async def counted(work: Any) -> Any:
        seen.append(work)
        return await original(work)

    monkeypatch.setattr(place.storage, "run", counted)
    for number in range(100):
        book.node(run, f"n{number}", status="succeeded", output=number)
    await book.write()
    assert len(seen) == 1
    assert len(await place.nodes(run)) == 100


async def test_what_is_told_while_the_database_is_away_is_written_later(
    place: Bench, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await place.put(chain(1))
    original, tries = place.storage.run, 0

    async def away(work: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise OperationalError("select", {}, Exception("gone"))
        return await original(work)

    monkeypatch.setattr(place.storage, "run", away)
    book.run(run, status="running")
    await book.keep_memo(run, "n0", {"until": 7})
    assert await book.memo(run, "n0") == {"until": 7}
    assert (await place.run(run)).status == "running"


async def test_what_cannot_be_written_stops_nothing_else(
    place: Bench, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = await place.put(chain(1)), await place.put(chain(1))
    book.node(bad, "n0", status="succeeded", output=object())
    book.node(good, "n0", status="succeeded", output=1)
    book.run(good, status="running")
    await place.until(good, lambda found: found.status == "running")
    assert (await place.nodes(good))["n0"].output == 1
    assert f"'{bad}:n0'" in caplog.text


async def test_wishes_and_answers_are_seen_of_runs_that_go_on(place: Bench, book: Book) -> None:
    run = await place.put(chain(1))
    await place.records.want(run, "paused")
    await book.take(run, "w-1")
    assert book.wanted(run) == "paused"
    assert run in book.live
    waiting = asyncio.create_task(book.changed(run))
    await place.records.answer(run, "n0", {"approved": True}, "ann")
    async with asyncio.timeout(30):
        while book.answer(run, "n0") is None:
            await book.changed(run)
    answer = book.answer(run, "n0")
    assert answer is not None
    assert answer["answer"] == {"approved": True}
    assert answer["by"] == "ann"
    waiting.cancel()
    book.leave(run)
    assert book.wanted(run) == ""
    assert book.answer(run, "n0") is None


async def test_who_ended_a_run_first_has_said_so(place: Bench, book: Book) -> None:
    run = await place.put(chain(1))
    await place.records.want(run, "cancelled")  # nobody had taken it, so it has ended
    book.run(run, status="running", reason="late")
    await book.write()
    found = await place.run(run)
    assert (found.status, found.reason) == ("cancelled", "")
