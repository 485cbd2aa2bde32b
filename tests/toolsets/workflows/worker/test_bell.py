from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.workflows.worker.bell import FILE, Bell
from jupyter_mcp.toolsets.workflows.worker.main import BUSY_SECONDS
from support.workers import Bench, bench, chain


@pytest.fixture
async def heard(tmp_path: Path) -> AsyncIterator[Bell]:
    """A bell that this process hears."""
    bell = Bell(tmp_path)
    assert bell.listen()
    yield bell
    bell.close()


async def woken(bell: Bell) -> None:
    async with asyncio.timeout(30):
        await bell.wait(60)


async def test_who_listens_is_woken(heard: Bell, tmp_path: Path) -> None:
    for _ in range(2):
        assert Bell(tmp_path).ring()
        await woken(heard)
    await asyncio.wait_for(heard.wait(0.01), 30)


async def test_nobody_is_woken_where_nobody_listens(heard: Bell, tmp_path: Path) -> None:
    heard.close()
    assert not Bell(tmp_path).ring()
    assert not Bell(tmp_path / "no folder").ring()
    assert not Bell(tmp_path / "no folder").listen()


async def test_a_bell_that_nobody_answers_does_not_block(heard: Bell, tmp_path: Path) -> None:
    bell = Bell(tmp_path)
    assert all(bell.ring() for _ in range(70_000))
    await woken(heard)


async def test_what_lies_in_its_place_is_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("a file")
    bell = Bell(tmp_path)
    assert not bell.ring()
    assert bell.listen()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert bell.ring()
    await woken(bell)
    bell.close()


@pytest.fixture
async def resting(tmp_path: Path) -> AsyncIterator[Bench]:
    """A state folder whose worker looks into the queue only when it is woken."""
    async with bench(tmp_path / "state", rest_seconds=600.0) as made:
        yield made


async def test_a_worker_at_rest_takes_a_run_when_it_is_woken(resting: Bench) -> None:
    resting.start()
    bell = Bell(resting.state)
    await resting.ended(await resting.put(chain(1)))
    await asyncio.sleep(BUSY_SECONDS + 0.2)  # so long it looks by itself
    run = await resting.put(chain(1))
    assert bell.ring()
    await resting.ended(run)
