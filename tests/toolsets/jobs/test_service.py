from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import InputRequest, Result, Text
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.retention import DAY, Retention
from jupyter_mcp.storage.tables import jobs
from jupyter_mcp.toolsets.jobs import records, writer
from jupyter_mcp.toolsets.jobs import service as service_module
from jupyter_mcp.toolsets.jobs.job import Job
from jupyter_mcp.toolsets.jobs.records import JobRecords
from jupyter_mcp.toolsets.jobs.service import JobService
from jupyter_mcp.workplace import ACTIVE, JobQuery


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
    assert (await reborn.get(job_id, "ann")).status == "lost"
    await service.stop()
    storage.stop()


async def test_results_survive_a_restart_until_they_are_too_old(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        return Result((Text("done"),), {"n": 1})

    job_id = service.begin("ann", "t", "quick", work)
    await service.get(job_id, "ann", wait=30)
    later = JobService(storage, Supervisor())
    record = await later.get(job_id, "ann")
    assert Result.from_json(record.result or {}).structured == {"n": 1}
    in_a_week = Retention(storage, 0, 0, 7, clock=lambda: time.time() + 7 * DAY + 1)
    assert (await in_a_week.sweep())["jobs"] == 1
    with pytest.raises(ToolError, match="no job"):
        await later.get(job_id, "ann")
    storage.stop()


async def test_somebody_elses_job_is_not_waited_for(tmp_path: Path) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        await asyncio.Event().wait()
        return Result()

    job_id = service.begin("ann", "t", "wait", work)
    async with asyncio.timeout(30):
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
    assert (await beside.get(job_id, "ann")).status == "running"
    for ask in (beside.cancel(job_id, "ann"), beside.answer(job_id, "ann", {"a": {}}, "Ann")):
        with pytest.raises(ToolError, match="runs on another server"):
            await ask
    process.kill()
    await process.wait()
    after = JobService(storage, Supervisor())
    assert (await after.get(job_id, "ann")).status == "lost"
    storage.stop()


async def test_a_job_of_another_machine_is_lost_when_that_has_been_silent_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"import platform\nplatform.node = lambda: 'made-anew'\n{OTHER}"
    words = [sys.executable, "-c", program, str(tmp_path), ""]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    job_id = (await process.stdout.readline()).decode().strip()
    process.kill()
    await process.wait()
    storage = Storage(tmp_path)
    service = JobService(storage, Supervisor())
    assert (await service.get(job_id, "ann")).status == "running", "nobody here can tell"
    monkeypatch.setattr(records, "SILENT_SECONDS", 0.0)
    assert (await service.get(job_id, "ann")).status == "lost"
    assert (await service.cancel(job_id, "ann")).status == "lost"
    storage.stop()


async def test_a_job_that_tells_nothing_is_seen_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SIGN_SECONDS", 0.01)
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        await asyncio.Event().wait()
        return Result()

    job_id = service.begin("ann", "t", "quiet", work)
    before = (await service.stored(job_id, "ann")).updated
    signs: set[float] = set()
    async with asyncio.timeout(30):
        while len(signs) < 3:
            signs.add((row := await raw(storage, job_id))["seen"])
    assert row["updated"] == before, "it has told nothing"
    await service.cancel(job_id, "ann")
    await tasks.stop()
    storage.stop()


async def test_jobs_live_in_any_database(tmp_path: Path, database_url: str) -> None:
    storage, tasks = Storage(tmp_path, database_url), Supervisor()
    service = JobService(storage, tasks)

    async def work(job: Job) -> Result:
        job.log("half \0 a pair \ud83d")
        await job.progress(1, 2, "half")
        return Result((Text("done \0"),), {"n": 1})

    job_id = service.begin("ann", "t", "quick", work)
    await service.get(job_id, "ann", wait=30)
    record = await JobService(storage, Supervisor()).get(job_id, "ann")
    assert (record.status, (record.progress or {})["message"]) == ("succeeded", "half")
    assert record.log == "half \ufffd a pair ?"
    assert (record.result or {})["structured"] == {"n": 1}
    await tasks.stop()
    storage.stop()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is told stored at once, and jobs elsewhere looked at all the time."""
    monkeypatch.setattr(writer, "STORE_SECONDS", 0.01)
    monkeypatch.setattr(service_module, "LOOK_SECONDS", 0.01)


@pytest.mark.usefixtures("soon")
async def test_another_server_sees_how_far_a_job_is_and_waits_for_its_end(
    tmp_path: Path, database_url: str
) -> None:
    storage, tasks = Storage(tmp_path, database_url), Supervisor()
    service, go_on = JobService(storage, tasks), asyncio.Event()

    async def work(job: Job) -> Result:
        job.log("begun")
        await job.progress(1, 3, "one of three")
        await go_on.wait()
        return Result((Text("done"),))

    job_id = service.begin("ann", "t", "slow", work)
    async with asyncio.timeout(30):
        while (await raw(storage, job_id))["log"] != "begun":  # noqa: ASYNC110 - a row tells nobody
            await asyncio.sleep(0.01)
    row = await raw(storage, job_id)
    assert row["progress"] == {"done": 1, "total": 3, "message": "one of three"}
    assert row["updated"] >= row["started"]
    go_on.set()
    await service.get(job_id, "ann", wait=30)
    assert (await raw(storage, job_id))["status"] == "succeeded"
    await tasks.stop()
    storage.stop()


async def raw(storage: Storage, job_id: str) -> dict[str, Any]:
    """Return the row of a job, untouched."""

    def read(connection: Any) -> dict[str, Any]:
        row = connection.execute(jobs.select().where(jobs.c.id == job_id)).mappings().first()
        return {"log": ""} if row is None else dict(row)

    return await storage.run(read)


@pytest.mark.usefixtures("soon")
async def test_much_progress_is_few_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    monkeypatch.setattr(writer, "STORE_SECONDS", 60.0)
    stores = 0
    store = JobRecords.store

    async def counted(self: JobRecords, job: Job) -> None:
        nonlocal stores
        stores += 1
        await store(self, job)

    monkeypatch.setattr(JobRecords, "store", counted)

    async def work(job: Job) -> Result:
        for step in range(10_000):
            await job.progress(step, 10_000)
        return Result()

    service = JobService(storage, tasks)
    await service.get(service.begin("ann", "t", "chatty", work), "ann", wait=30)
    assert stores == 2
    storage.stop()


async def test_jobs_are_listed_newest_first_by_pages(tmp_path: Path, database_url: str) -> None:
    storage, tasks = Storage(tmp_path, database_url), Supervisor()
    service = JobService(storage, tasks)

    async def work(_job: Job) -> Result:
        return Result()

    async def wait(_job: Job) -> Result:
        await asyncio.Event().wait()
        return Result()

    ended = []
    for number in range(5):
        ended.append(service.begin("ann", "t", f"job {number}", work))
        await service.get(ended[-1], "ann", wait=30)
    live = service.begin("ann", "t", "goes on", wait)
    service.begin("bob", "t", "bob's", wait)
    everything = await service.list(JobQuery(owner="ann"))
    assert [job.id for job in everything] == [live, *reversed(ended)]
    first = await service.list(JobQuery(owner="ann", limit=2))
    last = first[-1]
    rest = await service.list(JobQuery(owner="ann", before=(last.started, last.id)))
    assert first + rest == everything
    active = await service.list(JobQuery(owner="ann", statuses=ACTIVE))
    assert [job.id for job in active] == [live]
    assert len(await service.list(JobQuery())) == 7
    assert await service.list(JobQuery(kind="workflow")) == []
    await service.stop()
    storage.stop()


async def test_a_call_that_cannot_be_stored_is_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service, attached = JobService(storage, tasks), []

    async def full(self: JobRecords, job: Job) -> None:
        del self, job
        raise OSError("disk full")

    async def attach(job: Job) -> None:
        attached.append(job)

    async def work() -> Result:
        await asyncio.Event().wait()
        return Result()

    monkeypatch.setattr(JobRecords, "store", full)
    call = asyncio.create_task(work())
    with pytest.raises(OSError, match="disk full"):
        await service.adopt("ann", "t", "x", call, attach)
    assert not attached
    assert not call.done(), "the call goes on"
    call.cancel()
    await tasks.stop()
    storage.stop()


async def test_questions_are_answered_one_by_one_and_keys_are_used_once(tmp_path: Path) -> None:
    storage, tasks, changed = Storage(tmp_path), Supervisor(), asyncio.Event()
    service = JobService(storage, tasks, changed=lambda _: changed.set())
    asked = {key: InputRequest("elicitation/create", {"message": key}) for key in ("a", "b")}

    async def work(job: Job) -> Result:
        first = await job.ask(asked)
        second = await job.ask({"a": asked["a"]})
        return Result((Text(f"{first['a']['n']}{first['b']['n']}{second['a']['n']}"),))

    async def open_keys(job_id: str) -> set[str]:
        async with asyncio.timeout(30):
            while not (keys := set((await service.get(job_id, "ann")).asks)):
                changed.clear()
                await changed.wait()
        return keys

    job_id = service.begin("ann", "t", "curious", work)
    assert await open_keys(job_id) == {"a", "b"}
    await service.answer(job_id, "ann", {"a": {"n": 1}, "c": {"n": 9}}, "Ann")
    assert await open_keys(job_id) == {"b"}
    await service.answer(job_id, "ann", {"a": {"n": 9}, "b": {"n": 2}}, "Ann")
    assert await open_keys(job_id) == {"a-2"}
    with pytest.raises(ToolError, match="no job"):
        await service.answer(job_id, "bob", {"a-2": {"n": 9}}, "Bob")
    await service.answer(job_id, "ann", {"a-2": {"n": 3}}, "Ann")
    ended = await service.get(job_id, "ann", wait=30)
    assert Result.from_json(ended.result or {}).content == (Text("123"),)
    storage.stop()


async def test_nobody_has_more_jobs_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "EACH", 2)
    storage, tasks = Storage(tmp_path), Supervisor()
    service = JobService(storage, tasks)

    async def wait(_job: Job) -> Result:
        await asyncio.Event().wait()
        return Result()

    first, _ = (service.begin("ann", "t", "x", wait) for _ in range(2))
    with pytest.raises(ToolError, match="2 of your jobs go on") as refused:
        service.begin("ann", "t", "x", wait)
    assert refused.value.code == "busy"
    service.begin("bob", "t", "x", wait)
    await service.cancel(first, "ann")
    service.begin("ann", "t", "x", wait)
    await service.stop()
    storage.stop()


async def test_a_job_whose_end_could_not_be_stored_is_lost_and_not_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    storage, tasks = Storage(tmp_path), Supervisor()
    service, go_on = JobService(storage, tasks), asyncio.Event()

    async def work(_job: Job) -> Result:
        await go_on.wait()
        return Result()

    async def full(self: JobRecords, job: Job) -> None:
        del self, job
        raise OSError("disk full")

    job_id = service.begin("ann", "t", "x", work)
    await service.stored(job_id, "ann")
    monkeypatch.setattr(JobRecords, "store", full)
    go_on.set()
    record = await service.get(job_id, "ann", wait=30)
    if record.status != "lost":  # its last moment in memory
        record = await service.get(job_id, "ann")
    assert record.status == "lost"
    assert "could not be stored" in record.advice
    await tasks.stop()
    assert "disk full" in caplog.text
    storage.stop()
