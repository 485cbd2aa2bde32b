"""Much at once: sandboxes, servers, and an end in the middle of everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from support.runtimes import PERSON
from support.sandboxes import ANN, run, sandbox_runtime, sandboxes_of, serving, until


@pytest_asyncio.fixture(params=["process", "docker"])
async def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Runtime]:
    settings: dict[str, Any] = {"sandbox_limit": 20, "toolsets": ("sandboxes", "files")}
    if request.param == "docker":
        engine = request.getfixturevalue("engine")
        settings |= {"docker_url": engine.url, "sandbox_image": engine.image}
    async with sandbox_runtime(tmp_path, request.param, **settings) as started:
        yield started


@pytest.fixture
def service(runtime: Runtime) -> Sandboxes:
    return sandboxes_of(runtime)


async def left(service: Sandboxes) -> list[str]:
    """Return what there is on the engine."""
    (name,) = service.ground.engines.names
    backend = await service.ground.engines.backend(name)
    return [each.spec.id for each in await backend.list(service.ground.namespace)]


async def is_empty(runtime: Runtime, service: Sandboxes) -> bool:
    """Whether nothing is left, once all that goes on in the background is through."""
    await until(lambda: not any("undo" in name for name in runtime.tasks.names))
    return not await left(service)


async def test_twenty_sandboxes_through_the_tools(runtime: Runtime) -> None:
    async def do(tool: str, **arguments: Any) -> dict[str, Any]:
        selection = runtime.catalog.selection("all")
        done = await runtime.call_tool(tool, arguments, PERSON, "test", selection=selection)
        assert done.error is None, done.error
        assert done.structured is not None
        return done.structured

    async def day(number: int) -> str:
        made = await do("sandbox_create", name=f"box-{number}")
        sandbox = made["sandbox_id"]
        await do("file_write", path="file", content=str(number), sandbox_id=sandbox)
        ran = await do("terminal_run", command="cat file", sandbox_id=f"box-{number}")
        await do("sandbox_destroy", sandbox_id=sandbox)
        return str(ran["stdout"])

    said = await asyncio.gather(*(day(number) for number in range(20)))
    assert said == [str(number) for number in range(20)]
    assert await left(sandboxes_of(runtime)) == []


async def test_two_servers_use_one_sandbox_at_once(runtime: Runtime, service: Sandboxes) -> None:
    made = await service.create(ANN, Wish(name="box"))
    async with serving(runtime) as other:
        both = [service, other] * 4
        names = [f"file-{number}" for number in range(len(both))]
        await asyncio.gather(
            *(run(each, "box", "touch", name) for each, name in zip(both, names, strict=True))
        )
        assert (await run(other, "box", "ls")).split() == names
        ends = [each.destroy(made.id, ANN) for each in both]
        done = await asyncio.gather(*ends, return_exceptions=True)
        assert {each.code for each in done if isinstance(each, ToolError)} <= {"not_found"}
        assert await other.list(ANN) == await service.list(ANN) == []
    assert await left(service) == []


async def test_an_end_in_the_middle_of_a_use_ends_both(
    runtime: Runtime, service: Sandboxes
) -> None:
    async def running(sandbox: str) -> None:
        await run(service, sandbox, "sleep", "600")

    async def attaching(sandbox: str) -> None:
        await (await service.link(sandbox, ANN)).close()
        await service.link(sandbox, ANN)

    async def packing(sandbox: str) -> None:
        await run(service, sandbox, "sh", "-c", "head -c 30000000 /dev/urandom > big")
        await service.snapshot(sandbox, ANN)

    uses: list[Callable[[str], Coroutine[Any, Any, None]]] = [running, attaching, packing]
    for use in uses:
        for turns in (1, 40, 400):
            made = await service.create(ANN, Wish())
            going = asyncio.ensure_future(use(made.id))
            for _ in range(turns):
                await asyncio.sleep(0)
            await asyncio.wait_for(service.destroy(made.id, ANN), 20)
            (error,) = await asyncio.gather(asyncio.wait_for(going, 20), return_exceptions=True)
            assert error is None or (isinstance(error, ToolError) and error.remedy), (use, error)
            with pytest.raises(ToolError, match="destroyed"):
                await service.link(made.id, ANN)
    assert await is_empty(runtime, service)
    assert not list((runtime.host.state / "sandboxes" / "snapshots").glob("*.part"))


async def test_a_create_that_is_cancelled_leaves_nothing_at_any_stage(
    runtime: Runtime, service: Sandboxes
) -> None:
    await service.destroy((await service.create(ANN, Wish())).id, ANN)
    for turns in (0, 1, 5, 20, 60, 120, 250, 500, 900):
        making = asyncio.ensure_future(service.create(ANN, Wish(name="gone")))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        making.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await service.destroy((await making).id, ANN)
        assert [each.id for each in await service.list(ANN)] == [], turns
    assert await is_empty(runtime, service)
    await service.create(ANN, Wish(name="gone"))
    assert [each.name for each in await service.list(ANN)] == ["gone"]
