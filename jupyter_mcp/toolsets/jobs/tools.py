"""What can be asked of background jobs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from jupyter_mcp.calls import Call, Context, Host, JobContext, Reply, Result, Text, Toolset, tool
from jupyter_mcp.toolsets.jobs.service import Job, JobService

JobId = Annotated[str, Field(description="As a background call returned it")]


class JobState(BaseModel):
    """A job, as callers see it."""

    job_id: str
    title: str
    status: Literal["running", "succeeded", "failed", "cancelled", "lost"]
    seconds: float
    progress: dict[str, Any] | None = None
    log: str = ""
    result: dict[str, Any] | None = None


class Jobs(Toolset):
    """Background jobs: look at them and cancel them."""

    name = "jobs"
    title = "Jobs"
    description = "Long-running work that goes on after the client has left."
    pathless = frozenset({"job_get", "job_cancel"})  # everybody has their own

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._service = JobService(host.storage, host.tasks)
        self._begun: dict[str, Call] = {}

    async def stop(self) -> None:
        """Cancel the jobs that run."""
        await self._service.stop()

    def start_job(
        self, call: Call, title: str, work: Callable[[JobContext], Awaitable[Result]]
    ) -> str:
        """Begin a job for the principal of `call`; the runtime gives this to the corridor."""

        async def run(job: Job) -> Result:
            return await work(job)

        ours = self._begun = {job: by for job, by in self._begun.items() if self._service.runs(job)}
        job_id = self._service.begin(call.principal.id, call.operation.name, title, run)
        ours[job_id] = call
        return job_id

    def end_jobs(self, concerns: Callable[[Call], bool]) -> int:
        """Begin to cancel the jobs of calls that are concerned; return how many there are."""
        wanted = [job for job, by in self._begun.items() if concerns(by)]
        return sum(self._service.end(job) for job in wanted)

    @tool(scope="read", title="Look at a job")
    async def job_get(
        self,
        ctx: Context,
        job_id: JobId,
        wait: Annotated[float, Field(ge=0, le=600, description="Seconds to wait for its end")] = 0,
    ) -> Reply[JobState]:
        """Status, progress, log tail and, when it has ended, the result of a background job."""
        record = await self._service.get(
            job_id, self.host.trust.policy.owner_seen(ctx.principal), wait
        )
        return _reply(record)

    @tool(scope="edit", title="Cancel a job", idempotent=True, restrains=True)
    async def job_cancel(self, ctx: Context, job_id: JobId) -> Reply[JobState]:
        """Cancel a background job; a cell that it runs is interrupted."""
        return _reply(
            await self._service.cancel(job_id, self.host.trust.policy.owner_seen(ctx.principal))
        )


def _reply(record: dict[str, Any]) -> Reply[JobState]:
    result = Result.from_json(record["result"]) if record["result"] else None
    state = JobState(
        job_id=record["id"],
        seconds=round((record["ended"] or time.time()) - record["started"], 3),
        result=result.structured if result else None,
        **{key: record[key] for key in ("title", "status", "progress", "log")},
    )
    line = Text(f"{state.job_id}: {state.status} ({state.title})")
    lost = Text("The server stopped while it ran. Start it again if it is still wanted.")
    extra = (lost,) if state.status == "lost" else tuple(result.content) if result else ()
    return Reply(state, [line, *extra])
