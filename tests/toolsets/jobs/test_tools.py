from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_mcp.calls import Context, InputRequest, JobContext, Reply, Text, Toolset, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from support.runtimes import PERSON, READER, call, running


class Slow(Toolset):
    """Something long."""

    name = "slow"

    @tool(scope="read")
    async def slow_begin(self, ctx: Context, fails: bool = False) -> Reply[dict[str, Any]]:
        """Begin a job."""

        async def work(job: JobContext) -> Reply[dict[str, Any]]:
            job.log("a line")
            if fails:
                raise ToolError("conflict", "It went wrong.", "Do it otherwise.")
            return Reply({"n": 42}, [Text("forty-two")])

        job = ctx.job("Something long", work)
        return Reply({"job_id": job}, job=job)

    @tool(scope="execute")
    async def slow_ask(self, ctx: Context) -> Reply[dict[str, Any]]:
        """Begin a job that asks."""
        fields = {"properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
        form = {"message": "Sure, or\nnot?", "requestedSchema": {"type": "object", **fields}}

        async def work(job: JobContext) -> Reply[dict[str, Any]]:
            answers = await job.ask({"sure": InputRequest("elicitation/create", form)})
            return Reply(dict(answers["sure"]))

        job = ctx.job("Something curious", work)
        return Reply({"job_id": job}, job=job)

    @tool(scope="read")
    async def slow_for_ever(self, ctx: Context) -> Reply[dict[str, Any]]:
        """Begin a job that does not end."""

        async def work(_job: JobContext) -> Reply[dict[str, Any]]:
            await asyncio.Event().wait()
            return Reply({})

        job = ctx.job("For ever", work)
        return Reply({"job_id": job}, job=job)


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with running(tmp_path, Slow) as running_one:
        yield running_one


async def begin(runtime: Runtime, name: str = "slow_begin", **arguments: Any) -> str:
    result = await call(runtime, name, **arguments)
    assert result.job == result.structured["job_id"]
    return str(result.job)


async def test_the_result_of_a_job_is_what_its_tool_returned(runtime: Runtime) -> None:
    job_id = await begin(runtime)
    result = await call(runtime, "job_result", job_id=job_id, wait=30)
    assert result.structured == {"n": 42}
    assert result.content == (Text("forty-two"),)
    assert not result.is_error
    failed = await call(runtime, "job_result", job_id=await begin(runtime, fails=True), wait=30)
    assert failed.is_error
    assert failed.structured["error"]["code"] == "conflict"


async def test_a_job_without_a_result_says_why(runtime: Runtime) -> None:
    job_id = await begin(runtime, "slow_for_ever")
    early = await call(runtime, "job_result", job_id=job_id)
    assert "no result yet" in early.content[0].text
    assert (await call(runtime, "job_cancel", job_id=job_id)).structured["status"] == "cancelled"
    late = await call(runtime, "job_result", job_id=job_id)
    assert late.error.code == "cancelled"


async def test_everybody_lists_their_own(runtime: Runtime) -> None:
    ids = [await begin(runtime) for _ in range(3)]
    for job_id in ids:
        await call(runtime, "job_get", job_id=job_id, wait=30)
    page = (await call(runtime, "job_list", limit=2)).structured
    assert [job["job_id"] for job in page["jobs"]] == [ids[2], ids[1]]
    rest = (await call(runtime, "job_list", cursor=page["cursor"])).structured
    assert [job["job_id"] for job in rest["jobs"]] == [ids[0]]
    assert rest["cursor"] == ""
    assert "log" not in rest["jobs"][0]
    assert "result" not in rest["jobs"][0]
    assert (await call(runtime, "job_list", principal=READER)).structured["jobs"] == []
    refused = await call(runtime, "job_result", principal=READER, job_id=ids[0])
    assert refused.error.code == "not_found"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [({"status": "asleep"}, "No job is 'asleep'"), ({"cursor": "x"}, "none of job_list")],
)
async def test_wrong_filters_are_told(runtime: Runtime, wrong: dict[str, str], line: str) -> None:
    refused = await call(runtime, "job_list", **wrong)
    assert refused.error.code == "invalid_arguments"
    assert line in refused.error.message


async def test_answers_of_a_person(runtime: Runtime) -> None:
    job_id = await begin(runtime, "slow_ask", principal=PERSON)
    state = (await asking(runtime, job_id)).structured
    assert state["asks"]["sure"]["params"]["message"] == "Sure, or\nnot?"

    async def answer(**given: Any) -> Any:
        return await call(runtime, "job_answer", principal=PERSON, job_id=job_id, **given)

    (line,) = (await call(runtime, "job_list", principal=PERSON)).structured["jobs"]
    assert line["asks"] == ["Sure, or not?"]
    wrong = await answer(answer={"sure": "perhaps"})
    assert wrong.error.code == "invalid_arguments"
    assert "It takes sure (boolean)." in str(wrong.error)
    assert (await answer(question="other")).error.code == "conflict"
    assert not (await answer(answer={"sure": True})).is_error
    done = await call(runtime, "job_result", principal=PERSON, job_id=job_id, wait=30)
    assert done.structured == {"action": "accept", "content": {"sure": True}}
    assert "does not ask anything now" in (await answer(answer={"sure": True})).error.message


async def test_agents_answer_no_job_by_a_tool(runtime: Runtime) -> None:
    job_id = await begin(runtime, "slow_ask")
    refused = await call(runtime, "job_answer", job_id=job_id, answer={"sure": True})
    assert refused.error.code == "forbidden"
    job_id = await begin(runtime, "slow_ask", principal=PERSON)
    await asking(runtime, job_id)
    acting = replace(PERSON, kind="client", is_workflow=True, maker=PERSON)
    refused = await call(runtime, "job_answer", acting, job_id=job_id, answer={"sure": True})
    assert refused.error.code == "forbidden"


async def asking(runtime: Runtime, job_id: str) -> Any:
    """Return a job once it asks."""
    async with asyncio.timeout(30):
        while True:
            found = await call(runtime, "job_get", principal=PERSON, job_id=job_id)
            if found.structured.get("asks"):
                return found
            await asyncio.sleep(0)  # the work has its turn


async def test_only_what_goes_on_is_active(runtime: Runtime) -> None:
    await call(runtime, "job_get", job_id=await begin(runtime), wait=30)
    live = await begin(runtime, "slow_for_ever")
    found = (await call(runtime, "job_list", status="active")).structured["jobs"]
    assert [job["job_id"] for job in found] == [live]
    assert (await call(runtime, "job_list", status="failed")).structured["jobs"] == []
