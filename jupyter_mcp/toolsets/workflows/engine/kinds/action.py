"""Action nodes: any tool of the catalog."""

from __future__ import annotations

from typing import Any, cast

from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.models import Action


async def act(running: Running) -> Any:
    """Call the tool; its structured result is the output.

    The key goes with the call, so that a call that is made again after a crash is done once.

    Raises:
        ToolError: What the tool says.
    """
    work = cast("Action", running.work)
    running.input = running.field("arguments")
    return await running.call(work.tool, running.input)
