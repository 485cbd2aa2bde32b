"""Runs of workflows as jobs, and so as MCP's tasks (`jupyter_mcp.workplace.JobSource`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset
from jupyter_mcp.workplace import JobQuery, JobRecord

CANCEL_SECONDS = 2.0


class WorkflowJobs(WorkflowToolset):
    """Shows runs to all that knows jobs."""

    @property
    def job_kind(self) -> str:
        """What its jobs are."""
        return "workflow"

    def owns_job(self, job_id: str) -> bool:
        """Return whether an identifier can be that of a run."""
        from jupyter_mcp.toolsets.workflows.runs.run import is_run_id

        return is_run_id(job_id)

    async def get_job(self, job_id: str, owner: str | None, wait: float = 0.0) -> JobRecord:
        """Return a run, what it asks, and its result once it has ended.

        Raises:
            ToolError: ``not_found``.
        """
        from dataclasses import replace

        from jupyter_mcp.toolsets.workflows.runs.telling import job_of

        run, state = await self.workflow_service.state(job_id, owner, wait)
        record = job_of(run, self.host.settings.workflow_days, state)
        asks = await self.workflow_service.asks(job_id, state) if run.is_active else {}
        # Tasks tell it without passing what takes secrets out of results.
        clean = self.host.trust.redactor.clean
        told = {name: clean(getattr(record, name)) for name in ("result", "progress", "advice")}
        return replace(record, asks=clean(asks), **told)

    async def list_jobs(self, query: JobQuery) -> Sequence[JobRecord]:
        """Return runs, without results and logs."""
        from jupyter_mcp.toolsets.workflows.runs.run import RunQuery
        from jupyter_mcp.toolsets.workflows.runs.telling import job_of

        if query.kind not in ("", self.job_kind):
            return []
        asked = RunQuery(
            owner=query.owner, statuses=query.statuses, before=query.before, limit=query.limit
        )
        days = self.host.settings.workflow_days
        runs = await self.workflow_service.list(asked)
        going = await self.workflow_service.going(runs)
        return [job_of(each, days, going=going.get(each.id, ())) for each in runs]

    async def cancel_job(self, job_id: str, owner: str | None) -> JobRecord:
        """Cancel a run and return it, once it has ended or it is clear that this takes longer.

        Raises:
            ToolError: ``not_found``.
        """
        await self.workflow_service.cancel(job_id, owner)
        return await self.get_job(job_id, owner, CANCEL_SECONDS)

    async def answer_job(
        self, job_id: str, owner: str, answers: Mapping[str, Mapping[str, Any]], by: str
    ) -> None:
        """Take answers to approvals, by their nodes; a question that was put away stays open.

        Raises:
            ToolError: ``not_found``.
        """
        for node, given in answers.items():
            action = given.get("action")
            if action not in ("accept", "decline"):
                continue
            answer = {"approved": action == "accept", "fields": given.get("content") or {}}
            await self.workflow_service.answer(job_id, node, answer, by, owner)
