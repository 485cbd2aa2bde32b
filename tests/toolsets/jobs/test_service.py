from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from jupyter_mcp.calls import Result, Text
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.retention import DAY, Retention
from jupyter_mcp.toolsets.jobs.service import LOG_TAIL, Job, JobService


async def test_cancel_ends_the_work_and_says_so(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)
    began = asyncio.Event()

    async def work(job: Job) -> Result:
        job.log("x" * (LOG_TAIL + 5))
        began.set()
        await asyncio.Event().wait()
        return Result()

    job_id = service.begin("ann", "t", "wait for ever", work)
    await began.wait()
    assert (await service.get(job_id, "ann"))["status"] == "running"
    assert (await service.cancel(job_id, "ann"))["status"] == "cancelled"
    record = await service.get(job_id, "ann")
    assert record["status"] == "cancelled"
    assert len(record["log"]) == LOG_TAIL
    await tasks.stop()
    storage.stop()


async def test_a_job_of_a_server_that_died_is_lost_and_not_running(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    began = asyncio.Event()

    async def work(_job: Job) -> Result:
        began.set()
        await asyncio.Event().wait()
        return Result()

    service = JobService(storage, tasks)
    job_id = service.begin("ann", "t", "wait", work)
    await began.wait()
    reborn = JobService(storage, Supervisor())
    assert (await reborn.get(job_id, "ann"))["status"] == "lost"
    await service.stop()
    storage.stop()


async def test_results_survive_a_restart_until_they_are_too_old(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        return Result((Text("done"),), {"n": 1})

    job_id = service.begin("ann", "t", "quick", work)
    await service.get(job_id, "ann", wait=10)
    later = JobService(storage, Supervisor())
    record = await later.get(job_id, "ann")
    assert Result.from_json(record["result"]).structured == {"n": 1}
    in_a_week = Retention(storage, 0, 0, 7, clock=lambda: time.time() + 7 * DAY + 1)
    assert (await in_a_week.sweep())["jobs"] == 1
    with pytest.raises(ToolError, match="no job"):
        await later.get(job_id, "ann")
    storage.stop()


async def test_stop_cancels_and_stores(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)
    began = asyncio.Event()

    async def work(_job: Job) -> Result:
        began.set()
        await asyncio.Event().wait()
        return Result()

    job_id = service.begin("ann", "t", "wait", work)
    await began.wait()
    await service.stop()
    await tasks.stop()
    assert tasks.names == []
    assert (await service.get(job_id, None))["status"] == "cancelled"
    storage.stop()


async def test_a_job_that_is_cancelled_before_its_first_step_is_cancelled(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        raise AssertionError("it must not begin")

    job_id = service.begin("ann", "t", "never", work)
    await service.stop()
    assert (await service.get(job_id, None))["status"] == "cancelled"
    storage.stop()


async def test_somebody_elses_job_is_not_waited_for(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        await asyncio.Event().wait()
        return Result()

    job_id = service.begin("ann", "t", "wait", work)
    async with asyncio.timeout(5):
        with pytest.raises(ToolError, match="no job"):
            await service.get(job_id, "bob", wait=60)
    await service.stop()
    storage.stop()


OTHER = """
import asyncio, sys
from pathlib import Path
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.jobs.service import JobService

async def main():
    service = JobService(Storage(Path(sys.argv[1]), sys.argv[2]), Supervisor())
    began = asyncio.Event()

    async def work(job):
        began.set()
        await asyncio.Event().wait()

    job_id = service.begin("ann", "t", "wait", work)
    await began.wait()
    print(job_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_job_of_another_server_is_lost_only_when_that_died(
    tmp_path: Path, database_url: str
) -> None:
    words = [sys.executable, "-c", OTHER, str(tmp_path), database_url]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    job_id = (await process.stdout.readline()).decode().strip()
    storage = Storage(tmp_path, database_url)
    beside = JobService(storage, Supervisor())
    assert (await beside.get(job_id, "ann"))["status"] == "running"
    process.kill()
    await process.wait()
    after = JobService(storage, Supervisor())
    assert (await after.get(job_id, "ann"))["status"] == "lost"
    storage.stop()


async def test_jobs_live_in_any_database(tmp_path: Path, database_url: str) -> None:
    storage, tasks = Storage(tmp_path, database_url), Supervisor()
    service = JobService(storage, tasks)

    async def work(job: Job) -> Result:
        job.log("half \0 a pair \ud83d")
        await job.progress(1, 2, "half")
        return Result((Text("done \0"),), {"n": 1})

    job_id = service.begin("ann", "t", "quick", work)
    await service.get(job_id, "ann", wait=10)
    record = await JobService(storage, Supervisor()).get(job_id, "ann")
    assert (record["status"], record["progress"]["message"]) == ("succeeded", "half")
    assert record["log"] == "half \ufffd a pair ?"
    assert record["result"]["structured"] == {"n": 1}
    await tasks.stop()
    storage.stop()
