"""An image without python3: files and commands work, and the rest says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.kernels.kernels import SandboxKernel
from support.containers import small_image
from support.engine import Engine
from support.runtimes import PERSON
from support.sandboxes import sandbox_runtime, sandboxes_of


class Room:
    """The tools, for one sandbox."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        selection = self.runtime.catalog.selection("all")
        done = await self.runtime.call_tool(tool, arguments, PERSON, "test", selection=selection)
        found: dict[str, Any] = done.structured or {}
        return {"is_error": done.is_error, **found.get("error", {}), **found}


@pytest_asyncio.fixture
async def room(tmp_path: Path, engine: Engine) -> AsyncIterator[Room]:
    image = small_image(engine.url)
    async with sandbox_runtime(
        tmp_path,
        "docker",
        docker_url=engine.url,
        sandbox_image=image,
        toolsets=("sandboxes", "files"),
        sandbox_environment=(("WHO", "ann"),),
        sandbox_domains=("pypi.org",),
    ) as runtime:
        yield Room(runtime)


async def test_files_and_commands_work_and_the_rest_names_a_remedy(room: Room) -> None:
    made = await room.do("sandbox_create", name="bare")
    assert made["status"] == "running"
    assert any("no python3" in note for note in made["notes"])
    await room.do("file_write", path="a/b.txt", content="grüße\n", sandbox_id="bare")
    read = await room.do("file_read", path="a/b.txt", sandbox_id="bare")
    assert read["content"] == "grüße\n"
    ran = await room.do(
        "terminal_run",
        command="echo $WHO $MORE; cat a/b.txt >&2; exit 3",
        sandbox_id="bare",
        env={"MORE": "x"},
    )
    assert (ran["exit_code"], ran["stdout"], ran["stderr"]) == (3, "ann x\n", "grüße\n")
    slow = await room.do("terminal_run", command="sleep 60", sandbox_id="bare", timeout=0.5)
    assert slow["timed_out"]
    for name, arguments in {
        "terminal_open": {},
        "port_expose": {"port": 80},
        "computer": {"action": "screenshot"},
        "file_search": {"pattern": "x"},
    }.items():
        refused = await room.do(name, sandbox_id="bare", **arguments)
        assert refused["is_error"], name
        assert refused["code"] == "unsupported", (name, refused)
        assert "python3" in refused["remedy"], name
    link = await sandboxes_of(room.runtime).link("bare", None)
    with pytest.raises(ToolError, match="no python3"):
        await SandboxKernel.start(link, room.runtime.tasks, {"key": "x"}, {})
    refused = await room.do("sandbox_create", network=True)
    assert refused["code"] == "unsupported"
    assert len((await room.do("sandbox_list"))["sandboxes"]) == 1


async def test_a_cancelled_command_ends_and_the_sandbox_goes_on(room: Room, engine: Engine) -> None:
    made = await room.do("sandbox_create")
    sandbox = made["sandbox_id"]
    running = asyncio.ensure_future(
        room.do("terminal_run", command="touch begun; sleep 777", sandbox_id=sandbox)
    )
    async with asyncio.timeout(60):
        while (await room.do("file_read", path="begun", sandbox_id=sandbox))["is_error"]:
            pass
    running.cancel()
    names = f"jupyter-mcp-{sandbox}"
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await running
        while "sleep 777" in engine.docker("top", names, "-eo", "pid,args").stdout:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
    assert not (await room.do("terminal_run", command="true", sandbox_id=sandbox))["exit_code"]


async def test_a_snapshot_is_taken_where_tar_is_there(room: Room) -> None:
    made = await room.do("sandbox_create")
    refused = await room.do("sandbox_snapshot", sandbox_id=made["sandbox_id"])
    assert refused["is_error"]
    assert "tar" in refused["message"] + refused["remedy"]
