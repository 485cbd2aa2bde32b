"""The pool: one owner for each member, none before there is a need, none after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.sessions.pool import Member, Pool
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from jupyter_mcp.toolsets.sandboxes.spec import SandboxSpec
from support.engine import Engine
from support.sandboxes import ANN, BEN, run, sandbox_runtime, sandboxes_of, serving, until


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    environment = (("WHO", "owned"),)
    async with sandbox_runtime(
        tmp_path, sandbox_pool=2, sandbox_limit=3, sandbox_environment=environment
    ) as started:
        sandboxes_of(started).making.pool._quiet = 0.05
        yield started


@pytest.fixture
def service(runtime: Runtime) -> Sandboxes:
    return sandboxes_of(runtime)


async def filled(service: Sandboxes) -> list[Handle]:
    """Wait until the pool is full and return its members as the engine has them."""
    async with asyncio.timeout(30):
        await service.making.pool.filled.wait()
    return await members(service)


async def members(service: Sandboxes, engine: str = "process") -> list[Handle]:
    backend = await service.ground.engines.backend(engine)
    return [each for each in await backend.list(service.ground.namespace) if each.spec.is_member]


async def test_there_is_none_before_the_first_sandbox(service: Sandboxes) -> None:
    await service.reaper.look()
    assert service.ground.engines._made == {}
    assert len(service.making.pool) == 0


async def test_a_member_gets_one_owner_and_is_never_used_again(service: Sandboxes) -> None:
    await service.create(ANN, Wish())
    waiting = {each.spec.id for each in await filled(service)}
    assert len(waiting) == 2
    made = await service.create(BEN, Wish(name="mine", timeout=77))
    assert made.id in waiting
    assert (made.owner, made.name, made.timeout) == (BEN, "mine", 77)
    assert made.handle.spec.is_member is False
    assert made.handle.is_paused is False
    assert await run(service, "mine", "printenv", "WHO", owner=BEN) == "owned\n"
    await run(service, "mine", "touch", "left-behind", owner=BEN)
    await service.destroy("mine", BEN)
    again = {each.spec.id for each in await filled(service)}
    assert made.id not in again
    fresh = await service.create(BEN, Wish())
    assert fresh.id in again
    assert await run(service, fresh.id, "ls", owner=BEN) == ""


async def test_a_member_knows_no_secret_and_no_owner_while_it_waits(service: Sandboxes) -> None:
    await service.create(ANN, Wish())
    for handle in await filled(service):
        assert handle.spec.owner == ""
        assert handle.is_paused
    for member in service.making.pool._members:
        await member.backend.resume(member.handle)
        process = await member.link.start(["env"])
        printed = b"".join([data async for _, data in process.output()])
        assert b"WHO=" not in printed
        await member.backend.pause(member.handle)


async def test_what_is_shaped_otherwise_comes_new(service: Sandboxes) -> None:
    await service.create(ANN, Wish())
    waiting = {each.spec.id for each in await filled(service)}
    made = await service.create(ANN, Wish(memory=128 * 1024**2))
    assert made.id not in waiting


async def test_who_may_have_no_more_takes_no_member(service: Sandboxes) -> None:
    for _ in range(3):
        await service.create(ANN, Wish())
    before = {each.spec.id for each in await filled(service)}
    with pytest.raises(ToolError, match="All 3 sandboxes"):
        await service.create(ANN, Wish())
    assert {each.spec.id for each in await filled(service)} == before


async def test_a_member_that_died_is_replaced_without_a_word(service: Sandboxes) -> None:
    await service.create(ANN, Wish())
    await filled(service)
    dead = [each.handle.spec.id for each in service.making.pool._members]
    for member in service.making.pool._members:
        await member.backend.destroy(member.handle)
    made = await service.create(BEN, Wish())
    assert made.id not in dead
    assert await run(service, made.id, "echo", "alive", owner=BEN) == "alive\n"


async def test_a_member_that_is_lost_right_after_the_answer_leaves_nothing(
    service: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.create(ANN, Wish())
    await filled(service)
    backend = await service.ground.engines.backend("process")

    async def gone(_: Handle, spec: SandboxSpec) -> Handle:
        raise ToolError("conflict", f"{spec.id} is gone.", "Create another one.")

    monkeypatch.setattr(backend, "claim", gone)
    made = await service.create(BEN, Wish(name="mine"))
    await until(lambda: service.ground.register.get(made.id) is None)
    with pytest.raises(ToolError, match="not on its engine any more"):
        await service.get(made.id, BEN)
    assert await service.list(BEN) == []
    monkeypatch.undo()
    assert (await service.create(BEN, Wish(name="mine"))).name == "mine"


async def test_it_drains_when_nobody_comes(service: Sandboxes) -> None:
    service.making.pool._idle = 0.2
    await service.create(ANN, Wish())
    await filled(service)
    await until(lambda: len(service.making.pool) == 0)
    await until(lambda: service.making.pool._task is not None and service.making.pool._task.done())
    assert await members(service) == []


async def test_it_is_empty_after_the_server_has_stopped(runtime: Runtime) -> None:
    async with serving(runtime) as service:
        service.making.pool._quiet = 0.05
        made = await service.create(ANN, Wish())
        assert len(await filled(service)) == 2
    left = await sandboxes_of(runtime).list(ANN)
    assert [each.id for each in left] == [made.id]
    assert await members(sandboxes_of(runtime)) == []


async def test_tending_ends_though_a_sandbox_is_asked_for_in_that_moment() -> None:
    async def make(_: str) -> Member:
        raise ToolError("unavailable", "Nothing is made here.", "")

    tasks = Supervisor()
    pool = Pool(make, tasks, 1, quiet=3600)
    async with pool.in_use("process"):
        pass
    tending = pool._task
    assert tending is not None
    await until(lambda: bool(pool._changed._waiters))
    async with pool.in_use("process"):
        pass
    tending.cancel()
    await asyncio.wait([tending], timeout=30)
    assert tending.done()
    await tasks.stop()


async def test_a_container_of_the_pool_is_taken_and_none_made(
    tmp_path: Path, engine: Engine
) -> None:
    settings = {"docker_url": engine.url, "sandbox_image": engine.image, "sandbox_pool": 1}
    async with sandbox_runtime(tmp_path, "docker", **settings) as runtime:
        service = sandboxes_of(runtime)
        service.making.pool._quiet = 0.05
        await service.create(ANN, Wish())
        backend = await service.ground.engines.backend("docker")
        for _ in range(3):
            async with asyncio.timeout(90):
                await service.making.pool.filled.wait()
            [waiting] = await members(service, "docker")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(backend, "create", None)
                made = await service.create(BEN, Wish())
            assert made.id == waiting.spec.id
            assert await run(service, made.id, "id", "-u", owner=BEN) == "1000\n"
            await service.destroy(made.id, BEN)
