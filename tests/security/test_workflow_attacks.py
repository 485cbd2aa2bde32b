"""What a workflow tries that only the person who started it may do."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.calls import Result
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security import recorded
from jupyter_mcp.security.policy.roles import HUMAN_DECISIONS
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.tokens.acting import acting_for, owner_of
from jupyter_mcp.toolsets.workflows.runs import generations
from support.flow_desk import Desk, desk
from support.queued import value
from support.runtimes import OWNER, call, running

ANN = Principal("person:local", "ann", credential="key", kind="person")
LATER = 4e9


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with running(tmp_path) as opened:
        yield opened


async def tried(runtime: Runtime, tool: str, who: Principal, **arguments: object) -> str:
    """Return why a call was refused."""
    result: Result = await call(runtime, tool, who, **arguments)
    assert result.error is not None, result.content
    return f"{result.error.code}: {result.error.message}"


@pytest.mark.parametrize("tool", HUMAN_DECISIONS)
async def test_a_persons_workflow_takes_none_of_their_decisions(
    runtime: Runtime, tool: str
) -> None:
    """Else a template that an agent has saved could say yes to what that agent asks."""
    assert runtime.trust.policy.decides(ANN)
    workflow = acting_for(ANN, LATER)
    assert not runtime.trust.policy.decides(workflow)
    assert "is for a person to decide" in await tried(runtime, tool, workflow)


async def test_nor_does_a_token_that_a_workflow_has_made(runtime: Runtime) -> None:
    kept = recorded.from_json(recorded.to_json(acting_for(ANN, LATER)))
    token = Principal("token:t", "t", kind="client", token="t", maker=kept)
    assert not runtime.trust.policy.decides(token)
    assert "is for a person to decide" in await tried(runtime, "agents_resume", token)
    own = Principal("token:u", "u", kind="client", token="u", maker=ANN)
    assert runtime.trust.policy.decides(own), "a person may give a token that decides"


async def test_a_new_token_is_kept_by_no_run_and_no_chain(runtime: Runtime) -> None:
    wanted = {"scopes": ["read"], "name": "x"}
    said = await tried(runtime, "token_create", acting_for(ANN, LATER), **wanted)
    assert said.startswith("forbidden: 'token_create' shows a secret")
    steps = [{"tool": "token_create", "arguments": wanted}]
    result = await call(runtime, "chain", ANN, steps=steps)
    assert result.structured is not None
    assert result.structured["error"]["code"] == "forbidden"
    assert not (await call(runtime, "token_create", ANN, **wanted)).is_error


async def test_what_a_task_tells_of_a_run_has_no_secrets(tmp_path: Path) -> None:
    """Looking at a task does not pass what takes secrets out of the results of tools."""
    secret = "correct horse battery"
    async with desk(tmp_path) as flow:
        flow.runtime.trust.redactor.learn(secret)
        waits = {"id": "ask", "kind": "approval", "message": f"Is {secret} right?"}
        asking = await flow.start(waits)
        asked = {"message": f"Is {secret} right?"}
        await flow.tell_node(asking, "ask", status="waiting", input=asked)
        await flow.tell(asking, status="waiting", reason=f"no {secret}")
        done = await flow.start()
        await flow.tell_node(done, "a", status="succeeded", output={"seen": [secret]})
        await flow.tell(done, status="succeeded", ended=1.0)
        jobs = flow.runtime.jobs
        assert jobs is not None
        told = [await jobs.job_of(run, OWNER) for run in (asking, done)]
        assert told[0].asks, "it asks"
        assert "seen" in str(told[1].result)
        for each in told:
            for name in ("title", "log", "asks", "result", "advice", "progress"):
                assert secret not in str(getattr(each, name)), name


SPEC = {"name": "flow", "nodes": [value("a")]}


async def started_by(flow: Desk, run: str) -> Principal:
    """Return who acts in a run."""
    found = await owner_of(flow.storage, run, "")
    assert found is not None
    return acting_for(found[0], LATER)


async def test_a_workflow_that_starts_itself_comes_to_an_end(tmp_path: Path) -> None:
    async with desk(tmp_path) as flow:
        who = OWNER
        for _ in range(1 + generations.MOST):
            run = (await flow.get("workflow_start", who, spec=SPEC))["workflow_id"]
            who = await started_by(flow, run)
        for tool, more in (
            ("workflow_start", {}),
            ("workflow_schedule_set", {"name": "again", "cron": "* * * * *"}),
        ):
            error = await flow.refused(tool, who, spec=SPEC, **more)
            assert error.code == "too_deep"


async def test_a_workflow_does_no_run_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as flow:
        run = await flow.start()
        await flow.tell(run, status="failed", ended=1.0)
        workflow = acting_for(OWNER, LATER)
        assert (await flow.refused("workflow_retry", workflow, workflow_id=run)).code == "forbidden"
        error = await flow.refused("workflow_fork", workflow, workflow_id=run, node="a")
        assert error.code == "forbidden"
        assert (await flow.get("workflow_retry", workflow_id=run))["parent"] == run


@pytest.mark.parametrize("tool", ["workflow_list", "job_list"])
async def test_a_cursor_of_brackets_is_refused_in_one_line(runtime: Runtime, tool: str) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    assert "cursor is none of" in await tried(runtime, tool, ANN, cursor=deep)
