"""Map nodes: the same work for each element of a list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.attempts import attempt
from jupyter_mcp.toolsets.workflows.engine.elements import Elements, elements_of
from jupyter_mcp.toolsets.workflows.engine.kinds.nested import run_nested
from jupyter_mcp.toolsets.workflows.engine.outcome import Cancelled, Outcome
from jupyter_mcp.toolsets.workflows.engine.parts import Parts
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.models import Map, Subworkflow


async def repeat(running: Running) -> Any:
    """Return the outputs in the order of the list; None for an element that was skipped.

    An element that fails lets the others end, and then the node fails.

    Raises:
        ToolError: The failure of the first element, in the order of the list, that failed.
        Cancelled: Subworkflows did not come to their ends, as something else has failed.
    """
    work = cast("Map", running.work)
    listed = elements_of(work, running.scope)
    running.input = {"elements": len(listed)}
    elements = Elements(running)
    await elements.load()
    parts = Parts(running.tell, len(elements.done), len(listed))
    failed: dict[int, Outcome] = {}
    left: list[int] = []
    free = asyncio.Semaphore(work.concurrency)

    async def one(index: int) -> None:
        async with free:
            await _unless_paused(running)
            part = elements.part(index, listed[index], parts)
            outcome = await _element(part, elements)
        if outcome.status == "failed":
            failed[index] = outcome
        elif outcome.status == "cancelled":
            left.append(index)
        else:
            elements.add(index, outcome.output)
        parts.end(part.node, len(elements.done))

    async with elements.written(), asyncio.TaskGroup() as group:
        for index in range(len(listed)):
            if index not in elements.done:
                group.create_task(one(index), name=f"{running.run} {running.node}[{index}]")
    if failed or left or work.node.compensate is not None:
        await elements.write()
    if failed:
        raise _failure(failed, len(listed))
    if left:
        raise Cancelled
    return [elements.done[index] for index in range(len(listed))]


async def _unless_paused(running: Running) -> None:
    """Wait as long as the run is paused, or to be cancelled: no element begins then."""
    recorder = running.services.recorder
    while recorder.wanted(running.run):
        await recorder.changed(running.run)


async def _element(part: Running, elements: Elements) -> Outcome:
    if isinstance(part.work, Subworkflow):
        return await run_nested(part, elements)
    outcome = await attempt(part)
    if part.is_recorded:
        part.tell(
            status=outcome.status, ended=outcome.ended, output=outcome.output, error=outcome.error
        )
    return outcome


def _failure(failed: Mapping[int, Outcome], count: int) -> ToolError:
    index = min(failed)
    error = failed[index].error or {}
    others = f" ({len(failed)} of {count} failed)" if len(failed) > 1 else ""
    return ToolError(
        error.get("code", "failed"),
        f"Element {index}: {error.get('message', 'It failed.')}{others}",
        error.get("remedy", ""),
    )
