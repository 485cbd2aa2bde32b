"""Schedules: workflows that start by the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, tool
from jupyter_mcp.security import recorded
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset, one_line
from jupyter_mcp.toolsets.workflows.tools.shapes import Deleted, ScheduleList, ScheduleTold
from jupyter_mcp.toolsets.workflows.tools.starting import Parameters, Source

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.workflows.runs.schedules import Schedule


class ScheduleTools(WorkflowToolset):
    """Tools on schedules."""

    @tool(scope="execute", title="Schedule a workflow", idempotent=True, open_world=True)
    async def workflow_schedule_set(
        self,
        ctx: Context,
        name: Annotated[str, Field(min_length=1, max_length=128)],
        cron: Annotated[str, Field(max_length=200, description="Such as '0 2 * * mon-fri'")],
        spec: Source = None,
        template: Annotated[str, Field(description="name or name@version")] = "",
        *,
        parameters: Parameters = None,
        timezone: Annotated[str, Field(max_length=64, description="Such as Europe/Berlin")] = "UTC",
        is_on: bool = True,
    ) -> Reply[ScheduleTold]:
        """Start a workflow by the clock, as you; none starts while its last run goes on."""
        from jupyter_mcp.toolsets.workflows.runs.cron import next_time
        from jupyter_mcp.toolsets.workflows.runs.generations import check_generation
        from jupyter_mcp.toolsets.workflows.runs.making import Asked
        from jupyter_mcp.toolsets.workflows.runs.schedules import Schedule

        check_generation(ctx.principal)
        due = await self.host.executor.run(next_time, cron, timezone, time.time())
        asked = Asked(spec, template, parameters or {})
        made = await self.workflow_service.maker.make(asked, self.known_tools(ctx.principal))
        schedule = Schedule(
            owner=ctx.principal.id,
            principal=recorded.to_json(ctx.principal),
            name=name,
            spec=made.data,
            parameters=made.parameters,
            cron=cron,
            timezone=timezone,
            next=due,
            is_on=is_on,
        )
        told = _told(await self.schedules.set(schedule))
        self.clock.begin()
        when = f"It starts next at {told.next_at}." if is_on else "It is switched off."
        return Reply(told, one_line(f"{told.schedule_id}: {name}. {when}"))

    @tool(scope="read", title="List schedules of workflows")
    async def workflow_schedule_list(self, ctx: Context) -> Reply[ScheduleList]:
        """What starts by the clock, when, and what it started last."""
        found = [_told(each) for each in await self.schedules.listed(self.seen(ctx))]
        lines = [f"{each.schedule_id}: {each.name}, next {each.next_at}" for each in found]
        told = "\n".join(lines) or "Nothing is scheduled."
        return Reply(ScheduleList(schedules=found), one_line(told))

    @tool(scope="edit", title="Forget a schedule", destructive=True)
    async def workflow_schedule_delete(
        self, ctx: Context, schedule: Annotated[str, Field(description="Its name or identifier")]
    ) -> Reply[Deleted]:
        """Start a workflow by the clock no more; what it started goes on."""
        gone = await self.schedules.delete(schedule, ctx.principal.id, self.seen(ctx))
        return Reply(Deleted(deleted=gone.id), one_line(f"'{gone.name}' is forgotten."))


def _told(schedule: Schedule) -> ScheduleTold:
    from jupyter_mcp.toolsets.workflows.runs.telling import moment

    return ScheduleTold(
        schedule_id=schedule.id,
        name=schedule.name,
        workflow=str(schedule.spec.get("name", "")),
        cron=schedule.cron,
        timezone=schedule.timezone,
        is_on=schedule.is_on,
        next_at=moment(schedule.next) if schedule.is_on else None,
        last_at=moment(schedule.last),
        last_run=schedule.last_run,
    )
