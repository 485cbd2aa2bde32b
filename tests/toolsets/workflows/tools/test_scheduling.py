from __future__ import annotations

import asyncio
import time
from pathlib import Path

from jupyter_mcp.storage.tables import workflow_schedules
from jupyter_mcp.workplace import LEFT_WORK
from support.flow_desk import PERSON, Desk, desk
from support.queued import value

SPEC = {"name": "tick", "nodes": [value("a")]}


async def make_due(flow: Desk) -> None:
    """Let all that is scheduled be due now."""
    change = workflow_schedules.update().values(next=time.time() - 1)
    await flow.storage.run(lambda connection: connection.execute(change))


async def until_started(flow: Desk) -> None:
    """Wait until a run was started, and a worker for it."""
    async with asyncio.timeout(30):
        while not flow.begun or not (await flow.get("workflow_list"))["workflows"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_schedule_starts_by_itself_also_at_the_next_server(tmp_path: Path) -> None:
    async with desk(tmp_path) as flow:
        told = await flow.get("workflow_schedule_set", name="n", cron="0 3 * * *", spec=SPEC)
        assert told["workflow"] == "tick"
        assert told["next_at"].endswith("T03:00:00.000Z")
        state = flow.runtime.host.state
        assert (state / LEFT_WORK).exists(), "the next server starts without being asked"
        await make_due(flow)
    async with desk(tmp_path) as flow:
        await until_started(flow)
        (listed,) = (await flow.get("workflow_schedule_list"))["schedules"]
        assert listed["last_run"].startswith("wf-")
        await flow.get("workflow_schedule_delete", PERSON, schedule="n")
        await flow.get("workflow_cancel", workflow_id=listed["last_run"])
    async with desk(tmp_path) as flow:
        async with asyncio.timeout(30):
            while (state / LEFT_WORK).exists():  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.02)
        assert not flow.begun


async def test_what_is_wrong_is_refused_when_it_is_set(flow: Desk) -> None:
    cron = await flow.refused("workflow_schedule_set", name="n", cron="never", spec=SPEC)
    assert "no cron expression" in cron.message
    wrong = {"name": "tick", "nodes": [value("a", "1 +")]}
    spec = await flow.refused("workflow_schedule_set", name="n", cron="0 3 * * *", spec=wrong)
    assert spec.code == "invalid_arguments"
    assert (await flow.get("workflow_schedule_list"))["schedules"] == []
