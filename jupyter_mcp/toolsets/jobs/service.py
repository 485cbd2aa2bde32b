"""Background jobs: work that goes on when the client that asked for it has left.

A job's task is in this process and its record in the database, so that other servers and the next
one see it too. When the server stops, the task is gone, and the record says so: ``lost`` rather
than for ever ``running``. Toolsets whose work survives a server keep it themselves and are asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.storage.process_marks import new_mark
from jupyter_mcp.toolsets.jobs.job import Answers, Job
from jupyter_mcp.toolsets.jobs.records import JobRecords
from jupyter_mcp.toolsets.jobs.refusals import UNSTORED, busy, elsewhere, stopping, unknown
from jupyter_mcp.toolsets.jobs.writer import JobWriter
from jupyter_mcp.workplace import JobQuery, JobRecord, JobSource, JobStatus

LOOK_SECONDS = 1.0
"""How often somebody looks at a job of another server for whose end they wait."""

CANCEL_SECONDS = 10.0
"""How long cancelling waits for the end: code that ignores signals goes on."""

EACH = 200
"""How many jobs of one owner may go on at once in this process: each holds memory and a row."""

DAY = 86_400.0


class Outcome(Protocol):
    """The result of a job, as the corridor makes it."""

    @property
    def is_error(self) -> bool:
        """Whether the work failed."""
        ...

    @property
    def job(self) -> str:
        """The job by which the work goes on; empty when it is done."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the form that is stored."""
        ...


R = TypeVar("R", bound=Outcome)


