"""Whole outputs on disk."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks import spooling
from jupyter_mcp.toolsets.notebooks.spooling import CHUNK, OutputStore


@pytest.fixture
def executor() -> Iterator[Executor]:
    made = Executor(1)
    yield made
    made.stop()


async def test_what_is_saved_is_read_and_only_by_the_owner(
    tmp_path: Path, executor: Executor
) -> None:
    store = OutputStore(tmp_path / "outputs", executor.run)
    stored = await store.save(b"\x89PNG", "image/png")
    assert await store.read(stored.id) == (b"\x89PNG", "image/png")
    assert stored.uri == f"output://{stored.id}"
    assert stat.S_IMODE((tmp_path / "outputs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "outputs" / stored.id).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["none.txt", "../secret.txt", "/etc/passwd", ".", "..", ""])
async def test_other_files_are_out_of_reach(tmp_path: Path, executor: Executor, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    store = OutputStore(tmp_path / "outputs", executor.run)
    await store.save(b"1", "text/plain")
    with pytest.raises(ToolError, match="There is no output"):
        await store.read(name)


async def test_a_text_grows_without_waiting(tmp_path: Path, executor: Executor) -> None:
    store = OutputStore(tmp_path, executor.run)
    spool = store.open_text()
    for number in range(30):
        spool.write(f"{number:02}" * (CHUNK // 16))
        await asyncio.sleep(0)
    stored = await spool.close()
    data, mime = await store.read(stored.id)
    assert data.decode() == "".join(f"{number:02}" * (CHUNK // 16) for number in range(30))
    assert (stored.size, mime) == (len(data), "text/plain")


async def test_a_text_has_an_end(
    tmp_path: Path, executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling, "MOST_OF_ONE", 10)
    spool = OutputStore(tmp_path, executor.run).open_text()
    for _ in range(100):
        spool.write("12345")
    assert (await spool.close()).size == 10


async def test_the_oldest_make_room(tmp_path: Path, executor: Executor) -> None:
    store = OutputStore(tmp_path, executor.run, most=25)
    saved = []
    for number in range(4):
        saved.append(await store.save(b"1234567890", "text/plain"))
        os.utime(tmp_path / saved[-1].id, (number, number))
    await store.tidy()
    assert sorted(os.listdir(tmp_path)) == sorted(stored.id for stored in saved[-2:])


async def test_a_text_makes_room_too(tmp_path: Path, executor: Executor) -> None:
    store = OutputStore(tmp_path, executor.run, most=25)
    old = await store.save(b"1" * 20, "text/plain")
    os.utime(tmp_path / old.id, (1, 1))
    spool = store.open_text()
    spool.write("2" * 20)
    stored = await spool.close()
    assert os.listdir(tmp_path) == [stored.id]
