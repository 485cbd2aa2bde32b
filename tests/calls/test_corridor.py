from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from jupyter_mcp.calls import (
    Call,
    Context,
    InputRequest,
    JobContext,
    Reply,
    Result,
    SilentChannel,
    Text,
    Toolset,
    tool,
)
from jupyter_mcp.errors import ToolError
from support.runtimes import OWNER, READER, call, running


class Sum(BaseModel):
    total: int


class Bench(Toolset):
    name = "bench"

    @tool(scope="read")
    async def add(self, a: int, b: int) -> Sum:
        return Sum(total=a + b)

    @tool(scope="read")
    def thread(self) -> str:
        return threading.current_thread().name

    @tool(scope="read")
    async def fail(self) -> str:
        raise ToolError("broken", "It broke.", "Mend it.")

    @tool(scope="read")
    async def crash(self) -> str:
        raise RuntimeError("/secret/path")

    @tool(scope="read")
    async def leave(self) -> str:
        raise SystemExit(2)

    @tool(scope="read")
    def leave_in_thread(self) -> str:
        raise SystemExit(2)

    @tool(scope="read", timeout=0.01)
    async def slow(self) -> str:
        await asyncio.Event().wait()
        return ""

    @tool(scope="execute")
    async def run(self) -> str:
        return "ran"

    @tool(scope="read")
    async def relay(self, ctx: Context) -> Reply[Sum]:
        inner = await ctx.call("add", {"a": 1, "b": 2})
        assert inner.structured is not None
        return Reply(Sum(**inner.structured), [Text("three")])

    @tool(scope="read")
    async def sneak(self, ctx: Context) -> str:
        inner = await ctx.call("run", {})
        raise inner.error or AssertionError("the corridor let it through")

    @tool(scope="read")
    async def ask(self, ctx: Context) -> str:
        answer = await ctx.ask("Which?", Sum)
        return str(answer.content) if answer.accepted else "no"

    @tool(scope="read")
    async def later(self, ctx: Context, *, crash: bool = False) -> str:
        async def work(job: JobContext) -> str:
            await job.progress(1, 2, "half")
            job.log("working")
            if crash:
                raise RuntimeError("/secret/path")
            return "ready"

        return ctx.job("make it", work)


