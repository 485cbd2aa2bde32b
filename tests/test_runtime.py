from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from jupyter_mcp.calls import Context, JobContext, Toolset, tool
from jupyter_mcp.errors import ToolError
from support.runtimes import OWNER, call, running


class Broken(Toolset):
    name = "broken"

    @tool(scope="read")
    async def hello(self) -> str:
        return "hello"

    async def stop(self) -> None:
        raise RuntimeError("will not stop")


async def test_stop_leaves_no_task_and_no_thread(tmp_path: Path) -> None:
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    async with running(tmp_path) as runtime:
        await call(runtime, "job_get", job_id="none")
    assert set(threading.enumerate()) <= threads
    assert asyncio.all_tasks() <= tasks


async def test_a_toolset_that_will_not_stop_does_not_hold_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    threads = set(threading.enumerate())
    async with running(tmp_path, Broken) as runtime:
        assert (await call(runtime, "hello")).content[0].text == "hello"
    assert "'broken' failed to stop" in caplog.text
    assert set(threading.enumerate()) <= threads


async def test_jobs_are_cancelled_while_their_toolset_is_still_there(tmp_path: Path) -> None:
    told: list[str] = []
    began = asyncio.Event()

    class Workshop(Toolset):
        name = "workshop"

        @tool(scope="execute")
        async def work(self, ctx: Context) -> str:
            async def wait(_job: JobContext) -> str:
                began.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    told.append("job cancelled")
                return ""

            return ctx.job("wait", wait)

        async def stop(self) -> None:
            told.append("toolset stopped")

    async with running(tmp_path, Workshop) as runtime:
        await call(runtime, "work")
        await began.wait()
    assert told == ["job cancelled", "toolset stopped"]


async def test_an_unknown_tool_is_an_error_of_the_request(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        with pytest.raises(ToolError, match=r"no tool 'job_gett' here. Did you mean job_get"):
            await runtime.call_tool("job_gett", {}, OWNER, "test")


async def test_state_is_private_and_apart_for_each_root(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        one = runtime.settings.state_folder("/srv/one")
        two = runtime.settings.state_folder("/srv/two")
    assert one != two
    assert one.stat().st_mode & 0o777 == 0o700
