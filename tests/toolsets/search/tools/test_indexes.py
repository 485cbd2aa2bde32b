"""Indexes while they are built: what is told, what a job does, and how it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from jupyter_mcp.calls import SilentChannel
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options, Progress, Report
from jupyter_mcp.toolsets.search.sources import state_of
from support.file_benches import Bench
from support.runtimes import PERSON
from support.search_trees import library, small_project
from support.workshops import texts, workshop


class Listener(SilentChannel):
    """A client that keeps what it is told of progress."""

    def __init__(self) -> None:
        self.told: list[tuple[float, float | None, str]] = []
        self.heard = asyncio.Event()

    async def progress(self, done: float, total: float | None, message: str) -> None:
        self.told.append((done, total, message))
        self.heard.set()


class Held:
    """An index whose looks at the whole folder stay until they are let go or cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.ended: list[str] = []
        whole = Index.update

        def update(
            index: Index,
            paths: Any = None,
            progress: Any = None,
            is_cancelled: Any = None,
            embed: bool = True,
        ) -> Report:
            if paths is not None or self.go.is_set():
                return whole(index, paths, progress, is_cancelled, embed)
            self.began.set()
            progress(Progress("reading", 412, 1800, "a.py"))
            while not self.go.wait(0.01):
                if is_cancelled():
                    self.ended.append("cancelled")
                    return Report(0, 0, 0, 0, 0.0, is_cancelled=True)
            self.ended.append("whole")
            return whole(index, paths, progress, is_cancelled, embed)

        monkeypatch.setattr(Index, "update", update)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


@pytest_asyncio.fixture
async def bench(tmp_path: Path, held: Held) -> AsyncIterator[Bench]:
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        yield Bench(shop)
        held.go.set()


async def began(held: Held) -> None:
    assert await asyncio.to_thread(held.began.wait, 10)


async def test_a_search_answers_while_the_index_is_built_and_says_how_far_it_is(
    bench: Bench,
) -> None:
    async with asyncio.timeout(30):
        result = await bench.ask("search", query="normalise counts")
    assert "412 of 1,800 files so far" in texts(result)
    assert result.structured is not None
    assert result.structured["hits"] == []
    assert "412 of 1,800" in texts(await bench.ask("index_status"))


async def test_an_update_that_takes_long_goes_on_as_a_job(bench: Bench, held: Held) -> None:
    started = await bench.do("index_update")
    assert started["status"] == "running"
    async with asyncio.timeout(30):
        job: dict[str, Any] = {}
        while not job.get("progress"):
            await asyncio.sleep(0.02)
            job = await bench.do("job_get", job_id=started["job_id"])
    assert (job["progress"]["done"], job["progress"]["total"]) == (412, 1800)
    held.go.set()
    job = await bench.do("job_get", job_id=started["job_id"], wait=30)
    assert (job["status"], job["result"]["status"]) == ("succeeded", "done")
    assert job["result"]["added"] > 3


