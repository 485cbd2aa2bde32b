from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index import changes
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options
from jupyter_mcp.toolsets.search.keeping import Keeper
from jupyter_mcp.toolsets.search.query import Hit, Query
from jupyter_mcp.toolsets.search.sources import ROOT, Source
from jupyter_mcp.toolsets.search.walking.walk import walk
from jupyter_mcp.toolsets.search.workers import Workers
from support.folders import notebook_of, overwrite, write_project

ONE = Options(processes=1)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(ROOT, write_project(tmp_path / "project"), tmp_path / "state")


@pytest.fixture
async def keeper(source: Source) -> AsyncIterator[Keeper]:
    quick, slow = Executor(2), Executor(2)

    async def options(_: Source) -> Options:
        return ONE

    def spawn(name: str, work: Any) -> asyncio.Task[Any]:
        return asyncio.create_task(work, name=name)

    made = Keeper(source, options, Workers(quick, slow, spawn))
    yield made
    await made.stop()
    await asyncio.to_thread(slow.stop)
    await asyncio.to_thread(quick.stop)


@pytest.fixture
def walking(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let walks come to their end only when this is set."""
    goes_on = threading.Event()

    def slow_walk(*given: Any, **more: Any) -> Iterator[Any]:
        yield from walk(*given, **more)
        goes_on.wait(60)

    monkeypatch.setattr(changes, "walk", slow_walk)
    yield goes_on
    goes_on.set()


async def found(keeper: Keeper, text: str) -> list[str]:
    return [hit.id for hit in await keeper.search(Query(text, mode="lexical"))]


async def test_an_open_notebook_is_found_while_the_folder_is_looked_through(
    keeper: Keeper, walking: threading.Event
) -> None:
    assert await found(keeper, "mushroom soup") == []
    assert keeper.progress is not None
    for name in ("mushroom", "leek"):  # edited twice
        notebook = notebook_of([("soup", f"{name}_soup = 1")])
        assert await keeper.put_notebook("menu.ipynb", notebook)
        assert await found(keeper, f"{name} soup") == ["menu.ipynb#soup"]
    walking.set()
    await keeper.update()
    assert (await found(keeper, "leek soup"))[0] == "menu.ipynb#soup"
    assert await found(keeper, "tomato") == []


async def test_the_status_says_that_changes_come_late(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watch(*_given: Any, **_more: Any) -> Any:
        raise RuntimeError("Unable to decode path")

    monkeypatch.setattr("jupyter_mcp.toolsets.search.index.watching.Inotify", no_watch)
    await keeper.update()
    async with asyncio.timeout(60):
        while not (notes := (await keeper.status()).notes):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert "looked through every 5 s: watching it failed (Unable to decode path)" in notes[-1]
    assert list((await keeper.status(lambda _: True)).notes) == list(notes[:-1])


async def test_a_notebook_that_is_closed_meanwhile_is_its_file_again(
    keeper: Keeper, walking: threading.Event
) -> None:
    await found(keeper, "anything")
    await keeper.put_notebook("menu.ipynb", notebook_of([("soup", "leek_soup = 1")]))
    async with asyncio.timeout(30):
        await keeper.close_notebook("menu.ipynb")
    walking.set()
    await keeper.update()
    await keeper.update()
    assert (await found(keeper, "tomato soup"))[0] == "menu.ipynb#soup"
    assert await found(keeper, "leek") == []


async def test_damaged_vectors_are_made_again_by_themselves(source: Source, keeper: Keeper) -> None:
    with Index(source.folder, source.state, ONE) as index:
        index.update()
        index.embed()
    for file in (source.state / "vectors").rglob("*.sqlite3"):
        file.write_bytes(b"no database at all" * 1000)
    await keeper.update()
    question = Query("heat water until it bubbles", mode="dense")
    with pytest.raises(ToolError, match="vectors"):
        await keeper.search(question)
    async with asyncio.timeout(60):
        while not (hits := await answers(keeper, question)):
            assert keeper.is_begun
    assert hits[0].path == "src/kitchen.py"
    assert any("are made again" in note for note in (await keeper.status()).notes)


@pytest.mark.parametrize("is_searched", [True, False])
async def test_an_index_that_is_damaged_while_it_is_kept_is_whole_again_by_itself(
    source: Source, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, *, is_searched: bool
) -> None:
    with Index(source.folder, source.state, ONE) as index:
        index.update()
        index.embed()
    resting, wait = asyncio.Event(), keeper._next

    async def rest(index: Index) -> None:
        resting.set()
        await wait(index)

    monkeypatch.setattr(keeper, "_next", rest)
    keeper.begin()
    question = Query("boil water", mode="lexical")
    async with asyncio.timeout(30):
        await resting.wait()
        overwrite(source.state / "index.db", 8192)
        while is_searched and not keeper.notes:
            await answers(keeper, question)
        while not (status := await keeper.status()).notes or status.files < 4:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert "is built anew" in status.notes[0]
        assert (await answers(keeper, question))[0].path == "src/kitchen.py"
    assert await found(keeper, "tomato soup") == ["menu.ipynb#soup"]


async def answers(keeper: Keeper, question: Query) -> list[Hit]:
    """Return no hits while it is told that there are no vectors."""
    with contextlib.suppress(ToolError):
        return await keeper.search(question)
    return []
