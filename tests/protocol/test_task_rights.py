"""Whose tasks are whose: a Hub gives all credentials of a person one identifier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import INVALID_PARAMS

from jupyter_mcp.calls import Context, Host, JobContext, Reply, Toolset, tool
from jupyter_mcp.calls.call import InputRequest
from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol import task_watch
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.protocol.request import TASKS, Request
from jupyter_mcp.protocol.task_watch import Watching
from jupyter_mcp.protocol.tasks import Tasks
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.principal import ALL_SCOPES, Principal
from support.runtimes import call, running

FORM = {
    "mode": "form",
    "message": "Who?",
    "requestedSchema": {
        "type": "object",
        "properties": {"value": {"type": "string"}},
        "required": ["value"],
    },
}
ANN = Principal("user:ann", "ann", credential="all", kind="user", roles=("operator",))
LOOKING = replace(ANN, credential="narrowed", scopes=frozenset({"read"}))
EDITING = replace(ANN, credential="edits", scopes=frozenset({"read", "edit"}))
assert ANN.scopes == ALL_SCOPES


class Curious(Toolset):
    """Asks."""

    name = "curious"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.may_ask = asyncio.Event()
        self.may_ask.set()

    @tool(scope="execute")
    async def curious_begin(self, ctx: Context, steps: int = 0) -> Reply[str]:
        """Begin a job that asks."""

        async def work(job: JobContext) -> str:
            for step in range(steps):
                await job.progress(step, steps)
                await asyncio.sleep(0)
            await self.may_ask.wait()
            answer = await job.ask({"who": InputRequest("elicitation/create", FORM)})
            return str(answer["who"]["content"]["value"])

        return Reply("begun", job=ctx.job("Curious sk-secret-in-a-title", work))


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with running(tmp_path, Curious) as running_one:
        yield running_one


def request(principal: Principal) -> Request:
    return Request(Caller(principal), {"elicitation": {}, "extensions": {TASKS: {}}})


async def asking(runtime: Runtime, tasks: Tasks) -> str:
    """Return a task of Ann's that asks."""
    job_id = str((await call(runtime, "curious_begin", principal=ANN)).job)
    async with asyncio.timeout(30):
        while True:
            task = await tasks.get(request(ANN), {"taskId": job_id})
            if task["status"] == "input_required":
                return job_id
            await asyncio.sleep(0)  # the work has its turn


async def test_a_narrowed_credential_neither_answers_nor_ends_what_it_could_not_begin(
    runtime: Runtime,
) -> None:
    tasks = Tasks(runtime)
    job_id = await asking(runtime, tasks)
    answer = {"who": {"action": "accept", "content": {"value": "Eve"}}}
    given = {"taskId": job_id, "inputResponses": answer}
    for narrowed in (LOOKING, EDITING):
        with pytest.raises(MCPError, match="this credential may not use it"):
            await tasks.update(request(narrowed), given)
    with pytest.raises(MCPError, match="job_cancel"):
        await tasks.cancel(request(LOOKING), {"taskId": job_id})
    assert (await tasks.get(request(ANN), {"taskId": job_id}))["status"] == "input_required"
    await tasks.update(request(ANN), given)
    done = await call(runtime, "job_result", principal=ANN, job_id=job_id, wait=30)
    assert done.structured == {"result": "Eve"}


async def test_who_may_cancel_jobs_may_end_it_all_the_same(runtime: Runtime) -> None:
    tasks = Tasks(runtime)
    job_id = await asking(runtime, tasks)
    await tasks.cancel(request(EDITING), {"taskId": job_id})
    assert (await tasks.get(request(ANN), {"taskId": job_id}))["status"] == "cancelled"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "yes",
        {},
        {"action": ["accept"]},
        {"action": "accept", "content": "value"},
        {"action": "accept", "content": [["value", "x"]]},
        {"action": "accept", "content": {"value": 5}},
        {"action": "accept", "content": {"other": "x" * 1_000_000}},
    ],
)
async def test_forged_answers_are_refused_and_the_question_stays(
    runtime: Runtime, answer: Any
) -> None:
    tasks = Tasks(runtime)
    job_id = await asking(runtime, tasks)
    given = {"taskId": job_id, "inputResponses": {"who": answer}}
    with pytest.raises(MCPError, match="does not fit") as refused:
        await tasks.update(request(ANN), given)
    assert refused.value.code == INVALID_PARAMS
    await tasks.update(request(ANN), {"taskId": job_id, "inputResponses": {"x" * 9: answer}})
    assert (await tasks.get(request(ANN), {"taskId": job_id}))["status"] == "input_required"