class JobService:
    """Starts, finds and cancels jobs.

    Args:
        storage: Where the records lie.
        tasks: The owner of the jobs' tasks.
        changed: Called with a job's identifier when it told something.
        sources: Returns the toolsets that keep jobs of their own.
        days: For how many days a job is kept after its end.
        home: Whose jobs, as `jupyter_mcp.storage.home`.
    """

    def __init__(
        self,
        storage: Storage,
        tasks: Spawner,
        *,
        changed: Callable[[str], None] = lambda _: None,
        sources: Callable[[], Sequence[JobSource]] = tuple,
        days: float = 7.0,
        home: str = "",
    ) -> None:
        self._tasks = tasks
        self._changed = changed
        self._sources = sources
        self._keep = days * DAY
        self._mark = f"{new_mark()}.{uuid.uuid4().hex[:8]}"
        self._records = JobRecords(storage, self._mark, self._keep, home)
        self._writer = JobWriter(self._records, tasks)
        self._live: dict[str, Job] = {}
        self._is_stopping = False

    def begin(
        self,
        owner: str,
        tool: str,
        title: str,
        work: Callable[[Job], Awaitable[Outcome]],
        *,
        can_ask: bool = True,
    ) -> str:
        """Start `work` and return the job's identifier at once.

        Args:
            owner: Identifier of the principal it belongs to.
            tool: The tool that begins it.
            title: What it does, in a few words.
            work: Does it.
            can_ask: Whether somebody can answer what it asks.

        Raises:
            ToolError: ``busy`` when too many of the owner's jobs go on; ``unavailable`` at the end
            of the server.
        """
        job = self._new(owner, tool, title)
        job.can_ask = can_ask
        job.task = self._tasks.spawn(f"job {job.id}", self._run(job, work))
        return job.id

    async def adopt(
        self,
        owner: str,
        tool: str,
        title: str,
        call: asyncio.Task[R],
        attach: Callable[[Job], Awaitable[None]],
    ) -> JobRecord:
        """Make a job of a task that runs, and return it once it is stored.

        Cancelling the job cancels the task. When this is cancelled there is no job.

        Raises:
            ToolError: ``busy``, ``unavailable`` as `begin`; ``cancelled`` when somebody ended the
            job before it was one, and the task with it.
        """
        job = self._new(owner, tool, title)
        try:
            await self._records.store(job)
            _check_wanted(job, call)
            await attach(job)
        except BaseException:
            self._live.pop(job.id, None)
            job.end("cancelled")  # a record may have been written all the same
            self._tasks.spawn(f"end of {job.id}", self._put_away(job))
            raise
        job.stored.set()

        async def work(job: Job) -> R:
            del job
            return await call

        def end(_: asyncio.Task[None]) -> None:
            call.cancel()

        job.task = self._tasks.spawn(f"job {job.id}", self._run(job, work))
        job.task.add_done_callback(end)
        return job.record()

    async def get(self, job_id: str, owner: str | None, wait: float = 0.0) -> JobRecord:
        """Return a job.

        Args:
            job_id: The job's identifier.
            owner: Who asks, or None for somebody who may see every job.
            wait: Seconds to wait for the end of a running job.

        Raises:
            ToolError: ``not_found`` when there is none, or it is somebody else's.
        """
        source = self._source(job_id)
        if source is not None:
            return await source.get_job(job_id, owner, wait)
        live = self._live.get(job_id)
        if live is None:
            return await self._waited(job_id, owner, wait)
        if owner not in (None, live.owner):
            raise unknown(job_id)
        await _within(live.done, wait)
        return live.record(self._keep)

    async def stored(self, job_id: str, owner: str | None) -> JobRecord:
        """Return a job as `get` does, once its record is in the database.

        Raises:
            ToolError: ``not_found``.
        """
        live = self._live.get(job_id)
        if live is not None and not live.stored.is_set():
            waiting = asyncio.create_task(live.stored.wait())
            ending = asyncio.create_task(live.done.wait())
            try:
                await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
                ending.cancel()
        return await self.get(job_id, owner)

    async def list(self, query: JobQuery) -> list[JobRecord]:
        """Return the jobs of all kinds that are asked for, the newest first."""
        kinds = {source.job_kind: source for source in self._sources()}
        found: list[JobRecord] = []
        if query.kind not in kinds:
            live = [job.record() for job in list(self._live.values())]
            found += [job for job in live if query.fits(job)]
            found += await self._records.list(query, [job.id for job in live])
        for kind, source in kinds.items():
            if query.kind in ("", kind):
                found += await source.list_jobs(query)
        found.sort(key=lambda job: (job.started, job.id), reverse=True)
        return found[: query.limit]

    async def cancel(self, job_id: str, owner: str | None) -> JobRecord:
        """Cancel a job, wait a while for its end and return its record.

        Raises:
            ToolError: ``not_found``; ``unavailable`` for one that runs on another server.
        """
        source = self._source(job_id)
        if source is not None:
            return await source.cancel_job(job_id, owner)
        record = await self.get(job_id, owner)
        live = self._live.get(job_id)
        if live is not None:
            live.is_unwanted = True
            ending = self._tasks.spawn(f"end of {job_id}", self._end(live))
            await asyncio.wait({ending}, timeout=CANCEL_SECONDS)
            return live.record(self._keep)
        if record.is_active:
            raise elsewhere(record)
        return record

    async def answer(self, job_id: str, owner: str, answers: Answers, by: str) -> None:
        """Take answers of somebody, told by their name, to what a job of `owner` asks.

        Raises:
            ToolError: ``not_found``; ``unavailable`` for one that runs on another server.
        """
        source = self._source(job_id)
        if source is not None:
            await source.answer_job(job_id, owner, answers, by)
            return
        record = await self.get(job_id, owner)
        live = self._live.get(record.id)
        if live is not None:
            live.answer(answers)
        elif record.is_active:
            raise elsewhere(record)

    def runs(self, job_id: str) -> bool:
        """Return whether a job of this process runs."""
        return job_id in self._live

    def end(self, job_id: str) -> bool:
        """Begin to cancel a job and return whether it runs; nobody has to wait for its end."""
        job = self._live.get(job_id)
        if job is None:
            return False
        job.is_unwanted = True
        self._tasks.spawn(f"end of {job_id}", self._end(job))
        return True

    async def stop(self) -> None:
        """Cancel the jobs of this process and store that they are lost; none begins any more."""
        self._is_stopping = True
        await asyncio.gather(*(self._end(job) for job in list(self._live.values())))

    def _new(self, owner: str, tool: str, title: str) -> Job:
        if self._is_stopping:
            raise stopping()
        if sum(job.owner == owner for job in self._live.values()) >= EACH:
            raise busy(EACH)
        job = Job(owner=owner, tool=tool, title=title, told_by=self._told)
        self._live[job.id] = job
        return job

    def _cancelled(self, job: Job) -> JobStatus:
        """How a job stands that is cancelled now: nobody may have wanted that but a stop."""
        return "lost" if self._is_stopping and not job.is_unwanted else "cancelled"

    def _source(self, job_id: str) -> JobSource | None:
        return next((each for each in self._sources() if each.owns_job(job_id)), None)

    async def _waited(self, job_id: str, owner: str | None, wait: float) -> JobRecord:
        """Return a job that is no longer in this process, or in another one."""
        deadline = time.monotonic() + wait
        while True:
            found = await self._records.find(job_id)
            if found is None or owner not in (None, found[0].owner):
                raise unknown(job_id)
            record, mark = found
            if record.is_active and mark == self._mark:
                return replace(record, status="lost", ended=record.updated, advice=UNSTORED)
            left = deadline - time.monotonic()
            if not record.is_active or left <= 0:
                return record
            await asyncio.sleep(min(LOOK_SECONDS, left))

    async def _end(self, job: Job) -> None:
        if job.task is None:  # it is about to become one
            job.is_unwanted = True
            await job.done.wait()
            return
        job.task.cancel()
        await asyncio.wait({job.task})
        if not job.done.is_set():  # before its first step, or while its end was being stored
            if job.ended is None:
                job.end(self._cancelled(job))
            await self._finish(job)

    async def _run(self, job: Job, work: Callable[[Job], Awaitable[Outcome]]) -> None:
        try:
            if not job.stored.is_set():
                await self._records.store(job)
                job.stored.set()
            self._writer.keep(job)
            self._changed(job.id)
            await self._take(job, await work(job))
        except asyncio.CancelledError:
            job.end(self._cancelled(job))
        finally:
            if job.ended is None:
                job.end("failed")
            await asyncio.shield(self._finish(job))

    async def _take(self, job: Job, outcome: Outcome) -> None:
        """Take the outcome, or that of the job by which the work goes on."""
        if not outcome.job:
            job.result = outcome.to_json()
            job.end("failed" if outcome.is_error else "succeeded")
            return
        try:
            while (other := await self.get(outcome.job, None, LOOK_SECONDS)).is_active:
                if other.progress is not None and other.progress != job.told:
                    await job.progress(**other.progress)
        except asyncio.CancelledError:
            if not self._is_stopping or job.is_unwanted:  # at a stop each job has its own end
                with contextlib.suppress(ToolError):
                    await self.cancel(outcome.job, None)
            raise
        job.result, job.tail = other.result, other.log
        job.end(other.status)

    async def _finish(self, job: Job) -> None:
        self._writer.leave(job)
        try:
            await self._records.store(job)
        finally:
            self._live.pop(job.id, None)
            job.done.set()
            self._changed(job.id)

    def _told(self, job: Job) -> None:
        """Tell that a job told something, and have it stored before long."""
        self._changed(job.id)
        self._writer.soon(job)

    async def _put_away(self, job: Job) -> None:
        """Store the end of what did not become a job."""
        try:
            await self._writer.store(job)
        finally:
            job.done.set()


def _check_wanted(job: Job, call: asyncio.Task[Any]) -> None:
    """Cancel a call whose job somebody ended before it was one."""
    if job.is_unwanted:
        call.cancel()
        raise ToolError("cancelled", "Somebody ended it.", "Call again if it is still wanted.")


async def _within(event: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
