"""Start a workflow, check one, look at runs and list them.

No tool here is long-running: the task that a client gets has to be the run, which survives the
server, and not a job of the server's that waits for it.
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Annotated, Any, get_args

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.states import ENDED, RunStatus
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset, one_line
from jupyter_mcp.toolsets.workflows.tools.shapes import Checked, WorkflowList, WorkflowState

Source = Annotated[
    str | dict[str, Any] | None,
    Field(description="{name, parameters?, nodes: [{id, kind, …}]}: YAML, JSON or data"),
]
Parameters = Annotated[dict[str, Any] | None, Field(description="What it is started with")]
RunId = Annotated[str, Field(description="wf-…")]


class StartTools(WorkflowToolset):
    """Tools that start runs and look at them."""

    @tool(scope="execute", title="Start a workflow", open_world=True)
    async def workflow_start(
        self,
        ctx: Context,
        spec: Source = None,
        template: Annotated[str, Field(description="name or name@version")] = "",
        parameters: Parameters = None,
        *,
        notebook: Annotated[
            str, Field(description="Path of a notebook whose tagged cells are the nodes")
        ] = "",
        priority: Annotated[
            int | None, Field(ge=-100, le=100, description="Higher is sooner")
        ] = None,
        deduplication: Annotated[
            str, Field(max_length=200, description="No second run while one with this goes on")
        ] = "",
    ) -> Reply[WorkflowState]:
        """Start a workflow that survives client and server; workflow_get tells how it goes."""
        from jupyter_mcp.toolsets.workflows.runs.making import Asked
        from jupyter_mcp.toolsets.workflows.tools.notebooks import gone

        wanted = await self._source(ctx, spec, notebook)
        asked = Asked(wanted, template, parameters or {}, priority, deduplication)
        known = self.known_tools(ctx.principal)
        look = partial(gone, ctx)
        run, is_new = await self.workflow_service.start(asked, ctx.principal, known, look)
        self.clock.begin()
        return await self.begun(run, "" if is_new else "It goes on already. ")

    @tool(scope="read", title="Look at a workflow")
    async def workflow_get(
        self,
        ctx: Context,
        workflow_id: RunId,
        node: Annotated[str, Field(description="Its input, whole output and log too")] = "",
        wait: Annotated[float, Field(ge=0, le=600, description="Seconds for its end")] = 0,
    ) -> Reply[WorkflowState]:
        """Status of a workflow and its nodes, with outputs and errors."""
        from jupyter_mcp.toolsets.workflows.runs.telling import headline, lines_of

        owner = self.seen(ctx)
        run, state = await self.workflow_service.state(workflow_id, owner, wait)
        if run.untrusted:
            ctx.mark_untrusted()
        if not node:
            return Reply(WorkflowState(**state), one_line(lines_of(state)))
        whole = await self.workflow_service.node(workflow_id, node, owner)
        nodes = [each | whole if each["id"] == node else each for each in state["nodes"]]
        if node not in [each["id"] for each in nodes]:
            nodes.append(whole)
        told = json.dumps(whole, ensure_ascii=False, indent=1)
        return Reply(WorkflowState(**state | {"nodes": nodes}), [Text(headline(state)), Text(told)])

    @tool(scope="read", title="List workflows")
    async def workflow_list(
        self,
        ctx: Context,
        *,
        status: Annotated[str, Field(description="Such as 'failed', or 'active'")] = "",
        name: str = "",
        template: Annotated[str, Field(description="name or name@version")] = "",
        cursor: str = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> Reply[WorkflowList]:
        """Runs of workflows, the newest first."""
        from jupyter_mcp.toolsets.workflows.runs.run import RunQuery
        from jupyter_mcp.toolsets.workflows.runs.telling import brief, headline

        query = RunQuery(
            owner=self.seen(ctx),
            statuses=_statuses(status),
            name=name,
            template=template,
            before=_read_cursor(cursor),
            limit=limit + 1,
        )
        found = await self.workflow_service.list(query)
        if any(each.untrusted and (each.error or each.reason) for each in found):
            ctx.mark_untrusted()
        page = [brief(each) for each in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        value = WorkflowList(
            workflows=page, cursor="" if last is None else _cursor(last.created, last.id)
        )
        lines = "\n".join(headline(each) for each in page)
        return Reply(value, one_line(lines or "There are no such workflows."))

    @tool(scope="read", title="Check a workflow")
    async def workflow_check(
        self,
        ctx: Context,
        spec: Source = None,
        parameters: Parameters = None,
        *,
        notebook: Annotated[str, Field(description="Path of a notebook with tagged cells")] = "",
    ) -> Reply[Checked]:
        """All that is wrong with a spec, each with its place and what to do; starts nothing."""
        from jupyter_mcp.toolsets.workflows.tools.notebooks import gone

        known = self.known_tools(ctx.principal)
        wanted = await self._source(ctx, spec, notebook)
        if wanted is None:
            raise ToolError("invalid_arguments", "There is nothing to check.", "Give 'spec'.")
        look = self.workflow_service.maker.problems
        found, problems = await look(wanted, known, parameters, partial(gone, ctx))
        value = Checked(
            ok=not problems,
            problems=[each.to_json() for each in problems[:50]],
            name="" if found is None else found.name,
            nodes=0 if found is None else len(found.nodes),
        )
        return Reply(value, one_line("\n".join(map(str, problems[:50])) or "It can run."))

    async def _source(
        self, ctx: Context, spec: str | dict[str, Any] | None, notebook: str
    ) -> str | dict[str, Any] | None:
        """Return the spec that was given, or that of a notebook; both are refused."""
        if not notebook:
            return spec
        if spec is not None:
            told = "A workflow is read from one thing: a spec or a notebook."
            raise ToolError("invalid_arguments", told, "Leave out 'spec' or 'notebook'.")
        from jupyter_mcp.toolsets.workflows.tools.notebooks import spec_of_notebook

        return await spec_of_notebook(ctx, notebook, self.host.executor)

    async def begun(self, run: str, said: str = "") -> Reply[WorkflowState]:
        """Return the reply that tells of a run that was started just now."""
        from jupyter_mcp.toolsets.workflows.runs.telling import brief, headline

        found = await self.workflow_service.run(run, None)
        state = WorkflowState(
            **brief(found), next=f"workflow_get(workflow_id='{run}', wait=60) waits for its end."
        )
        return Reply(state, one_line(f"{said}{headline(brief(found))}. {state.next}"), job=run)


def _statuses(status: str) -> frozenset[str]:
    known: tuple[str, ...] = get_args(RunStatus)
    if status in ("", "active"):
        return frozenset(known) - ENDED if status else frozenset()
    if status not in known:
        words = ", ".join(known)
        raise ToolError("invalid_arguments", f"No workflow is '{status}'.", f"Use active, {words}.")
    return frozenset({status})


def _cursor(created: float, run: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([created, run]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str] | None:
    if not cursor:
        return None
    try:
        created, run = json.loads(base64.urlsafe_b64decode(cursor))
        return float(created), str(run)
    except (ValueError, TypeError, RecursionError):
        remedy = "Leave it out to begin anew."
        raise ToolError("invalid_arguments", "This cursor is none of ours.", remedy) from None