async def test_a_cancelled_job_ends_the_update_and_the_next_search_goes_on(
    bench: Bench, held: Held
) -> None:
    started = await bench.do("index_update")
    job = await bench.do("job_cancel", job_id=started["job_id"])
    assert job["status"] == "cancelled"
    async with asyncio.timeout(20):
        while held.ended != ["cancelled"]:  # noqa: ASYNC110 - it is a thread that ends
            await asyncio.sleep(0.01)
    goes_on = "The index is not complete; the next search or index_update goes on with it."
    async with asyncio.timeout(20):
        while goes_on not in texts(await bench.ask("index_status")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    held.began.clear()
    assert not await asyncio.to_thread(held.began.wait, 0.5), "it began again by itself"
    assert goes_on in texts(await bench.ask("index_status"))
    held.go.set()
    async with asyncio.timeout(20):
        while not (await bench.do("search", query="normalise counts"))["hits"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_waiting_tells_progress_and_cancelling_it_ends_the_update(
    bench: Bench, held: Held
) -> None:
    runtime, listener = bench.shop.runtime, Listener()
    selection = runtime.catalog.selection("all")
    call = asyncio.ensure_future(
        runtime.call_tool(
            "index_update", {"wait": True}, PERSON, "test", selection=selection, channel=listener
        )
    )
    async with asyncio.timeout(30):
        await listener.heard.wait()
    assert listener.told[0] == (412.0, 1800.0, "Indexing 412 of 1,800 a.py")
    call.cancel()
    await asyncio.wait({call})
    async with asyncio.timeout(30):
        while held.ended != ["cancelled"]:  # noqa: ASYNC110 - it is a thread that ends
            await asyncio.sleep(0.01)


async def test_one_who_goes_does_not_end_what_another_waits_for(bench: Bench, held: Held) -> None:
    stays = asyncio.ensure_future(bench.ask("index_update", wait=True))
    goes = asyncio.ensure_future(bench.ask("index_update", wait=True))
    await began(held)
    await asyncio.sleep(0)
    goes.cancel()
    await asyncio.wait({goes})
    held.go.set()
    result = await stays
    assert result.structured is not None
    assert result.structured["status"] == "done"
    assert held.ended == ["whole"]


async def test_the_server_stops_at_once_while_it_indexes(tmp_path: Path, held: Held) -> None:
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        await Bench(shop).ask("search", query="x")
        await began(held)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await shop.runtime.stop()
        assert loop.time() - before < 10
        assert set(held.ended) == {"cancelled"}
        assert not [each for each in threading.enumerate() if "search" in each.name]


async def test_a_server_that_stops_while_it_reads_a_large_folder_leaves_nothing(
    tmp_path: Path,
) -> None:
    loop = asyncio.get_running_loop()
    async with workshop(tmp_path, search_processes=2) as shop:
        files = library(shop.root)
        bench = Bench(shop)
        before = set(asyncio.all_tasks())
        await bench.ask("search", query="x")
        work = asyncio.ensure_future(bench.ask("index_update", wait=True))
        async with asyncio.timeout(60):
            while len(await workers()) < 2 or not 0 < await read_by_now(bench) < files:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        began = loop.time()
        await shop.runtime.stop()
        assert loop.time() - began < 5
        await asyncio.wait({work}, timeout=10)
        assert not await workers()
        assert not [each for each in threading.enumerate() if "search" in each.name]
        assert not [each for each in asyncio.all_tasks() - before if not each.done()]


async def workers() -> list[psutil.Process]:
    """Return the processes that this one has started for search and that are still there."""
    return await asyncio.to_thread(_workers)


def _workers() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            if "jupyter_mcp.toolsets.search" in " ".join(each.cmdline()):
                found.append(each)
    return found


async def read_by_now(bench: Bench) -> int:
    return int((await bench.do("index_status"))["files"])


async def test_a_server_that_may_not_drop_an_index_goes_on_to_search_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        bench = Bench(shop)
        state = state_of(shop.runtime.settings, shop.root)
        with Index(shop.root, state, Options(processes=1)) as other:
            other.update()
            assert (await bench.refused("index_drop")).code == "busy"
            hits = (await bench.do("search", query="normalise counts"))["hits"]
            assert hits[0]["path"] == "src/counts.py"
        await bench.do("index_update", wait=True)


async def test_an_index_of_before_is_looked_at_when_somebody_searches(tmp_path: Path) -> None:
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        bench = Bench(shop)
        state = state_of(shop.runtime.settings, shop.root)
        with Index(shop.root, state, Options(processes=1)) as before:
            before.update()
        assert "Nobody has searched since the server started" in texts(
            await bench.ask("index_status")
        )
        await bench.do("index_update", wait=True)
        assert (await bench.do("index_status"))["notes"] == []


async def test_an_index_that_nobody_has_used_can_be_dropped(tmp_path: Path) -> None:
    async with workshop(tmp_path, search_processes=1) as shop:
        small_project(shop.root)
        assert await Bench(shop).do("index_drop") == {"dropped": ["root"]}
