"""Steer runs: cancel, pause, resume, do again, answer, forget."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.tools.base import one_line
from jupyter_mcp.toolsets.workflows.tools.shapes import Deleted, WorkflowState
from jupyter_mcp.toolsets.workflows.tools.starting import RunId, StartTools

CANCEL_SECONDS = 2.0
"""For how long cancelling waits for the end, which is a matter of one second."""


class SteerTools(StartTools):
    """Tools on runs that there are."""

    @tool(scope="edit", title="Cancel a workflow", idempotent=True, restrains=True)
    async def workflow_cancel(self, ctx: Context, workflow_id: RunId) -> Reply[WorkflowState]:
        """End a workflow; what its nodes have done stays."""
        await self.workflow_service.cancel(workflow_id, self.seen(ctx))
        return await self._state(ctx, workflow_id, CANCEL_SECONDS)

    @tool(scope="edit", title="Pause a workflow", idempotent=True, restrains=True)
    async def workflow_pause(self, ctx: Context, workflow_id: RunId) -> Reply[WorkflowState]:
        """Let no more nodes begin; those that run go on to their ends."""
        await self.workflow_service.pause(workflow_id, self.seen(ctx))
        return await self._state(ctx, workflow_id)

    @tool(scope="execute", title="Resume a workflow", open_world=True)
    async def workflow_resume(self, ctx: Context, workflow_id: RunId) -> Reply[WorkflowState]:
        """Let a paused workflow go on."""
        await self.workflow_service.resume(workflow_id, self.seen(ctx))
        self.clock.begin()
        return await self._state(ctx, workflow_id)

    @tool(scope="execute", title="Retry a workflow", open_world=True)
    async def workflow_retry(self, ctx: Context, workflow_id: RunId) -> Reply[WorkflowState]:
        """Go on after a failure as a new run; nodes that succeeded are not done again."""
        owner = self.seen(ctx)
        run = await self.workflow_service.retry(workflow_id, ctx.principal, owner)
        self.clock.begin()
        return await self.begun(run)

    @tool(scope="execute", title="Fork a workflow", open_world=True)
    async def workflow_fork(
        self,
        ctx: Context,
        workflow_id: RunId,
        node: Annotated[str, Field(description="It and what waits for it is done again")],
    ) -> Reply[WorkflowState]:
        """Do a workflow again from a node on, as a new run with the outputs of the others."""
        owner = self.seen(ctx)
        run = await self.workflow_service.fork(workflow_id, node, ctx.principal, owner)
        self.clock.begin()
        return await self.begun(run)

    @tool(scope="admin", title="Answer a workflow")
    async def workflow_answer(
        self,
        ctx: Context,
        workflow_id: RunId,
        node: Annotated[str, Field(description="The approval that waits")],
        approved: bool,
        *,
        fields: Annotated[dict[str, Any] | None, Field(description="What it asks for")] = None,
        reason: str = "",
    ) -> Reply[WorkflowState]:
        """Say yes or no to a workflow that waits for a person. Not for agents."""
        if ctx.principal.is_workflow:
            raise ToolError(
                "forbidden", "A workflow cannot answer for a person.", "Let a person answer."
            )
        answer = {"approved": approved, "fields": fields or {}, "reason": reason}
        service, owner = self.workflow_service, self.seen(ctx)
        await service.answer(workflow_id, node, answer, ctx.principal.name, owner)
        return await self._state(ctx, workflow_id, answered=node)

    @tool(scope="edit", title="Forget a workflow", destructive=True)
    async def workflow_delete(self, ctx: Context, workflow_id: RunId) -> Reply[Deleted]:
        """Forget a run that has ended, with its outputs and logs."""
        await self.workflow_service.delete(workflow_id, self.seen(ctx))
        return Reply(Deleted(deleted=workflow_id), one_line(f"{workflow_id} is forgotten."))

    async def _state(
        self, ctx: Context, run: str, wait: float = 0.0, *, answered: str = ""
    ) -> Reply[WorkflowState]:
        from jupyter_mcp.toolsets.workflows.runs.telling import headline

        found, state = await self.workflow_service.state(
            run, self.seen(ctx), wait, answered=answered
        )
        if found.untrusted:
            ctx.mark_untrusted()
        return Reply(
            WorkflowState(**state),
            one_line(f"{headline(state).rstrip('.')}. {state['next']}".strip()),
        )
