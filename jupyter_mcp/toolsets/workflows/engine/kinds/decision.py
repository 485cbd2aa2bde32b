"""Decision nodes: which way a run goes on."""

from __future__ import annotations

from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from jupyter_mcp.toolsets.workflows.spec.models import Decision


async def decide(running: Running) -> Any:
    """Return ``{"branch": name}`` of the first branch that is true.

    Raises:
        ToolError: ``no_branch`` when none is and there is no other way; what an expression says.
    """
    work = cast("Decision", running.work)
    for branch in work.branches:
        if compile_expression(branch.when, tuple(running.scope)).is_true(running.scope):
            return {"branch": branch.name}
    if work.otherwise is None:
        names = ", ".join(f"'{branch.name}'" for branch in work.branches)
        raise ToolError(
            "no_branch", f"None of the branches {names} is true.", "Give the node an 'otherwise'."
        )
    return {"branch": work.otherwise.name}
