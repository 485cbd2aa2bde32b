"""Background jobs: work that goes on when the client that asked for it has left.

A job's record lies in the database, its task in this process. When the server stops, the task is
gone, and the record says so: ``lost`` rather than for ever ``running``.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.storage.process_marks import is_gone, is_ours, new_mark

LOG_TAIL = 8_000
"""Characters of a job's log that are kept."""


class Outcome(Protocol):
    """The result of a job, as the corridor makes it."""

    @property
    def is_error(self) -> bool:
        """Whether the work failed."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the form that is stored."""
        ...


@dataclass(slots=True)
class Job:
    """A job of this process, and what it tells while it runs.

    Args:
        owner: Identifier of the principal it belongs to.
        tool: The tool that began it.
        title: What it does, in a few words.
    """

    owner: str
    tool: str
    title: str
    id: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex[:12]}")
    status: str = "running"
    started: float = field(default_factory=time.time)
    ended: float | None = None
    told: dict[str, Any] | None = None
    tail: str = ""
    result: dict[str, Any] | None = None
    task: asyncio.Task[Any] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the job is."""
        self.told = {"done": done, "total": total, "message": message}

    def log(self, text: str) -> None:
        """Add `text` to the tail of the log."""
        self.tail = (self.tail + text)[-LOG_TAIL:]

    def row(self, server: str) -> dict[str, Any]:
        """Return the job as a row of the table."""
        return {
            "id": self.id,
            "owner": self.owner,
            "tool": self.tool,
            "title": self.title,
            "status": self.status,
            "server": server,
            "started": self.started,
            "ended": self.ended,
            "progress": self.told,
            "log": self.tail,
            "result": self.result,
        }


class JobService:
    """Starts, finds and cancels jobs.

    Args:
        storage: Where the records lie.
        tasks: The owner of the jobs' tasks.
    """

    def __init__(self, storage: Storage, tasks: Spawner) -> None:
        self._storage = storage
        self._tasks = tasks
        self._server = f"{new_mark()}.{uuid.uuid4().hex[:8]}"
        self._live: dict[str, Job] = {}
        self._swept = False

    def begin(
        self, owner: str, tool: str, title: str, work: Callable[[Job], Awaitable[Outcome]]
    ) -> str:
        """Start `work` and return the job's identifier at once."""
        job = Job(owner=owner, tool=tool, title=title)
        self._live[job.id] = job
        job.task = self._tasks.spawn(f"job {job.id}", self._run(job, work))
        return job.id

    async def get(self, job_id: str, owner: str | None, wait: float = 0.0) -> dict[str, Any]:
        """Return the record of a job.

        Args:
            job_id: The job's identifier.
            owner: Who asks, or None for somebody who may see every job.
            wait: Seconds to wait for the end of a running job.

        Raises:
            ToolError: ``not_found`` when there is none, or it is somebody else's.
        """
        live = self._live.get(job_id)
        if live is None:
            record = await self._stored(job_id)
        else:
            if owner in (None, live.owner):
                await self._wait(live, wait)
            record = live.row(self._server)
        if record is None or (owner is not None and record["owner"] != owner):
            raise ToolError(
                "not_found",
                f"There is no job '{job_id}'.",
                "It may have been removed after its end.",
            )
        return record

    async def cancel(self, job_id: str, owner: str | None) -> dict[str, Any]:
        """Cancel a job, wait until it is over and return its record."""
        record = await self.get(job_id, owner)
        live = self._live.get(job_id)
        if live is None or live.task is None:
            return record
        await self._end(live)
        return live.row(self._server)

    def runs(self, job_id: str) -> bool:
        """Return whether a job of this process runs."""
        return job_id in self._live

    def end(self, job_id: str) -> bool:
        """Begin to cancel a job and return whether it runs; nobody has to wait for its end."""
        job = self._live.get(job_id)
        if job is None:
            return False
        self._tasks.spawn(f"end of {job_id}", self._end(job))
        return True

    async def stop(self) -> None:
        """Cancel the jobs of this process and store how they ended."""
        await asyncio.gather(*(self._end(job) for job in list(self._live.values())))

    async def _end(self, job: Job) -> None:
        if job.task is None:
            return
        job.task.cancel()
        await asyncio.wait({job.task})
        if not job.done.is_set():  # cancelled before its first step, so nothing else told its end
            job.status, job.ended = "cancelled", time.time()
            await self._finish(job)

    async def _run(self, job: Job, work: Callable[[Job], Awaitable[Outcome]]) -> None:
        try:
            await self._store(job)
            outcome = await work(job)
            job.result = outcome.to_json()
            job.status = "failed" if outcome.is_error else "succeeded"
        except asyncio.CancelledError:
            job.status = "cancelled"
        finally:
            job.ended = time.time()
            await asyncio.shield(self._finish(job))

    async def _finish(self, job: Job) -> None:
        try:
            await self._store(job)
        finally:
            self._live.pop(job.id, None)
            job.done.set()

    @staticmethod
    async def _wait(job: Job, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await job.done.wait()
        except TimeoutError:
            return

    async def _store(self, job: Job) -> None:
        row = job.row(self._server)

        def write(connection: Any) -> None:
            from jupyter_mcp.storage.tables import jobs

            updated = connection.execute(jobs.update().where(jobs.c.id == row["id"]).values(**row))
            if updated.rowcount == 0:
                connection.execute(jobs.insert().values(**row))

        await self._sweep()
        await self._storage.run(write)

    async def _stored(self, job_id: str) -> dict[str, Any] | None:
        await self._sweep()

        def read(connection: Any) -> dict[str, Any] | None:
            from jupyter_mcp.storage.tables import jobs

            row = connection.execute(jobs.select().where(jobs.c.id == job_id)).mappings().first()
            return None if row is None else dict(row)

        return await self._storage.run(read)

    async def _sweep(self) -> None:
        """Mark what an earlier process left running as lost, once."""
        if self._swept:
            return
        self._swept = True
        now, server = time.time(), self._server

        def sweep(connection: Any) -> None:
            from sqlalchemy import select

            from jupyter_mcp.storage.tables import jobs

            running = jobs.c.status == "running"
            others = select(jobs.c.server).where(running, jobs.c.server != server).distinct()
            marks = connection.execute(others).scalars()
            # Those of this process ended with the runtime that began them.
            gone = [each for each in marks if is_gone(each) or is_ours(each)]
            if not gone:  # a read-only database can be read then
                return
            orphans = jobs.update().where(running, jobs.c.server.in_(gone))
            connection.execute(orphans.values(status="lost", ended=now))

        await self._storage.run(sweep)
