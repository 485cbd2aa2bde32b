"""Taking back what a failed run has done, in the reverse order, each once.

The pattern is that of H. Garcia-Molina and K. Salem, "Sagas" (SIGMOD 1987): what cannot be rolled
back by a transaction is compensated by another action.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from jupyter_mcp.toolsets.workflows.engine.attempts import attempt
from jupyter_mcp.toolsets.workflows.engine.durable import Slot
from jupyter_mcp.toolsets.workflows.engine.elements import Elements, elements_of
from jupyter_mcp.toolsets.workflows.engine.flow import Flow
from jupyter_mcp.toolsets.workflows.engine.outcome import Outcome
from jupyter_mcp.toolsets.workflows.engine.running import Running, Services
from jupyter_mcp.toolsets.workflows.engine.undoing import Undoing, undo_name
from jupyter_mcp.toolsets.workflows.spec.models import (
    Action,
    AnyNode,
    Compensation,
    Map,
    Retry,
    Spec,
    Subworkflow,
    Work,
)

PERSISTENT = Retry(attempts=3, delay=0.5, factor=4)
"""How often a compensation is tried: what was done must not stay for want of a second try."""


def is_compensated(node: AnyNode) -> bool:
    """Return whether a node, or the elements of a map, can be taken back."""
    return node.compensate is not None or has_parts(node)


def has_parts(node: Work) -> bool:
    """Return whether elements of a map, or what is in them, can be taken back."""
    if not isinstance(node, Map):
        return False
    return node.node.compensate is not None or _has_undo(node.node)


async def take_back(
    flows: Sequence[Flow],
    slots: Mapping[str, Slot],
    known: Mapping[str, dict[str, Any]],
    services: Services,
    undo_part: UndoPart,
) -> tuple[int, list[str]]:
    """Compensate the nodes that succeeded, the last first.

    Args:
        flows: The run's flow and those of its subworkflows.
        slots: The steps, by name.
        known: What the steps that are done have returned.
        services: What all runs share.
        undo_part: Takes back an element of a map that is a subworkflow.

    Returns:
        How many were taken back, and a line for each that could not be.
    """
    undone, problems = 0, []
    for flow, node in _done(flows):
        name = flow.prefix + node.id
        kept = known.get(undo_name(name))
        if kept is None:
            kept = await slots[undo_name(name)].run(_undo(flow, node, services, undo_part))
        outcome = Outcome.from_json(kept)
        if outcome.status == "succeeded":
            undone += 1
            if _has_succeeded(flow, node):
                services.recorder.node(flow.run, name, status="compensated", progress=None)
        elif outcome.status == "failed":
            error = outcome.error or {}
            problems.append(f"'{name}': {error.get('message', 'it failed')}")
            services.recorder.node(flow.run, name, error=error, progress=None)
    return undone, problems


def _has_undo(work: Work) -> bool:
    """Return whether something in a subworkflow can be taken back."""
    if not isinstance(work, Subworkflow) or not isinstance(work.workflow, Spec):
        return False
    return any(is_compensated(node) or _has_undo(node) for node in work.workflow.nodes)


def _done(flows: Sequence[Flow]) -> list[tuple[Flow, AnyNode]]:
    """Return what has to be taken back; of maps also what was done before they failed.

    A map of which no end is known may have done something in an earlier attempt.
    """
    found = []
    for flow in flows:
        for node in filter(is_compensated, flow.spec.nodes):
            outcome = flow.ended.get(node.id)
            ended = outcome.ended if outcome is not None else None
            if _has_succeeded(flow, node):
                found.append((ended or 0.0, flow.prefix + node.id, flow, node))
            elif has_parts(node):
                found.append((ended or math.inf, flow.prefix + node.id, flow, node))
    return [(flow, node) for *_, flow, node in sorted(found, key=lambda each: each[:2])[::-1]]


def _has_succeeded(flow: Flow, node: AnyNode) -> bool:
    outcome = flow.ended.get(node.id)
    return outcome is not None and outcome.status == "succeeded"


UndoPart = Callable[[Running, Elements], Awaitable[tuple[int, list[str]]]]
Undo = Callable[[], Awaitable[Outcome]]


def _undo(
    flow: Flow, node: AnyNode, services: Services, undo_part: UndoPart
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return the step that takes a node back: an action with the compensation's tool."""
    name = undo_name(flow.prefix + node.id)

    async def work() -> dict[str, Any]:
        outcome = Outcome("skipped")
        if node.compensate is not None and _has_succeeded(flow, node):
            outcome = await _one(flow.run, name, node.compensate, flow.scope(), services)
        if isinstance(node, Map) and has_parts(node):
            running = Running(flow.run, flow.prefix + node.id, node, flow.scope(), services)
            async for ended in _parts(running, node, undo_part):
                outcome = _worse(outcome, ended)
        return outcome.to_json()

    return work


async def _parts(running: Running, work: Map, undo_part: UndoPart) -> AsyncIterator[Outcome]:
    """Take back what the elements of a map have done, the last of the list first."""
    elements = Elements(running)
    await elements.load()
    begun = elements.begun
    listed = elements_of(work, running.scope) if begun else []
    for index in reversed(begun):
        part = elements.part(index, listed[index])
        if work.node.compensate is not None and index in elements.done:
            name = undo_name(part.node)
            yield await _one(running.run, name, work.node.compensate, part.scope, running.services)
        if _has_undo(work.node):
            yield _told(*await undo_part(part, elements))


def _told(undone: int, problems: Sequence[str]) -> Outcome:
    """Return how the taking back of an element has ended."""
    if problems:
        return Outcome("failed", error={"message": "; ".join(problems)})
    return Outcome("succeeded" if undone else "skipped")


def _worse(outcome: Outcome, other: Outcome) -> Outcome:
    """Return the first failure of two, or else what was done."""
    order = ("skipped", "succeeded", "failed")
    return max(outcome, other, key=lambda each: order.index(each.status))


async def _one(
    run: str, name: str, compensation: Compensation, scope: Mapping[str, Any], services: Services
) -> Outcome:
    again = Action(
        kind="action", tool=compensation.tool, arguments=compensation.arguments, retry=PERSISTENT
    )
    return await attempt(Undoing(run, name, again, scope, services, is_recorded=False))
