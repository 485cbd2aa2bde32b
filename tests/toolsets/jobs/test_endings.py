"""How jobs end: by themselves, by somebody who cancels them, and by a stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_mcp.calls import Result
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.jobs.job import LOG_TAIL, Job
from jupyter_mcp.toolsets.jobs.records import ADVICE, JobRecords
from jupyter_mcp.toolsets.jobs.service import JobService
from jupyter_mcp.workplace import ACTIVE, JobQuery
from support.job_records import kept


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
    assert (await service.get(job_id, "ann")).status == "running"
    assert (await service.cancel(job_id, "ann")).status == "cancelled"
    record = await service.get(job_id, "ann")
    assert record.status == "cancelled"
    assert len(record.log) == LOG_TAIL
    await tasks.stop()
    storage.stop()


async def test_what_a_stop_ends_is_lost_and_says_so(tmp_path: Path) -> None:
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
    record = await service.get(job_id, None)
    assert (record.status, record.advice) == ("lost", ADVICE), "nobody has cancelled it"
    storage.stop()


@pytest.mark.parametrize("way", ["cancel", "end"])
async def test_a_job_that_somebody_cancelled_and_that_still_ends_at_a_stop_is_cancelled(
    tmp_path: Path, way: str
) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)
    began, ends = asyncio.Event(), asyncio.Event()

    async def work(_job: Job) -> Result:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            ends.set()
            await asyncio.Event().wait()  # what it ends takes long
        return Result()

    job_id = service.begin("ann", "t", "wait", work)
    await began.wait()
    if way == "end":
        assert service.end(job_id)
    else:
        tasks.spawn("cancel", service.cancel(job_id, "ann"))
    await ends.wait()
    await service.stop()
    await tasks.stop()
    record = await service.get(job_id, None)
    assert (record.status, record.advice) == ("cancelled", "")
    storage.stop()


async def test_a_job_that_has_ended_stays_so_when_the_server_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)
    ends, may_end = asyncio.Event(), asyncio.Event()
    original = JobRecords.store

    async def slow(records: JobRecords, job: Job) -> None:
        if job.ended is not None:
            ends.set()
            await may_end.wait()
        await original(records, job)

    monkeypatch.setattr(JobRecords, "store", slow)

    async def work(_job: Job) -> Result:
        return Result()

    job_id = service.begin("ann", "t", "quick", work)
    await ends.wait()
    stopping = asyncio.create_task(service.stop())
    asyncio.get_running_loop().call_later(0.05, may_end.set)
    await stopping
    await tasks.stop()
    assert (await service.get(job_id, None)).status == "succeeded"
    storage.stop()


async def test_a_job_that_is_cancelled_before_its_first_step_is_cancelled(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        raise AssertionError("it must not begin")

    job_id = service.begin("ann", "t", "never", work)
    assert (await service.cancel(job_id, None)).status == "cancelled"
    job_id = service.begin("ann", "t", "never", work)
    await service.stop()
    assert (await service.get(job_id, None)).status == "lost"
    storage.stop()


async def test_who_ends_an_adopted_call_ends_its_job(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def attach(_job: Job) -> None:
        pass

    async def work() -> Result:
        await asyncio.Event().wait()
        return Result()

    by_job, by_call = asyncio.create_task(work()), asyncio.create_task(work())
    first = await service.adopt("ann", "t", "x", by_job, attach)
    assert (await service.cancel(first.id, "ann")).status == "cancelled"
    assert by_job.cancelled()
    second = await service.adopt("ann", "t", "x", by_call, attach)
    by_call.cancel()
    assert (await service.get(second.id, "ann", wait=30)).status == "cancelled"
    assert (await kept(storage, second.id)).status == "cancelled"
    await tasks.stop()
    storage.stop()


async def test_a_job_that_goes_on_as_another_takes_it_along_when_it_is_cancelled(
    tmp_path: Path,
) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    changed, told = asyncio.Event(), {"done": 1, "total": 2, "message": "half"}
    service = JobService(storage, tasks, changed=lambda _: changed.set())

    async def wait(job: Job) -> Result:
        await job.progress(1, 2, "half")
        await asyncio.Event().wait()
        return Result()

    inner = service.begin("ann", "t", "inner", wait)

    async def hand_on(_job: Job) -> Result:
        return Result(job=inner)

    outer = service.begin("ann", "t", "outer", hand_on)
    async with asyncio.timeout(30):
        while (await service.get(outer, "ann")).progress != told:
            changed.clear()
            await changed.wait()
    assert (await service.cancel(outer, "ann")).status == "cancelled"
    assert (await service.get(inner, "ann")).status == "cancelled"
    storage.stop()


@pytest.mark.parametrize("first", ["inner", "outer"])
async def test_a_stop_cancels_no_job_by_which_another_goes_on(tmp_path: Path, first: str) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    changed, told = asyncio.Event(), {"done": 1, "total": 2, "message": "half"}
    service = JobService(storage, tasks, changed=lambda _: changed.set())
    named: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def wait(job: Job) -> Result:
        await job.progress(1, 2, "half")
        await asyncio.Event().wait()
        return Result()

    async def hand_on(_job: Job) -> Result:
        return Result(job=await named)

    begun = {}
    for each in (first, "outer" if first == "inner" else "inner"):
        work = wait if each == "inner" else hand_on
        begun[each] = service.begin("ann", "t", each, work)
    named.set_result(begun["inner"])
    async with asyncio.timeout(30):
        while (await service.get(begun["outer"], "ann")).progress != told:
            changed.clear()
            await changed.wait()
    await service.stop()
    await tasks.stop()
    for each in begun.values():
        assert (await service.get(each, None)).status == "lost", "nobody has cancelled it"
    storage.stop()


@pytest.mark.parametrize("by", ["cancel", "stop"])
async def test_who_ends_what_is_about_to_become_a_job_ends_its_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service, storing, go_on = JobService(storage, tasks), asyncio.Event(), asyncio.Event()
    store = JobRecords.store

    async def slowly(self: JobRecords, job: Job) -> None:
        storing.set()
        await go_on.wait()
        await store(self, job)

    async def attach(_job: Job) -> None:
        raise AssertionError("it must not become one")

    async def work() -> Result:
        await asyncio.Event().wait()
        return Result()

    monkeypatch.setattr(JobRecords, "store", slowly)
    call = asyncio.create_task(work())
    adopting = asyncio.create_task(service.adopt("ann", "t", "x", call, attach))
    await storing.wait()
    (job,) = await service.list(JobQuery(statuses=ACTIVE))
    end = service.cancel(job.id, "ann") if by == "cancel" else service.stop()
    ending = asyncio.create_task(end)
    async with asyncio.timeout(30):
        while not service._live[job.id].is_unwanted:  # noqa: ASYNC110 - nothing tells of it yet
            await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(ToolError, match="Somebody ended it"):
        await adopting
    with pytest.raises(asyncio.CancelledError):
        await call
    await ending
    assert (await kept(storage, job.id)).status == "cancelled"
    if by == "stop":
        with pytest.raises(ToolError, match="stopping"):
            service.begin("ann", "t", "x", slowly)  # type: ignore[arg-type]
    await tasks.stop()
    storage.stop()