@pytest.mark.parametrize("odd", ["\0", "\ud800", "x" * 1_000_000, "job-%", "' or 1=1 --"])
async def test_odd_identifiers_are_of_no_task(runtime: Runtime, odd: str) -> None:
    tasks = Tasks(runtime)
    for serve in (tasks.get, tasks.update, tasks.cancel):
        with pytest.raises(MCPError, match="There is no task") as refused:
            await serve(request(ANN), {"taskId": odd})
        assert len(str(refused.value)) < 300


async def test_a_stopped_owners_task_ends(runtime: Runtime) -> None:
    tasks = Tasks(runtime)
    job_id = await asking(runtime, tasks)
    person = Principal("person:local", "person", kind="person")
    await runtime.trust.switch.stop("user:ann", "paused", person)
    ended = await call(runtime, "job_get", principal=person, job_id=job_id, wait=30)
    assert ended.structured["status"] == "cancelled"
    with pytest.raises(MCPError, match="paused"):
        await tasks.get(request(ANN), {"taskId": job_id})


async def test_a_watch_outlives_what_cannot_be_looked_at_for_a_while(runtime: Runtime) -> None:
    class Refusing(Tasks):
        error = ToolError("rate_limited", "Too often.", "Wait.")

        async def look(self, request: Request, job_id: str) -> Any:
            from jupyter_mcp.protocol.faults import fault

            del request, job_id
            raise fault(self.error)

    refusing = Refusing(runtime)
    watching = Watching(refusing, None, request(ANN), ["job-1"])  # type: ignore[arg-type]
    assert await watching._tell_one(None, "job-1")  # type: ignore[arg-type]
    refusing.error = ToolError("not_found", "Gone.", "")
    assert not await watching._tell_one(None, "job-1")  # type: ignore[arg-type]


async def test_much_progress_is_few_looks_and_a_question_is_told_at_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_watch, "PROGRESS_SECONDS", 3600.0)
    curious = next(each for each in runtime.catalog.toolsets if isinstance(each, Curious))
    curious.may_ask.clear()
    looks, told = 0, []

    class Counting(Tasks):
        async def look(self, request: Request, job_id: str) -> Any:
            nonlocal looks
            looks += 1
            return await super().look(request, job_id)

    class Session:
        async def send_notification(self, notification: Any, **_: Any) -> None:
            told.append(notification.params["status"])

    tasks, context = Counting(runtime), SimpleNamespace(session=Session(), request_id=1)
    job_id = str((await call(runtime, "curious_begin", principal=ANN, steps=50)).job)
    await runtime.jobs.job_of(job_id, ANN)  # type: ignore[union-attr]  # it is stored
    watching = Watching(tasks, None, request(ANN), [job_id])  # type: ignore[arg-type]
    for _ in range(100):
        assert await watching._tell_one(context, job_id)  # type: ignore[arg-type]
        await asyncio.sleep(0)
    assert (told, looks) == (["working"], 1)
    curious.may_ask.set()
    async with asyncio.timeout(30):
        while told[-1] != "input_required":
            assert await watching._tell_one(context, job_id)  # type: ignore[arg-type]
            await asyncio.sleep(0)
    assert told == ["working", "input_required"]
    assert looks == 2


async def test_secrets_are_taken_out_of_titles(runtime: Runtime) -> None:
    runtime.trust.redactor.learn("secret-in-a-title")
    job_id = await asking(runtime, Tasks(runtime))
    (job,) = (await call(runtime, "job_list", principal=ANN)).structured["jobs"]
    assert job["job_id"] == job_id
    assert "secret-in-a-title" not in job["title"]
