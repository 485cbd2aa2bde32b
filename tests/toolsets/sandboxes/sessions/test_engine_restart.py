"""An engine that is started anew: no file and no promise is lost, and what ended stays ended."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from jupyter_mcp.toolsets.sandboxes.sessions.store import SPACE
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from jupyter_mcp.toolsets.sandboxes.spec import MIB
from support.clock import Clock
from support.containers import SMALL
from support.engine import Engine
from support.sandboxes import ANN, BEN, run, sandbox_runtime, sandboxes_of, serving


async def refused(work: object) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def restart(engine: Engine, service: Sandboxes) -> None:
    """Kill an engine, start it again and wait until it has ended what ran before."""
    await asyncio.to_thread(engine.kill)
    await asyncio.to_thread(engine.start)
    backend = await service.ground.engines.backend("docker")
    async with asyncio.timeout(30):
        while not all(  # noqa: ASYNC110 - nobody tells
            each.is_lost for each in await backend.list(service.ground.namespace)
        ):
            await asyncio.sleep(0.02)


def volumes(engine: Engine) -> list[str]:
    """Return the volumes of sandboxes."""
    return engine.docker("volume", "ls", "-q", "--filter", "name=jupyter-mcp").stdout.split()


async def test_files_and_promises_stay(tmp_path: Path, own_engine: Engine) -> None:
    clock = Clock(time.time())
    settings = {"docker_url": own_engine.url, "sandbox_image": SMALL}
    async with (
        sandbox_runtime(tmp_path, "docker", **settings) as runtime,
        serving(runtime, clock) as service,
    ):
        made = await service.create(ANN, Wish(name="box", timeout=500, memory=128 * MIB))
        await run(service, "box", "sh", "-c", "echo mine > file")
        await service.create(ANN, Wish(name="frozen"))
        await run(service, "frozen", "sh", "-c", "echo too > file")
        await service.pause("frozen", ANN)
        over = await service.create(ANN, Wish(timeout=50))
        await restart(own_engine, service)
        listed = {each.name: each.status for each in await service.list(ANN)}
        assert listed == {"box": "detached", "frozen": "paused", "": "detached"}
        assert await run(service, "box", "cat", "file") == "mine\n"
        again = await service.get("box", ANN)
        assert (again.id, again.status, again.reattached) == (made.id, "running", True)
        assert again.handle.spec.limits.memory == 128 * MIB
        assert again.ends == made.ends
        clock.now += 100
        await service.reaper.look()
        assert "50 seconds" in (await refused(service.link(over.id, ANN))).message
        assert (await refused(service.link("frozen", ANN))).code == "conflict"
        assert (await service.resume("frozen", ANN)).timeout == 1800
        assert await run(service, "frozen", "cat", "file") == "too\n"
        await service.destroy("box", ANN)
        await service.destroy("frozen", ANN)
        assert volumes(own_engine) == []


async def test_use_finds_out_by_itself_and_the_agent_is_there_again(
    tmp_path: Path, own_engine: Engine, engine: Engine
) -> None:
    copy(engine, own_engine)
    settings = {"docker_url": own_engine.url, "sandbox_image": engine.image, "sandbox_pool": 1}
    async with sandbox_runtime(tmp_path, "docker", **settings) as runtime:
        service = sandboxes_of(runtime)
        service.making.pool._quiet = 0.05
        await service.create(ANN, Wish())
        await asyncio.wait_for(service.making.pool.filled.wait(), 30)
        made = await service.create(BEN, Wish(name="claimed", timeout=900))
        link = await service.link("claimed", BEN)
        await run(service, "claimed", "sh", "-c", "echo mine > file", owner=BEN)
        await asyncio.wait_for(service.making.pool.filled.wait(), 30)
        await asyncio.to_thread(own_engine.kill)
        await asyncio.wait_for(link.closed.wait(), 30)
        error = await refused(service.link("claimed", BEN))
        assert (error.code, bool(error.remedy)) == ("unavailable", True)
        await runtime.trust.shared.store.clear(SPACE)  # the labels alone tell
        async with serving(runtime, Clock(time.time() + 20)) as other:
            await restart(own_engine, other)
            (found,) = await other.list(BEN)
            assert (found.id, found.name, found.timeout) == (made.id, "claimed", 900)
            both = [service, other]
            said = [run(each, "claimed", "cat", "file", owner=BEN) for each in both]
            assert await asyncio.gather(*said) == ["mine\n"] * 2
            await other.reaper.look()
        members = await service.ground.register.refresh(["docker"])
        assert all(not handle.is_lost for _, handle in members), "none is made to run again"
        assert (await service.get("claimed", BEN)).reattached
    assert volumes(own_engine) == []


async def test_what_reached_its_end_meanwhile_does_not_come_back(
    tmp_path: Path, own_engine: Engine
) -> None:
    clock = Clock(time.time())
    settings = {"docker_url": own_engine.url, "sandbox_image": SMALL, "sandbox_max_seconds": 60}
    async with (
        sandbox_runtime(tmp_path, "docker", **settings) as runtime,
        serving(runtime, clock) as service,
    ):
        made = await service.create(ANN, Wish())
        await restart(own_engine, service)
        await runtime.trust.shared.store.clear(SPACE)
        clock.now += 61
        async with serving(runtime, clock) as other:
            assert await other.list(ANN) == []
            assert "end of its time" in (await refused(other.link(made.id, ANN))).message
        assert volumes(own_engine) == []


def copy(source: Engine, target: Engine) -> None:
    """Bring an image to another engine."""
    with subprocess.Popen(
        ["docker", "-H", source.url, "save", source.image], stdout=subprocess.PIPE
    ) as saving:
        subprocess.run(
            ["docker", "-H", target.url, "load"], stdin=saving.stdout, check=True, stdout=-3
        )
