"""A subworkflow as an element of a map."""

from __future__ import annotations

import asyncio

from jupyter_mcp.toolsets.workflows.engine.interpreter import Interpreter
from jupyter_mcp.toolsets.workflows.engine.nested import NotedSteps, inside, part_of
from jupyter_mcp.toolsets.workflows.engine.outcome import Outcome
from jupyter_mcp.toolsets.workflows.engine.running import Notes, Running


async def run_nested(running: Running, notes: Notes) -> Outcome:
    """Run another workflow as a part of a map.

    What it has done is kept, so that another attempt at the map goes on from there, and the
    failure of the run takes it back. When another node of the run fails, nothing new begins in it.
    """
    started = running.services.clock()
    if await notes.read(running.node) is None:
        if running.is_over:
            return running.ended("cancelled", started)
        await notes.keep(running.node, {})  # whoever takes it back has to know that it began
    steps = NotedSteps(notes, running.node)
    services = inside(running.services, running)
    ended = await Interpreter(part_of(running), steps, services, running).run()
    if ended["status"] == "cancelled":  # so is the run, which ends this in a moment
        await asyncio.get_running_loop().create_future()
    if ended["status"] == "failed":
        return running.ended("failed", started, error=ended["error"])
    if running.node not in ended["outputs"]:  # it did not come to its end
        return running.ended("cancelled", started)
    return running.ended("succeeded", started, output=ended["outputs"][running.node])
