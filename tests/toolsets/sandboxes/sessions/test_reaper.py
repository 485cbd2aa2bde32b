"""The reaper: what is over ends, whoever made it, and what is not stays."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.storage import process_marks
from jupyter_mcp.toolsets.sandboxes.sessions.making import new_id
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from jupyter_mcp.toolsets.sandboxes.spec import SandboxSpec
from support.clock import Clock
from support.sandboxes import ANN, run, sandbox_runtime, serving, until


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with sandbox_runtime(tmp_path, sandbox_disk="1m") as started:
        yield started


@pytest_asyncio.fixture
async def service(runtime: Runtime, clock: Clock) -> AsyncIterator[Sandboxes]:
    async with serving(runtime, clock) as started:
        yield started


async def ids(service: Sandboxes) -> set[str]:
    """Return what there is on the engine."""
    backend = await service.ground.engines.backend("process")
    return {each.spec.id for each in await backend.list(service.ground.namespace)}


async def test_it_destroys_what_has_expired_and_nothing_else(
    service: Sandboxes, clock: Clock
) -> None:
    short = await service.create(ANN, Wish(timeout=50))
    long = await service.create(ANN, Wish(timeout=500))
    ended: list[str] = []
    service.on_end(ended.append)
    clock.now += 51
    await service.reaper.look()
    assert await ids(service) == {long.id}
    assert short.id in ended
    assert long.id not in ended


async def test_it_ends_what_another_server_made_and_left(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=50))
    await service.stop()
    clock.now += 60
    async with serving(runtime, clock, interval=0.05):
        backend = await service.ground.engines.backend("process")
        folder = runtime.host.state / "sandboxes" / made.id
        await until(lambda: not folder.exists())
    assert await backend.list(service.ground.namespace) == []


async def test_another_server_leaves_what_is_in_use(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=10))
    async with serving(runtime, clock) as other, service.using(made.id, ANN):
        await service.reaper.look()
        clock.now += 60
        await other.reaper.look()
        assert await ids(service) == {made.id}


async def test_members_of_a_server_that_is_gone_are_swept(service: Sandboxes, clock: Clock) -> None:
    await service.create(ANN, Wish())
    script = "from jupyter_mcp.storage.process_marks import new_mark; print(new_mark())"
    gone = subprocess.run(  # noqa: ASYNC221 - it takes a moment
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()
    living, elsewhere = process_marks.new_mark(), f"0123456789ab.1.{1}"
    backend = await service.ground.engines.backend("process")
    spec = SandboxSpec(new_id(), "", service.ground.namespace, clock.now + 100, clock.now)
    made = {}
    for mark in (gone, living, elsewhere):
        each = replace(spec, id=new_id(), name=mark, is_member=True)
        made[mark] = (await backend.create(each)).spec.id
    await service.reaper.look()
    left = await ids(service)
    assert made[gone] not in left
    assert {made[living], made[elsewhere]} <= left
    clock.now += 101
    await service.reaper.look()
    assert not set(made.values()) & await ids(service)


async def test_a_full_workspace_is_stopped_and_can_be_emptied_but_not_written(
    service: Sandboxes,
) -> None:
    made = await service.create(ANN, Wish())
    link = await service.link(made.id, ANN)
    script = "for i in 1 2 3; do head -c 900000 /dev/zero > big$i; done; touch done; sleep 1000"
    await link.start(["sh", "-c", script])
    await until((Path(link.hello.workspace) / "done").exists)
    await service.reaper.look()
    assert link.is_closed, "all that ran there has ended"
    assert (await service.get(made.id, ANN)).is_full
    place = await service.place(made.id, ANN)
    with pytest.raises(ToolError, match="more than it may") as caught:
        await place.write("more", b"x")
    assert caught.value.code == "too_large"
    assert "file_delete" in caught.value.remedy
    for name in ("big1", "big2", "big3", "done"):
        await place.delete(name)
    place = await service.place(made.id, ANN)
    await place.write("more", b"x")
    assert not (await service.get(made.id, ANN)).is_full
    assert await run(service, made.id, "ls") == "more\n"


async def test_a_round_that_fails_is_not_the_last(service: Sandboxes, clock: Clock) -> None:
    made = await service.create(ANN, Wish(timeout=5))
    folder = service.ground.engines._marks._folder
    (folder / "process").unlink()
    folder.rmdir()
    folder.write_text("not a folder")
    clock.now += 10
    await service.reaper.look()
    assert made.id not in await ids(service)
    folder.unlink()


def test_a_mark_is_of_one_life_of_one_process() -> None:
    mark = process_marks.new_mark()
    assert not process_marks.is_gone(mark)
    machine, pid, born = mark.split(".")
    assert process_marks.is_gone(f"{machine}.{pid}.{int(born) - 1}"), "the number was used again"
    assert process_marks.is_gone("what no version wrote")
    assert not process_marks.is_gone(f"another00000.{pid}.1")
