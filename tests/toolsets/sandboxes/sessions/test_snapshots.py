"""Snapshots: files come back in another sandbox, for their owner, and not for ever."""

from __future__ import annotations

import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from jupyter_mcp.toolsets.sandboxes.sessions.snapshots import DAYS, MOST, PART_SECONDS
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from support.clock import Clock
from support.engine import Engine
from support.sandboxes import ANN, BEN, run, sandbox_runtime, sandboxes_of, serving


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


async def test_files_links_and_modes_come_back_after_the_sandbox_is_gone(
    runtime: Runtime, service: Sandboxes
) -> None:
    made = await service.create(ANN, Wish(name="first"))
    script = "mkdir -p a/b; echo hé > a/b/x; chmod 750 a/b/x; ln -s b/x a/l; echo h > .hidden"
    await run(service, "first", "sh", "-c", script)
    taken = await service.snapshot("first", ANN)
    assert (taken.owner, taken.sandbox, taken.name) == (ANN, made.id, "first")
    await service.destroy("first", ANN)
    await service.create(ANN, Wish(name="second", snapshot=taken.id))
    look = "cat a/l .hidden; readlink a/l; stat -c %a a/b/x"
    assert await run(service, "second", "sh", "-c", look) == "hé\nh\nb/x\n750\n"
    folder = runtime.host.state / "sandboxes" / "snapshots"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}


async def test_nobody_else_sees_or_restores_one(service: Sandboxes) -> None:
    await service.create(ANN, Wish(name="a"))
    taken = await service.snapshot("a", ANN)
    assert await service.list_snapshots(BEN) == []
    assert [each.id for each in await service.list_snapshots(ANN)] == [taken.id]
    for wanted in (taken.id, "snap-../../etc", "../snapshots/" + taken.id):
        with pytest.raises(ToolError, match="no snapshot") as caught:
            await service.create(BEN, Wish(snapshot=wanted))
        assert caught.value.code == "not_found"
    assert await service.list(BEN) == []


async def test_one_that_is_too_large_leaves_nothing(runtime: Runtime, service: Sandboxes) -> None:
    await service.create(ANN, Wish(name="a"))
    script = "for i in 1 2 3; do head -c 700000 /dev/urandom > big$i; done"
    await run(service, "a", "sh", "-c", script)
    with pytest.raises(ToolError, match="more than 1m") as caught:
        await service.snapshot("a", ANN)
    assert caught.value.code == "too_large"
    assert list((runtime.host.state / "sandboxes" / "snapshots").iterdir()) == []


async def test_a_broken_archive_leaves_no_sandbox(runtime: Runtime, service: Sandboxes) -> None:
    await service.create(ANN, Wish(name="a"))
    taken = await service.snapshot("a", ANN)
    archive = runtime.host.state / "sandboxes" / "snapshots" / f"{taken.id}.tar.gz"
    archive.write_bytes(b"no archive")
    with pytest.raises(ToolError, match="could not be unpacked"):
        await service.create(ANN, Wish(name="b", snapshot=taken.id))
    await service.create(ANN, Wish(name="b"))
    assert {each.name for each in await service.list(ANN)} == {"a", "b"}


async def test_what_a_killed_server_packed_goes(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    await service.create(ANN, Wish(name="a"))
    kept = await service.snapshot("a", ANN)
    folder = runtime.host.state / "sandboxes" / "snapshots"
    part = folder / "snap-0123456789ab.part"
    part.write_bytes(b"half of it")
    await service.reaper.look()
    assert part.exists(), "another server may be at it"
    clock.now += PART_SECONDS + 60
    await service.ground.snapshots.prune()
    assert {path.stem.partition(".")[0] for path in folder.iterdir()} == {kept.id}


async def test_the_oldest_go(service: Sandboxes, clock: Clock) -> None:
    await service.create(ANN, Wish(name="a"))
    taken = []
    for _ in range(MOST + 2):
        clock.now += 1
        taken.append((await service.snapshot("a", ANN)).id)
    kept = [each.id for each in await service.list_snapshots(ANN)]
    assert kept == taken[:1:-1]
    clock.now += DAYS * 86_400 + 1
    await service.reaper.look()
    assert await service.list_snapshots(ANN) == []


async def test_from_a_container_to_another(tmp_path: Path, engine: Engine) -> None:
    settings = {"docker_url": engine.url, "sandbox_image": engine.image}
    async with sandbox_runtime(tmp_path, "docker", **settings) as runtime:
        service = sandboxes_of(runtime)
        await service.create(ANN, Wish(name="a"))
        await run(service, "a", "sh", "-c", "echo one > file")
        taken = await service.snapshot("a", ANN)
        await service.create(ANN, Wish(name="b", snapshot=taken.id))
        assert await run(service, "b", "cat", "/workspace/file") == "one\n"