async def test_a_call_returns_text_and_structure(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        result = await call(runtime, "add", a=1, b=2)
    assert result.structured == {"total": 3}
    assert result.content == (Text('{"total": 3}'),)


async def test_a_plain_function_runs_in_our_own_thread(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        result = await call(runtime, "thread")
    assert result.content[0].text.startswith("jupyter-mcp")


async def test_a_tool_error_is_a_result(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        result = await call(runtime, "fail")
    assert result.is_error
    assert result.content == (Text("It broke. Mend it."),)
    assert result.error.code == "broken"


async def test_an_unexpected_error_gets_an_id_and_leaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        async with running(tmp_path, Bench) as runtime:
            result = await call(runtime, "crash")
    assert result.error.code == "internal"
    assert "secret" not in str(result)
    number = result.error.message.split("error id ")[1][:8]
    assert number in caplog.text
    assert "/secret/path" in caplog.text


@pytest.mark.parametrize("name", ["leave", "leave_in_thread"])
async def test_a_tool_that_exits_ends_its_call_and_not_the_server(
    tmp_path: Path, name: str
) -> None:
    async with running(tmp_path, Bench) as runtime:
        result = await call(runtime, name)
    assert result.error.code == "internal"


async def test_a_call_past_its_deadline_is_cancelled(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        result = await call(runtime, "slow")
    assert result.error.code == "timeout"
    assert "0.01 s" in result.error.message


async def test_the_servers_limit_holds_where_a_tool_names_none(tmp_path: Path) -> None:
    class Wait(Toolset):
        name = "wait"

        @tool(scope="read")
        async def wait(self) -> str:
            await asyncio.Event().wait()
            return ""

    async with running(tmp_path, Wait, call_seconds=0.01) as runtime:
        result = await call(runtime, "wait")
    assert result.error.code == "timeout"


async def test_a_missing_scope_is_forbidden_and_recorded(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        result = await call(runtime, "run", READER)
        entry = next(iter(runtime.calls.recent.values()))
    assert result.error.code == "forbidden"
    assert entry.status == "failed"


async def test_a_tool_calls_another_with_its_callers_scopes(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        assert (await call(runtime, "relay")).structured == {"total": 3}
        assert (await call(runtime, "sneak", READER)).error.code == "forbidden"
        assert len(runtime.calls.recent) == 4


async def test_asking_nobody_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        result = await call(runtime, "ask")
    assert result.error.code == "unsupported"


async def test_a_person_is_asked_with_a_form(tmp_path: Path) -> None:
    class Person(SilentChannel):
        can_ask = True

        async def ask(self, requests: dict[str, InputRequest]) -> dict[str, dict]:
            form = requests["answer"].params["requestedSchema"]
            assert form["properties"]["total"]["type"] == "integer"
            return {"answer": {"action": "accept", "content": {"total": 5}}}

    async with running(tmp_path, Bench) as runtime:
        operation = runtime.catalog.tool("ask", runtime.catalog.selection("all"))
        result = await runtime.call(operation, {}, OWNER, "test", channel=Person())
    assert result.content == (Text("{'total': 5}"),)


async def test_cancelling_the_task_cancels_the_tool(tmp_path: Path) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    class Wait(Toolset):
        name = "wait"

        @tool(scope="read")
        async def wait(self) -> str:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return ""

    async with running(tmp_path, Wait) as runtime:
        task = asyncio.create_task(call(runtime, "wait"))
        await began.wait()
        (entry,) = runtime.calls.running.values()
        assert entry.to_json()["status"] == "running"
        runtime.calls.find(entry.call.id, OWNER.id).cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cancelled.is_set()
        assert entry.status == "cancelled"


async def test_a_job_survives_its_call(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        job_id = (await call(runtime, "later")).content[0].text
        record = await call(runtime, "job_get", job_id=job_id, wait=30)
    assert record.structured["status"] == "succeeded"
    assert record.structured["log"] == "working"
    assert record.structured["progress"] == {"done": 1, "total": 2, "message": "half"}
    assert Text("ready") in record.content


async def test_a_job_that_crashes_leaks_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        job_id = (await call(runtime, "later", crash=True)).content[0].text
        record = await call(runtime, "job_get", job_id=job_id, wait=30)
    assert record.structured["status"] == "failed"
    assert "secret" not in str(record)


async def test_another_principal_does_not_find_the_job(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        job_id = (await call(runtime, "later")).content[0].text
        record = await call(runtime, "job_get", READER, job_id=job_id)
    assert record.error.code == "not_found"


async def test_policies_see_every_result(tmp_path: Path) -> None:
    seen: list[Result] = []

    async with running(tmp_path, Bench) as runtime:
        runtime.events.subscribe(lambda _event: None)
        for name in ("add", "fail"):
            arguments = {"a": 1, "b": 1} if name == "add" else {}
            seen.append(await call(runtime, name, **arguments))
        assert [entry.status for entry in runtime.calls.recent.values()] == ["succeeded", "failed"]
        assert (runtime.calls.total, runtime.calls.failed) == (2, 1)


async def test_calls_carry_their_client_and_door(tmp_path: Path) -> None:
    async with running(tmp_path, Bench) as runtime:
        operation = runtime.catalog.tool("add", runtime.catalog.selection("all"))
        made = Call(operation, {"a": 1, "b": 1}, OWNER, "mcp", client="probe 1.0")
        await runtime.corridor.call(made)
        shown = runtime.calls.find(made.id, OWNER.id).to_json()
    assert (shown["client"], shown["door"], shown["name"]) == ("probe 1.0", "mcp", "add")
    assert "arguments" not in shown
