"""The scope of a kernel's variables, by the tools of notebooks, which say who may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mcp.calls import Context
from jupyter_mcp.errors import ToolError
from jupyter_mcp.plain import one_line
from jupyter_mcp.toolsets.search.asking import Asked
from jupyter_mcp.toolsets.search.tools.shapes import FoundHit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mcp.toolsets.search.scopes.variables import Variable

SECONDS = 3.0
"""How long is waited for a busy kernel."""

MOST = 20_000
"""Variables that are searched, the first by name: to tell and search so many takes a second."""


class KernelVariables:
    """Searches what a kernel holds.

    Args:
        ctx: Whose call it is.
        threads: Where the searching is done.
    """

    def __init__(self, ctx: Context, threads: Any) -> None:
        self._ctx = ctx
        self._threads = threads
        self.notes: Sequence[str] = ()

    async def found(self, asked: Asked, kernel_id: str | None, limit: int) -> list[FoundHit]:
        """Return the variables that fit best.

        Raises:
            ToolError: ``not_found`` where no kernel runs, ``invalid_arguments`` where several do
                and none is named, ``busy`` while it runs something, ``forbidden``.
        """
        from jupyter_mcp.toolsets.search.scopes import variables

        place = await self._kernel(asked, kernel_id)
        told = await self._answer("variables_list", {**place, "timeout": SECONDS, "limit": MOST})
        listed = [
            variables.Variable(each["name"], each["type"], each["summary"])
            for each in told["variables"][:MOST]
        ]
        if left_out := told.get("left_out"):
            said = f"The first {len(listed):,} variables by name were searched, {left_out:,} not"
            self.notes = (f"{said}; variable_inspect shows any by its name.",)
        found = await self._threads.run(variables.found, listed, asked.text, limit, asked.mode)
        where = f"kernel://{told['kernel_id']}/variables"
        return [_hit(where, each, score) for each, score in found]

    async def _kernel(self, asked: Asked, kernel_id: str | None) -> dict[str, str]:
        """Return the argument that names the kernel that is meant."""
        if kernel_id:
            return {"kernel_id": kernel_id}
        if asked.path.endswith(".ipynb"):
            return {"path": asked.path}
        kernels = (await self._answer("kernel_list", {}))["kernels"]
        if not kernels:
            raise ToolError(
                "not_found", "No kernel runs whose variables could be searched.", "Run a cell."
            )
        if len(kernels) > 1:
            known = ", ".join(f"{each['kernel_id']} ({_of(each)})" for each in kernels[:5])
            raise ToolError(
                "invalid_arguments",
                f"{len(kernels)} kernels run, and variables are of one.",
                f"Say which by kernel_id: {known}.",
            )
        return {"kernel_id": kernels[0]["kernel_id"]}

    async def _answer(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await self._ctx.call(tool, arguments)
        if result.error is not None:
            raise result.error
        return result.structured or {}


def _hit(where: str, variable: Variable, score: float) -> FoundHit:
    return FoundHit(
        path=where,
        line=0,
        end_line=0,
        symbol=variable.name,
        score=round(score, 3),
        parts={"lexical": round(score, 3)},
        snippet=one_line(f"{variable.type} {variable.summary}".strip()),
        kind="variable",
    )


def _of(kernel: dict[str, Any]) -> str:
    return ", ".join(kernel.get("paths") or ()) or str(kernel["name"])
