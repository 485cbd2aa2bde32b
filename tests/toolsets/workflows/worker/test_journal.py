"""What is deleted, and what has ended, goes from DBOS' journal too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from jupyter_mcp.toolsets.workflows.worker import ledger
from jupyter_mcp.toolsets.workflows.worker.journal import Journal
from support import flows
from support.queued import MOST, new_run, tell
from support.workers import asking, bench

PRIVATE = "very private 4711"


def keeping(text: str) -> dict[str, Any]:
    """Return a spec of a node that gives a text."""
    node = {"id": "a", "kind": "processing", "input": text, "expression": "input"}
    return {"name": "keep", "nodes": [node]}


def left(state: Path) -> bytes:
    """Return all that lies in the journal's files."""
    return b"".join(file.read_bytes() for file in state.glob("workflows.db*"))


async def until(is_so: Callable[[], object]) -> None:
    """Return as soon as something is true."""
    async with asyncio.timeout(30):
        while True:
            if await asyncio.to_thread(is_so):
                return
            await asyncio.sleep(0.05)


async def test_nothing_of_what_was_deleted_lies_in_the_journal(tmp_path: Path) -> None:
    async with bench(tmp_path / "state", forget_seconds=0.4) as place:
        place.start()
        slow = await place.put(asking())
        await place.begun(slow, "w", "waiting")
        run = await place.put(keeping(PRIVATE))
        await place.ended(run)
        assert await place.records.delete(run)
        await until(lambda: PRIVATE.encode() not in left(place.state))
        assert slow.encode() in left(place.state)
        for big in [await place.put(keeping("x" * 900_000)) for _ in range(5)]:
            await place.ended(big)
        await until(lambda: len(left(place.state)) < 1_000_000)
        place.kill(place.processes[0])
        place.start()
        await place.answer(slow)
        await place.ended(slow)


async def test_a_run_stays_until_its_end_is_written_down(tmp_path: Path, database_url: str) -> None:
    storage = Storage(tmp_path / "state", database_url)
    records = RunRecords(storage)
    where = database_url if "postgres" in database_url else str(tmp_path / "workflows.db")
    async with flows.bench(where) as made:
        ended, going, _gone = runs = [await made.begin([flows.action("a")]) for _ in range(3)]
        for run in (ended, going):
            await records.add(new_run(id=run), MOST)
        await tell(storage, ended, status="succeeded")
        async with asyncio.timeout(30):
            while True:
                known = (await ledger.entries(runs)).values()
                if {each.status for each in known} == {"SUCCESS"}:
                    break
                await asyncio.sleep(0.05)
        await Journal(storage, None, 3600.0).clean()
        assert (await ledger.entries(runs)).keys() == set(runs), "it is too early"
        await Journal(storage, None, -3600.0).clean()
        assert (await ledger.entries(runs)).keys() == {going}
    storage.stop()
