"""What can be asked of jobs, whoever keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Call, Context, Host, JobContext, Reply, Result, Text, Toolset, tool
from jupyter_mcp.calls.events import JobChanged
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.storage.home import home_of
from jupyter_mcp.toolsets.jobs.job import Job
from jupyter_mcp.toolsets.jobs.service import JobService
from jupyter_mcp.toolsets.jobs.tools.questions import answers_to
from jupyter_mcp.toolsets.jobs.tools.shapes import (
    JobEnd,
    JobList,
    JobState,
    cursor_after,
    headline,
    line_of,
    no_result,
    read_cursor,
    state_of,
    statuses_of,
)
from jupyter_mcp.workplace import JobQuery, JobRecord

Wait = Annotated[float, Field(ge=0, le=600, description="Seconds to wait for its end")]
# What the default view says of these tools is short on purpose: each client reads it.


class Jobs(Toolset):
    """Background jobs: list them, look at them and cancel them."""

    name = "jobs"
    title = "Jobs"
    description = "Long-running work that goes on after the client has left."
    # everybody has their own
    pathless = frozenset({"job_list", "job_get", "job_result", "job_cancel", "job_answer"})

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._service = JobService(
            host.storage,
            host.tasks,
            changed=lambda job_id: host.events.publish(JobChanged(job_id)),
            sources=lambda: host.neighbours.jobs,
            days=host.settings.job_days,
            home=home_of(host.state, host.settings.database_url),
        )
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
        job_id = self._service.begin(
            call.principal.id,
            call.operation.name,
            self._told(title),
            run,
            # by a task, or in a notebook: there is a person whom the client could have asked
            can_ask=call.channel.can_ask or call.principal.kind == "person",
        )
        ours[job_id] = call
        return job_id

    def end_jobs(self, concerns: Callable[[Call], bool]) -> int:
        """Begin to cancel the jobs of calls that are concerned; return how many there are."""
        wanted = [job for job, by in self._begun.items() if concerns(by)]
        return sum(self._service.end(job) for job in wanted)

    async def adopt_call(
        self,
        principal: Principal,
        tool: str,
        title: str,
        call: asyncio.Task[Result],
        attach: Callable[[JobContext], Awaitable[None]],
    ) -> JobRecord:
        """Make a job of a call that runs; who ends the call ends the job (`JobStarter`)."""
        return await self._service.adopt(principal.id, tool, self._told(title), call, attach)

    async def job_of(self, job_id: str, principal: Principal) -> JobRecord:
        """Return a job that is stored (`JobStarter`).

        Raises:
            ToolError: ``not_found``.
        """
        return await self._service.stored(job_id, self._seen(principal))

    async def cancel_own(self, job_id: str, principal: Principal) -> JobRecord:
        """Cancel a job of `principal` (`JobStarter`).

        Raises:
            ToolError: ``not_found``.
        """
        return await self._service.cancel(job_id, principal.id)

    async def answer_own(
        self, job_id: str, principal: Principal, answers: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Take answers to what a job asks; nobody answers for another (`JobStarter`).

        Raises:
            ToolError: ``not_found``.
        """
        await self._service.answer(job_id, principal.id, answers, _told_as(principal))

    @tool(scope="read", title="List jobs")
    async def job_list(
        self,
        ctx: Context,
        *,
        status: Annotated[str, Field(description="Such as 'failed', or 'active'")] = "",
        kind: str = "",
        cursor: str = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> Reply[JobList]:
        """Background jobs, the newest first."""
        query = JobQuery(
            owner=self._seen(ctx.principal),
            statuses=statuses_of(status),
            kind=kind,
            before=read_cursor(cursor),
            limit=limit + 1,
        )
        found = await self._service.list(query)
        page = found[:limit]
        value = JobList(
            jobs=[line_of(job) for job in page],
            cursor=cursor_after(page[-1]) if len(found) > limit else "",
        )
        told = [f"{each.id}: {each.status}, {each.title}" for each in page]
        return Reply(value, [Text("\n".join(told) or "There are no such jobs.")])

    @tool(scope="read", title="Look at a job")
    async def job_get(self, ctx: Context, job_id: str, wait: Wait = 0) -> Reply[JobState]:
        """Status, progress, log tail and, at its end, result of a background job."""
        return state_of(await self._looked_at(ctx, job_id, wait))

    @tool(scope="read", title="Result of a job")
    async def job_result(self, ctx: Context, job_id: str, wait: Wait = 0) -> Reply[dict[str, Any]]:
        """What a job returned, as if its tool had been called in the foreground."""
        record = await self._looked_at(ctx, job_id, wait)
        if record.result is None:
            raise no_result(record)
        result = Result.from_json(record.result)
        return Reply(result.structured or {}, result.content, is_error=result.is_error)

    @tool(scope="edit", title="Cancel a job", idempotent=True, restrains=True)
    async def job_cancel(self, ctx: Context, job_id: str) -> Reply[JobEnd]:
        """Cancel a background job; a cell that it runs is interrupted."""
        record = await self._service.cancel(job_id, self._seen(ctx.principal))
        return Reply(JobEnd(job_id=record.id, status=record.status), [headline(record)])

    @tool(scope="execute", title="Answer a job")
    async def job_answer(
        self,
        ctx: Context,
        job_id: str,
        answer: Annotated[
            dict[str, Any] | None, Field(description="Values by field; none declines")
        ] = None,
        question: Annotated[str, Field(description="Which, where it asks several things")] = "",
    ) -> Reply[JobEnd]:
        """Answer what a background job asks, such as input() in a cell. Not for agents."""
        who = ctx.principal
        record = await self._service.get(
            job_id, self._seen(who) if who.kind == "person" else who.id
        )
        seen = self.host.neighbours.tools
        may = seen is None or record.tool in seen(who).names()
        if not may or who.is_workflow:
            raise ToolError(
                "forbidden",
                f"'{record.tool}' asks, and this is not for you to answer.",
                "Whoever began the job can answer.",
            )
        answers = answers_to(record, question, answer)
        await self._service.answer(job_id, record.owner, answers, _told_as(who))
        record = await self._service.get(job_id, record.owner)
        return Reply(JobEnd(job_id=record.id, status=record.status), [headline(record)])

    async def _looked_at(self, ctx: Context, job_id: str, wait: float) -> JobRecord:
        """Return a job to somebody who reads it, as what its tool brought is read."""
        record = await self._service.get(job_id, self._seen(ctx.principal), wait)
        tools = self.host.neighbours.tools
        by_tool = tools is not None and tools(ctx.principal).is_untrusted(record.tool)
        begun = self._begun.get(record.id)
        has_read = begun is not None and "untrusted" in begun.notes  # its log tells of it already
        if record.is_untrusted or by_tool or has_read:
            ctx.mark_untrusted()
        return record

    def _told(self, title: str) -> str:
        """Return a title without secrets: it may have been made of arguments."""
        told: str = self.host.trust.redactor.text(title)
        return told

    def _seen(self, principal: Principal) -> str | None:
        owner: str | None = self.host.trust.policy.owner_seen(principal)
        return owner


def _told_as(principal: Principal) -> str:
    """Return how it is recorded who answers: a token could be named like a person."""
    return principal.id if principal.kind == "client" else principal.name
