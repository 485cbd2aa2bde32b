"""Workflows as the server sees them: started, looked at, steered and answered, never run here.

What runs them is a worker, another process: see ``worker/``. Between the two stand the tables of
``runs/``, so neither waits for the other and each may be killed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security import recorded
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.background import Spawner, Threads
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.toolsets.workflows.engine.resources import PLACES
from jupyter_mcp.toolsets.workflows.runs.again import again
from jupyter_mcp.toolsets.workflows.runs.generations import check_again, check_generation
from jupyter_mcp.toolsets.workflows.runs.layout import Layout, layout_of
from jupyter_mcp.toolsets.workflows.runs.making import Asked, Gone, Maker, new_run
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from jupyter_mcp.toolsets.workflows.runs.run import NewRun, NodeState, Run, RunQuery
from jupyter_mcp.toolsets.workflows.runs.telling import node_of, state_of
from jupyter_mcp.toolsets.workflows.runs.watch import Watch
from jupyter_mcp.toolsets.workflows.spec.known import Tools
from jupyter_mcp.toolsets.workflows.spec.schemas import mismatches
from jupyter_mcp.toolsets.workflows.templates.store import TemplateStore

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ASKED = frozenset({"waiting", "running"})

LOOK_SECONDS = 5.0
"""For how long at most who waits for the end of a run relies on being told."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service works with.

    Args:
        storage: The database.
        tasks: The owner of background tasks.
        threads: Threads for blocking work.
        begin_worker: Makes sure that a worker runs, or raises what is told while none does.
        is_attended: Returns whether a worker runs; called in the database's thread.
        changed: Called with the identifier of a run of which something was told.
        most: How many runs of one owner may be there that have not ended.
        home: Whose runs, as `jupyter_mcp.storage.home`.
        classes: The resource classes that the administrator has added.
        webhooks: Globs of the hosts that notifications are sent to; None where only the workers
            know them.
    """

    storage: Storage
    tasks: Spawner
    threads: Threads
    begin_worker: Callable[[], Awaitable[None]]
    is_attended: Callable[[Connection], bool] = lambda _: False
    changed: Callable[[str], None] = lambda _: None
    most: int = 1_000
    home: str = ""
    classes: Collection[str] = ()
    webhooks: Collection[str] | None = None


class WorkflowService:
    """Workflows.

    Args:
        parts: What it works with.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._threads = parts.threads
        self.records = RunRecords(parts.storage, home=parts.home)
        self.templates = TemplateStore(parts.storage, parts.threads)
        classes = {*PLACES, *parts.classes}
        self.maker = Maker(self.templates, parts.threads, classes, parts.webhooks)
        self._watch = Watch(self.records, parts.tasks, parts.changed)

    async def start(
        self,
        asked: Asked,
        principal: Principal,
        tools: Tools | None,
        gone: Gone | None = None,
    ) -> tuple[str, bool]:
        """Put a run into the queue.

        Args:
            asked: What is to be run.
            principal: Who asks: its nodes do what they may do.
            tools: What is known of the tools that they may call.
            gone: Looks for the notebooks that it begins with.

        Returns:
            Its identifier and True, or that of the run that goes on with its deduplication.

        Raises:
            ToolError: What is wrong with it.
        """
        check_generation(principal)
        made = await self.maker.make(asked, tools, gone)
        return await self.put(new_run(made, asked, principal.id, recorded.to_json(principal)))

    async def put(self, run: NewRun) -> tuple[str, bool]:
        """Put a run that is complete into the queue."""
        found, is_new = await self.records.add(run, self._parts.most)
        self.attend(found)
        return found, is_new

    def attend(self, run: str = "") -> None:
        """See to it that what is in the queue is run, and that what is told of it is noticed."""
        self._watch.begin()
        self._parts.tasks.spawn("workflow worker", self._attend(run))

    async def goes_on(self) -> bool:
        """Return whether there is a run that has not ended."""
        _, going = await self.records.changed_within(0.0)
        return bool(going)

    async def run(self, run: str, owner: str | None) -> Run:
        """Return a run with its spec.

        Raises:
            ToolError: ``not_found``, also for somebody else's.
        """
        found = await self.records.find(run)
        if found is None or owner not in (None, found.owner):
            raise _unknown(run)
        return found

    async def state(
        self, run: str, owner: str | None, wait: float = 0.0, *, answered: str = ""
    ) -> tuple[Run, dict[str, Any]]:
        """Return a run, and what is told of it.

        Args:
            run: Its identifier.
            owner: Who asks, or None for one who sees everybody's.
            wait: Seconds to wait for its end.
            answered: An approval that was answered just now.

        Raises:
            ToolError: ``not_found``.
        """
        found = await self.ended(run, owner, wait) if wait > 0 else await self.run(run, owner)
        nodes = await self.records.nodes(run)
        return found, await self._threads.run(_state, found, nodes, answered)

    async def ended(self, run: str, owner: str | None, wait: float) -> Run:
        """Return a run once it has ended, or as it is when that takes longer."""
        deadline = time.monotonic() + wait
        found = await self.run(run, owner)
        while found.is_active and (left := deadline - time.monotonic()) > 0:
            await self._watch.change(run, min(left, LOOK_SECONDS))
            brief = await self.records.brief(run)
            if brief is None or not brief.is_active:
                found = await self.run(run, owner)
        return await self.run(run, owner)

    async def node(self, run: str, node: str, owner: str | None) -> dict[str, Any]:
        """Return one node with its input, output and log.

        Raises:
            ToolError: ``not_found``.
        """
        found = await self.run(run, owner)
        layout = await self.layout(found)
        known = await self.records.node(run, node)
        ids = [each.id for each in layout.nodes]
        if known is None and node not in ids:
            raise _no_node(node, ids)
        return node_of(known or NodeState(node, "pending"))

    async def list(self, query: RunQuery) -> Sequence[Run]:
        """Return runs, the newest first."""
        return await self.records.listed(query)

    async def going(self, runs: Sequence[Run]) -> Mapping[str, Sequence[NodeState]]:
        """Return the nodes at which those runs are that have not ended."""
        return await self.records.going([each.id for each in runs if each.is_active])

    async def cancel(self, run: str, owner: str | None) -> None:
        """Begin to end a run; one that has ended stays as it is.

        Raises:
            ToolError: ``not_found``.
        """
        await self._want(run, owner, "cancelled")

    async def pause(self, run: str, owner: str | None) -> None:
        """Let no more nodes begin; those that run go on to their ends.

        Raises:
            ToolError: ``not_found``; ``conflict`` for one that has ended.
        """
        found = await self._visible(run, owner)
        if not found.is_active or found.wanted == "cancelled":
            raise ToolError("conflict", f"'{run}' is {found.status}.", "There is nothing to pause.")
        await self._want(run, owner, "paused")

    async def resume(self, run: str, owner: str | None) -> None:
        """Let a run that was paused go on.

        Raises:
            ToolError: ``not_found``; ``conflict`` for one that is not paused.
        """
        found = await self._visible(run, owner)
        if found.wanted != "paused" or not found.is_active:
            retry = "workflow_retry goes on from what was done."
            remedy = "It goes on already." if found.is_active else retry
            raise ToolError("conflict", f"'{run}' is {found.status} and not paused.", remedy)
        await self._want(run, owner, "")

    async def retry(self, run: str, principal: Principal, owner: str | None) -> str:
        """Start a run again from what was done, as another run; return its identifier.

        Raises:
            ToolError: ``not_found``; ``conflict`` for one that goes on or has succeeded, or while
                another with its deduplication goes on.
        """
        found = await self.run(run, owner)
        if found.is_active:
            raise ToolError(
                "conflict", f"'{run}' is {found.status}.", "Cancel it first, or wait for its end."
            )
        if found.status == "succeeded":
            raise ToolError(
                "conflict",
                f"'{run}' has succeeded: there is nothing left to do.",
                "workflow_fork does it again from a node on.",
            )
        return await self._again(found, principal, frozenset())

    async def fork(self, run: str, node: str, principal: Principal, owner: str | None) -> str:
        """Do a node and all that wait for it again, as another run; return its identifier.

        Raises:
            ToolError: ``not_found``; ``conflict`` for a run that goes on, or while another with its
                deduplication does.
        """
        found = await self.run(run, owner)
        layout = await self.layout(found)
        if layout.node(node) is None:
            raise _no_fork(node, layout)
        if found.is_active:
            raise ToolError(
                "conflict", f"'{run}' is {found.status}.", "Cancel it first, or wait for its end."
            )
        following = await self._threads.run(layout.after, node)
        return await self._again(found, principal, following)

    async def answer(
        self, run: str, node: str, answer: Mapping[str, Any], by: str, owner: str | None
    ) -> None:
        """Answer an approval.

        Args:
            run: The run.
            node: The approval; in a subworkflow ``sub.ask``.
            answer: ``approved``, and ``fields`` with what was filled in.
            by: Who answers.
            owner: Who asks, or None for one who sees everybody's.

        Raises:
            ToolError: ``not_found``; ``invalid_arguments`` for what does not fit its fields;
                ``conflict`` when it was answered before or its run has ended.
        """
        found = await self.run(run, owner)
        layout = await self.layout(found)
        approval = layout.approval(node)
        if approval is None:
            asks = [each.id for each in layout.nodes if each.kind == "approval"]
            raise _no_node(node, asks, "approval")
        if not found.is_active:
            raise ToolError(
                "conflict", f"'{run}' is {found.status}.", "There is nothing to answer."
            )
        known = await self.records.node(run, node)
        if known is None or known.status not in _ASKED:
            told = f"'{node}' of '{run}' asks nothing now."
            raise ToolError("conflict", told, "Look with workflow_get what it waits for.")
        if answer.get("approved"):
            await self._threads.run(_refuse_misfit, answer.get("fields") or {}, approval.fields)
        if not await self.records.answer(run, node, answer, by):
            told = f"'{node}' of '{run}' was answered before."
            raise ToolError("conflict", told, "The first answer counts.")
        self.attend(run)

    async def asks(self, run: str, state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return what a run asks people, in MCP's words, by the approvals that wait.

        Args:
            run: The run.
            state: What is told of it.
        """
        found: dict[str, dict[str, Any]] = {}
        for each in state["nodes"]:
            if each["kind"] != "approval" or each["status"] != "waiting":
                continue
            node = await self.records.node(run, each["id"])
            asked = node.input if node is not None and isinstance(node.input, dict) else {}
            if asked and not await self.records.is_answered(run, each["id"]):
                form = asked.get("fields") or {"type": "object", "properties": {}}
                told = {"mode": "form", "message": asked["message"], "requestedSchema": form}
                found[each["id"]] = {"method": "elicitation/create", "params": told}
        return found

    async def delete(self, run: str, owner: str | None) -> None:
        """Forget a run that has ended.

        Raises:
            ToolError: ``not_found``; ``conflict`` for one that goes on.
        """
        found = await self._visible(run, owner)
        if found.is_active or not await self.records.delete(run):
            raise ToolError("conflict", f"'{run}' is {found.status}.", "Cancel it first.")

    async def layout(self, run: Run) -> Layout:
        """Return the nodes of a run's spec."""
        return await self._threads.run(layout_of, run.spec, run.spec_hash)

    async def _visible(self, run: str, owner: str | None) -> Run:
        found = await self.records.brief(run)
        if found is None or owner not in (None, found.owner):
            raise _unknown(run)
        return found

    async def _want(self, run: str, owner: str | None, wanted: str) -> None:
        await self._visible(run, owner)
        if await self.records.want(run, wanted):
            self.attend(run)

    async def _again(self, before: Run, principal: Principal, without: frozenset[str]) -> str:
        check_again(principal)
        layout = await self.layout(before)
        nodes = await self.records.nodes(before.id, memos=True)
        run = await self._threads.run(again, before, principal, layout, nodes, without)
        found, is_new = await self.put(run)
        if not is_new:
            told = f"'{found}' goes on, which has the same 'deduplication' as '{before.id}'."
            raise ToolError("conflict", told, "Wait for its end, or cancel it first.")
        return found

    async def _attend(self, run: str) -> None:
        try:
            await self._parts.begin_worker()
        except Exception as error:  # noqa: BLE001 - whatever it is, who looks at the run is told
            known = isinstance(error, ToolError)
            why = str(error) if known else f"No worker could be started: {reason(error)}"
            await self.records.explain(why, self._parts.is_attended)
            if run:
                self._watch.begin()


def _state(run: Run, nodes: Mapping[str, NodeState], answered: str = "") -> dict[str, Any]:
    return state_of(run, layout_of(run.spec, run.spec_hash), nodes, answered)


def _refuse_misfit(fields: Mapping[str, Any], schema: Mapping[str, Any] | None) -> None:
    for where, message in mismatches(fields, schema or {"type": "object"}):
        at = ".".join(str(each) for each in where)
        told = f"'{at}': {message}" if at else message
        raise ToolError("invalid_arguments", f"The answer does not fit. {told}", "Fill it in so.")


def _unknown(run: str) -> ToolError:
    return ToolError(
        "not_found",
        f"There is no workflow '{run[:80]}'.",
        "It may have been removed after its end; workflow_list shows those that there are.",
    )


def _no_fork(node: str, layout: Layout) -> ToolError:
    """Return why nothing can be done again from a node on."""
    whole, element, _ = node.partition("[")
    if element and layout.node(whole) is not None:
        told = f"'{node[:80]}' is an element of '{whole}', which is done again as a whole."
        return ToolError("invalid_arguments", told, f"Fork from '{whole}'.")
    return _no_node(node, [each.id for each in layout.nodes if layout.node(each.id) is not None])


def _no_node(node: str, ids: Sequence[str], what: str = "node") -> ToolError:
    from jupyter_mcp.toolsets.workflows.spec.references import nearest

    return ToolError("not_found", f"There is no {what} '{node[:80]}'.", nearest(node, list(ids)))
