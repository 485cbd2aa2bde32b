"""Processing nodes: a value made of others, by an expression or by Python."""

from __future__ import annotations

from typing import Any, cast

from jupyter_mcp.toolsets.workflows.engine.code import run_in_kernel, run_in_sandbox
from jupyter_mcp.toolsets.workflows.engine.kinds import rules
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from jupyter_mcp.toolsets.workflows.spec.models import Processing


async def process(running: Running) -> Any:
    """Return the result of the expression or of the function ``run``.

    Raises:
        ToolError: What the expression, the code or a rule says.
    """
    work = cast("Processing", running.work)
    running.input = running.field("input")
    output = await _result(running, work)
    rules.check(work.rules, running.scope, running.input, output)
    return output


async def _result(running: Running, work: Processing) -> Any:
    if work.expression is not None:
        values = {**running.scope, "input": running.input}
        return compile_expression(work.expression, tuple(values)).evaluate(values)
    code = cast("str", work.code)
    if work.kernel_id is not None:
        return await run_in_kernel(running, code, running.input, str(running.field("kernel_id")))
    return await run_in_sandbox(running, code, running.input, str(running.field("sandbox_id")))
