"""What can be asked of the variables of a kernel."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.toolsets.notebooks.tools.kernels import KernelId, KernelTools, OfPath
from jupyter_mcp.toolsets.notebooks.variables import Variables

LOOK_SECONDS = 10.0
LISTED = 300
"""How many variables one list names unasked; more would flood a model's context."""

MOST_LISTED = 20_000
"""How many somebody may ask for: 1.5 MB, which a kernel tells in a tenth of a second."""

Wait = Annotated[float, Field(gt=0, le=600, description="Seconds to wait for a busy kernel")]


class Variable(Shape):
    """A variable."""

    name: str
    type: str
    summary: str


class VariableList(Shape):
    """The variables of a kernel."""

    kernel_id: str
    variables: list[Variable]
    left_out: int = 0


class VariableSeen(Shape):
    """A variable; details by its kind: schema, head, statistics, items, repr."""

    kernel_id: str
    name: str
    type: str
    kind: str
    summary: str
    details: dict[str, Any]


class VariableTools(KernelTools):
    """Tools on variables."""

    @tool(scope="read", title="List variables")
    async def variables_list(
        self,
        kernel_id: KernelId = None,
        path: OfPath = None,
        timeout: Wait = LOOK_SECONDS,  # noqa: ASYNC109 - the tool's argument
        limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = LISTED,
    ) -> VariableList:
        """Name, type and summary of a Python kernel's variables, without running a cell."""
        kernel = await self.kernels.find(kernel_id, path)
        found = await Variables(self.engine).listed(kernel, timeout)
        variables = [Variable(**each) for each in found[:limit]]
        if more := len(found) - len(variables):
            summary = f"{more} more; variable_inspect shows one by its name"
            variables.append(Variable(name="…", type="", summary=summary))
        return VariableList(kernel_id=kernel, variables=variables, left_out=more)

    @tool(scope="read", title="Inspect a variable")
    async def variable_inspect(
        self,
        name: Annotated[str, Field(description="As in df, a.b or rows[0]['x']")],
        kernel_id: KernelId = None,
        path: OfPath = None,
        timeout: Wait = LOOK_SECONDS,  # noqa: ASYNC109 - the tool's argument
    ) -> VariableSeen:
        """A variable's schema, head and statistics, items or repr, without running a cell."""
        kernel = await self.kernels.find(kernel_id, path)
        told = await Variables(self.engine).inspected(kernel, name, timeout)
        known = {key: told.pop(key) for key in ("type", "kind", "summary")}
        return VariableSeen(kernel_id=kernel, name=name, details=told, **known)
