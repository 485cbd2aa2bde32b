"""Runs a spec: each node once, as soon as what it needs has ended, whatever crashes meanwhile.

One durable workflow interprets a whole spec. Its steps get their places before the first one runs,
in an order that the spec alone decides, so that nodes may end in any order and a run that is taken
up after a crash finds each step where it was. What is done already is taken as it was kept.

The first failure ends a run: nothing new begins, what works goes on to its end, what only waits
does not, and then what was done is taken back. In a subworkflow that is tried again a failure ends
that attempt alone, and is kept only when no other follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.attempts import attempt, checked, too_long
from jupyter_mcp.toolsets.workflows.engine.durable import RunCancelled, Slot, Steps
from jupyter_mcp.toolsets.workflows.engine.elements import Elements
from jupyter_mcp.toolsets.workflows.engine.flow import Flow
from jupyter_mcp.toolsets.workflows.engine.flows import Flows, why
from jupyter_mcp.toolsets.workflows.engine.nested import NotedSteps, Part, inside, part_of
from jupyter_mcp.toolsets.workflows.engine.notices import due_of
from jupyter_mcp.toolsets.workflows.engine.order import Order
from jupyter_mcp.toolsets.workflows.engine.outcome import Outcome, told
from jupyter_mcp.toolsets.workflows.engine.running import Running, Services
from jupyter_mcp.toolsets.workflows.engine.saga import is_compensated, take_back
from jupyter_mcp.toolsets.workflows.engine.standing import Standing
from jupyter_mcp.toolsets.workflows.engine.trial import Attempts, Trial
from jupyter_mcp.toolsets.workflows.engine.undoing import undo_name
from jupyter_mcp.toolsets.workflows.engine.wishes import Wishes
from jupyter_mcp.toolsets.workflows.spec import references
from jupyter_mcp.toolsets.workflows.spec.models import (
    AnyNode,
    Approval,
    Map,
    SubworkflowNode,
    Wait,
    Work,
)

UNDO = undo_name("")
"""The step that says that all nodes have ended, so that taking back begins."""


class Interpreter:
    """Runs one spec.

    Args:
        order: What to run.
        steps: The durable steps of the run.
        services: What all runs share.
        around: The element of a map that it is; its failure is kept by the map alone, and it ends
            with what the map is a part of.
    """

    def __init__(
        self,
        order: Order | Part,
        steps: Steps,
        services: Services,
        around: Running | None = None,
    ) -> None:
        self._order = order
        self._is_part = around is not None
        self._steps = steps
        inner: dict[str, Flow] = {}
        standing = Standing(services.recorder, order.run, inner)
        self._services = replace(services, recorder=standing)
        self._flows = Flows(order.run, inner, self._services, around)
        self._wishes = Wishes(order.run, standing)
        self._slots: dict[str, Slot] = {}

    async def run(self) -> dict[str, Any]:
        """Run all of it and return ``status``, and ``error`` or ``outputs``."""
        order, recorder = self._order, self._services.recorder
        try:
            flow = order.flow()
        except ToolError as error:
            return self._end("failed", {"error": told(error)})
        await self._take_up(flow)
        recorder.run(order.run, status="running", started=self._services.clock(), reason="")
        self._flows.recall(flow)
        if self._is_part or (
            flow.spec.on_failure == "compensate" and UNDO not in self._flows.known
        ):
            self._flows.doubt(flow)
        watch = asyncio.create_task(self._wishes.watch(), name=f"{order.run} wishes")
        try:
            self._wishes.look()
            await self._walk(flow)
            self._flows.settle(flow)
            self._flows.close(flow, "skipped")
            return await self._finish(flow)
        except RunCancelled:
            self._flows.close(flow, "cancelled")
            return self._end("cancelled", {})
        except asyncio.CancelledError:
            if recorder.wanted(order.run) == "cancelled":  # what this is a part of was faster
                self._flows.close(flow, "cancelled")
            raise
        finally:
            await _end_all([watch])

    async def take_back(self) -> tuple[int, list[str]]:
        """Take back what was done of it, which nobody runs any more.

        Returns:
            How many nodes were taken back, and a line for each that could not be.
        """
        flow = self._order.flow()
        await self._take_up(flow)
        self._flows.recall(flow)
        return await self._take_back(flow)

    async def _take_up(self, flow: Flow) -> None:
        """Give the steps their places and find what is done already."""
        self._reserve(flow)
        for name, _ in flow.spec.notices:
            self._slots[name] = self._steps.reserve(name)
        self._slots[UNDO] = self._steps.reserve(UNDO)
        seeds = self._order.seeds.items()
        seeded = {node: Outcome("succeeded", output=output).to_json() for node, output in seeds}
        self._flows.known = {**seeded, **await self._steps.known()}

    async def _finish(self, flow: Flow) -> dict[str, Any]:
        status, columns = "succeeded", {"outputs": flow.outputs()}
        if flow.failure:
            status, columns = "failed", {"error": why(flow)}
            if flow.spec.on_failure != "stop":
                await self._keep(UNDO, Outcome("succeeded"))
                try:
                    undone, problems = await self._take_back_watched(flow)
                except RunCancelled:
                    more = " It was cancelled before all that was done was taken back."
                    columns["error"]["message"] += more
                    return self._end("cancelled", columns)
                if problems:
                    lines = "; ".join(problems)
                    more = f" What was done could not all be taken back: {lines}"
                    columns["error"]["message"] += more
                elif undone:
                    status = "compensated"
        await self._announce(flow, status, columns.get("error"))
        return self._end(status, columns)

    async def _take_back_watched(self, flow: Flow) -> tuple[int, list[str]]:
        """Take back what was done unless the run is cancelled, which ends that and is raised."""
        task = asyncio.create_task(self._take_back(flow), name=f"{flow.run} {UNDO}")
        try:
            while not task.done():
                await self._wishes.wait([task])
        finally:
            await _end_all([task])
        return task.result()

    async def _take_back(self, flow: Flow) -> tuple[int, list[str]]:
        flows = [flow, *self._flows.inner.values()]
        return await take_back(
            flows, self._slots, self._flows.known, self._services, self._undo_part
        )

    async def _undo_part(self, running: Running, elements: Elements) -> tuple[int, list[str]]:
        """Take back an element of a map that is a subworkflow."""
        services = inside(self._services, running)
        steps = NotedSteps(elements, running.node)
        return await Interpreter(part_of(running), steps, services, running).take_back()

    async def _announce(self, flow: Flow, status: str, error: Mapping[str, str] | None) -> None:
        """Send the notices of how the run has ended; how that goes changes nothing of it."""
        due = due_of(flow, status, error, self._services)
        tasks = {
            name: asyncio.create_task(self._keep(name, partial(attempt, running)), name=name)
            for name, running in due.items()
            if running is not None
        }
        try:
            while left := [task for task in tasks.values() if not task.done()]:
                await self._wishes.wait(left)
        except RunCancelled:  # all else is over, so only this is left to be cancelled
            pass
        finally:
            await _end_all(tasks.values())
        for name in due:
            self._flows.record(name, _ended(tasks.get(name)))

    def _end(self, status: str, columns: dict[str, Any]) -> dict[str, Any]:
        run, now = self._order.run, self._services.clock()
        error = columns.get("error")
        self._services.recorder.run(run, status=status, ended=now, error=error, reason="")
        return {"status": status, **columns}

    def _reserve(self, flow: Flow) -> None:
        """Give every step of a flow, and of those within it, its place."""
        for node_id in flow.order:
            node = flow.spec.node(node_id)
            name = flow.prefix + node_id
            if isinstance(node, SubworkflowNode):
                inner = flow.inner(node, {})
                self._flows.inner[name] = inner
                self._reserve(inner)
            self._slots[name] = self._steps.reserve(name)
            if is_compensated(node):
                self._slots[undo_name(name)] = self._steps.reserve(undo_name(name))

    async def _walk(self, flow: Flow) -> None:
        """Run the nodes of a flow until nothing is left that may run."""
        begun: dict[str, asyncio.Task[Outcome]] = {}
        over = self._flows.trial(flow).over
        try:
            while True:
                self._begin(flow, begun)
                running = {node: task for node, task in begun.items() if node not in flow.ended}
                if not running and not (self._wishes.is_paused and self._flows.ready(flow, begun)):
                    return
                if over.done():
                    _release(flow, running)
                await self._wishes.wait([*running.values(), *([] if over.done() else [over])])
                for node, task in running.items():
                    if task.done():
                        ended = Outcome("cancelled") if task.cancelled() else task.result()
                        self._flows.note(flow, node, ended)
        finally:
            await _end_all(begun.values())

    def _begin(self, flow: Flow, begun: dict[str, asyncio.Task[Outcome]]) -> None:
        """Begin every node that may, and skip those that are not wanted, until none is left."""
        while not self._wishes.is_paused and (ready := self._flows.ready(flow, begun)):
            for node in ready:
                if self._flows.is_wanted(flow, node):
                    name = f"{flow.run} {flow.prefix}{node.id}"
                    begun[node.id] = asyncio.create_task(self._node(flow, node), name=name)

    async def _node(self, flow: Flow, node: AnyNode) -> Outcome:
        name, is_last = flow.prefix + node.id, self._flows.trial(flow).is_last
        if is_last and not isinstance(node, SubworkflowNode):
            return await self._keep(name, lambda: attempt(self._flows.subject(flow, node)))
        if isinstance(node, SubworkflowNode):
            outcome = await self._subworkflow(flow, node)
        else:
            outcome = await attempt(self._flows.subject(flow, node))
        return await self._keep(name, outcome) if is_last or outcome.is_done else outcome

    async def _keep(self, name: str, work: Outcome | Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Do a step and keep how it has ended."""

        async def step() -> dict[str, Any]:
            return (work if isinstance(work, Outcome) else await work()).to_json()

        self._flows.known[name] = await self._slots[name].run(step)
        return Outcome.from_json(self._flows.known[name])

    async def _subworkflow(self, flow: Flow, node: SubworkflowNode) -> Outcome:
        """Run another spec within the same run; its nodes are steps like all others.

        Another attempt goes on from what the one before has done.
        """
        running, around = self._flows.subject(flow, node), self._flows.trial(flow)
        started = self._services.clock()
        attempts = await Attempts.of(running)
        while True:
            running.attempts = attempts.number
            running.tell(status="running", started=started, attempts=attempts.number)
            self._flows.trials[f"{running.node}."] = attempts.trial(around)
            outcome = await self._once(flow, node, attempts, started)
            if not attempts.follows(outcome) or not await self._rest(attempts, outcome, around):
                break
            await attempts.next()
        if around.is_last:
            await self._keep_failures(f"{running.node}.")
        return outcome

    async def _once(
        self, flow: Flow, node: SubworkflowNode, attempts: Attempts, started: float
    ) -> Outcome:
        running = attempts.running
        try:
            running.input = running.field("parameters")
            inner = flow.inner(node, running.input)
            if any(references.texts(node.parameters)):  # all else was compared before the run began
                await asyncio.to_thread(inner.check)
            self._flows.inner[running.node] = inner
            self._flows.recall(inner)
            async with asyncio.timeout(attempts.seconds):
                await self._walk(inner)
            self._flows.settle(inner)
            output = checked(inner.outputs())
        except ToolError as error:
            return running.ended("failed", started, error=told(error))
        except TimeoutError:
            return running.ended("failed", started, error=told(too_long(node.timeout)))
        if inner.failure:
            return running.ended("failed", started, error=why(inner))
        if any(node not in inner.ended for node in inner.order):  # another node has failed
            return running.ended("cancelled", started)
        return running.ended("succeeded", started, output=output)

    async def _rest(self, attempts: Attempts, outcome: Outcome, around: Trial) -> bool:
        """Wait for the next attempt at a subworkflow; whether there shall still be one."""
        attempts.running.tell(status="waiting", error=outcome.error)
        timer = asyncio.create_task(asyncio.sleep(attempts.delay))
        try:
            while not timer.done() and not around.over.done():
                await self._wishes.wait([timer, around.over])
        finally:
            await _end_all([timer])
        return not around.over.done()

    async def _keep_failures(self, within: str) -> None:
        """Keep the failures in a subworkflow of which another attempt could have come."""
        for flow in [each for each in self._flows.inner.values() if each.prefix.startswith(within)]:
            for node, outcome in list(flow.ended.items()):
                if outcome.status == "failed" and flow.prefix + node not in self._flows.known:
                    await self._keep(flow.prefix + node, outcome)


def _ended(task: asyncio.Task[Outcome] | None) -> Outcome:
    """Return how a notice has ended; one that was not due has none."""
    if task is None:
        return Outcome("skipped")
    return Outcome("cancelled") if task.cancelled() else task.result()


def _release(flow: Flow, running: Mapping[str, asyncio.Task[Outcome]]) -> None:
    """End those of the running nodes that only wait."""
    for node, task in running.items():
        if _only_waits(flow.spec.node(node)):
            task.cancel()


def _only_waits(work: Work) -> bool:
    return isinstance(work, Approval | Wait) or (isinstance(work, Map) and _only_waits(work.node))


async def _end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """End tasks that still run, because the run was cancelled or could not go on."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nothing is said of it when it is forgotten
