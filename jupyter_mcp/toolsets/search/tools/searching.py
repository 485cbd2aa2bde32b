"""What can be asked of search: hits for a question, and what is like a piece that is known."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.asking import Asked, Scope, understood
from jupyter_mcp.toolsets.search.query import Mode
from jupyter_mcp.toolsets.search.scopes import variables
from jupyter_mcp.toolsets.search.tools.base import SearchToolset
from jupyter_mcp.toolsets.search.tools.shapes import FoundHit, Hits, hit_of, page_of

MOST = 100
DEEPEST = 500
"""The last hit that can be asked for, page by page."""

KERNEL_SECONDS = 3.0
"""How long is waited for a busy kernel."""

Limit = Annotated[int, Field(ge=1, le=MOST)]
OfKernel = Annotated[str | None, Field(description="For variables, where several kernels run")]


class SearchTools(SearchToolset):
    """Tools that search."""

    @tool(scope="read", title="Search")
    async def search(
        self,
        ctx: Context,
        query: Annotated[
            str, Field(description="A question or names; in:notebooks path:src lang:python work")
        ],
        scope: Annotated[
            Scope,
            Field(description="code: all files and notebooks; docs: packages; vars: variables"),
        ] = "code",
        path: Annotated[str | None, Field(description="Folder, file or glob")] = None,
        *,
        limit: Limit = 10,
        mode: Mode = "hybrid",
        language: str | None = None,
        kernel_id: OfKernel = None,
        cursor: str | None = None,
    ) -> Reply[Hits]:
        """Find code, notebook cells, docs and variables by meaning and words. Cite path:line."""
        asked = understood(query, scope, mode, path or "", language or "")
        start = _number(cursor)
        if start + limit > DEEPEST:
            raise ToolError(
                "invalid_arguments",
                f"Only the first {DEEPEST} hits can be paged through.",
                "Ask more precisely, or narrow it by path, language or scope.",
            )
        hits, notes = await self._everywhere(ctx, asked, kernel_id, start + limit + 1)
        return page_of(hits, start, limit, notes)

    @tool(scope="read", title="Find similar code")
    async def search_similar(
        self,
        ctx: Context,
        path: Annotated[str, Field(description="As a hit has it")],
        *,
        line: Annotated[int | None, Field(ge=1)] = None,
        cell_id: str | None = None,
        limit: Limit = 10,
    ) -> Reply[Hits]:
        """Find what is like the function at a line of a file, or like a notebook's cell."""
        found = await self.search_service.similar(path, line, cell_id, limit, self.sight(ctx))
        return page_of([hit_of(each) for each in found.hits], 0, limit, found.notes)

    async def _everywhere(
        self, ctx: Context, asked: Asked, kernel_id: str | None, limit: int
    ) -> tuple[list[FoundHit], list[str]]:
        """Ask each scope; where there are several, one that cannot answer only says so."""
        hits: list[FoundHit] = []
        notes: list[str] = []
        is_alone = len(asked.scopes) == 1
        if asked.is_of_project:
            try:
                found = await self.search_service.search(asked, limit, self.sight(ctx))
            except ToolError as error:
                if asked.scopes.issubset({"code", "notebooks"}):
                    raise
                notes.append(str(error))
            else:
                hits += map(hit_of, found.hits)
                notes += found.notes
        if "vars" in asked.scopes:
            try:
                hits += await self._variables(ctx, asked, kernel_id, limit)
            except ToolError as error:
                if is_alone:
                    raise
                notes.append(f"Variables: {error}")
        return hits, notes

    async def _variables(
        self, ctx: Context, asked: Asked, kernel_id: str | None, limit: int
    ) -> list[FoundHit]:
        """Search what a kernel holds; the notebooks toolset says who may see it."""
        place = await self._kernel(ctx, asked, kernel_id)
        told = await _answer(ctx, "variables_list", {**place, "timeout": KERNEL_SECONDS})
        listed = [
            variables.Variable(each["name"], each["type"], each["summary"])
            for each in told["variables"]
        ]
        found = await self.host.executor.run(variables.found, listed, asked.text, limit, asked.mode)
        where = f"kernel://{told['kernel_id']}/variables"
        return [
            FoundHit(
                path=where,
                line=0,
                end_line=0,
                symbol=each.name,
                score=round(score, 3),
                parts={"lexical": round(score, 3)},
                snippet=f"{each.type} {each.summary}".strip(),
                kind="variable",
            )
            for each, score in found
        ]

    async def _kernel(self, ctx: Context, asked: Asked, kernel_id: str | None) -> dict[str, str]:
        """Return the argument that names the kernel that is meant."""
        if kernel_id:
            return {"kernel_id": kernel_id}
        if asked.path.endswith(".ipynb"):
            return {"path": asked.path}
        kernels = (await _answer(ctx, "kernel_list", {}))["kernels"]
        if not kernels:
            raise ToolError(
                "not_found", "No kernel runs whose variables could be searched.", "Run a cell."
            )
        if len(kernels) > 1:
            known = ", ".join(f"{each['kernel_id']} ({_of(each)})" for each in kernels[:5])
            raise ToolError(
                "invalid_arguments",
                f"{len(kernels)} kernels run.",
                f"Say which by kernel_id: {known}.",
            )
        return {"kernel_id": kernels[0]["kernel_id"]}


async def _answer(ctx: Context, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await ctx.call(tool, arguments)
    if result.error is not None:
        raise result.error
    return result.structured or {}


def _of(kernel: dict[str, Any]) -> str:
    return ", ".join(kernel.get("paths") or ()) or str(kernel["name"])


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 6):  # noqa: PLR2004 - below DEEPEST
        raise ToolError(
            "invalid_arguments", "The cursor is none of ours.", "Leave it out to begin."
        )
    return int(cursor)
