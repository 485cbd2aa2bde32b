"""Prompts about notebooks, and the completion of what prompts and templates ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.calls import Context, Link, Text, completer, prompt
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.model import Cell
from jupyter_mcp.toolsets.notebooks.tools.documents import who_asks
from jupyter_mcp.toolsets.notebooks.tools.outputs import text_of
from jupyter_mcp.toolsets.notebooks.tools.resources import NOTEBOOK_MIME, DocumentResources
from jupyter_mcp.toolsets.notebooks.tools.sight import Sight
from jupyter_mcp.toolsets.notebooks.uris import notebook_uri

COMPLETIONS = 100
"""The protocol's own limit (MCP, completion/complete)."""

LIVE = (
    "Work in the live notebook with the notebook and cell tools, so that the person sees each "
    "change; do not write the file. "
)


class DocumentPrompts(DocumentResources):
    """Prompts and completions."""

    @prompt(title="Explain this notebook")
    async def explain_notebook(self, ctx: Context, path: str) -> list[Text | Link]:
        """Explain what a notebook does, step by step."""
        page = await self.notebooks.page(path, "outline", None, who_asks(ctx))
        return [
            Text(
                f"Explain the notebook '{page.path}' to somebody who has never seen it: what it "
                "is for, its data, its steps in order, its results, and what looks fragile. Read "
                "more of it with notebook_read and cell_read where the outline is not enough. "
                "Change nothing.\n\n" + page.to_text()
            ),
            Link(notebook_uri(page.path), page.path, mime=NOTEBOOK_MIME),
        ]

    @prompt(title="Fix the failing cell")
    async def fix_failing_cell(self, ctx: Context, path: str, cell_id: str = "") -> str:
        """Find out why a cell fails and mend it; without a cell id the first that failed."""
        place, cells = await self.notebooks.cells(path)
        if cell_id:
            place, cell = await self.notebooks.cell(path, cell_id, None, who_asks(ctx))
        else:
            cell = _failing(cells)
        return (
            f"Cell '{cell.id}' of the notebook '{place}' fails. Find the cause, looking at the "
            "cells and variables it depends on, mend it with the smallest edit, and run it again "
            f"with cell_run to see that it works. {LIVE}\n\n{_shown(cell)}"
        )

    @prompt(title="Write tests for this cell")
    async def write_tests(self, ctx: Context, path: str, cell_id: str) -> str:
        """Write tests for the functions that a cell defines."""
        place, cell = await self.notebooks.cell(path, cell_id, None, who_asks(ctx))
        return (
            f"Write tests for what cell '{cell.id}' of the notebook '{place}' defines. Put them "
            "as plain assertions or pytest functions into one new cell right after it, cover the "
            "ordinary case, the edges and bad input, run the cell with cell_run, and tell which "
            f"tests fail and why. Do not change the cell itself. {LIVE}\n\n{_shown(cell)}"
        )

    @prompt(title="Tidy this notebook")
    async def tidy_notebook(self, ctx: Context, path: str) -> list[Text | Link]:
        """Bring order into a notebook without changing what it computes."""
        page = await self.notebooks.page(path, "outline", None, who_asks(ctx))
        return [
            Text(
                f"Tidy the notebook '{page.path}' without changing what it computes: imports in "
                "one cell at the top, headings that tell its parts, cells in the order in which "
                "they have to run, no dead or doubled code, clear names. Say what you are going "
                "to do before you do it, then run all cells with cell_run and compare the "
                f"results with those from before. {LIVE}\n\n" + page.to_text()
            ),
            Link(notebook_uri(page.path), page.path, mime=NOTEBOOK_MIME),
        ]

    @completer("path")
    async def complete_path(self, ctx: Context, prefix: str, given: Mapping[str, str]) -> list[str]:
        """Complete the path of a notebook, folder by folder."""
        del given
        sight = Sight(self.host, ctx)
        try:
            folder = await self.notebooks.folder(prefix.rpartition("/")[0])
        except ToolError:
            return []
        places = [path for path, _changed in folder.notebooks if sight.notebook(path)]
        places += [f"{path}/" for path in folder.folders if sight.folder(path)]
        return [place for place in places if place.startswith(prefix)][:COMPLETIONS]

    @completer("cell_id")
    async def complete_cell_id(
        self, ctx: Context, prefix: str, given: Mapping[str, str]
    ) -> list[str]:
        """Complete the id of a cell, once the notebook is known."""
        del ctx
        try:
            _place, cells = await self.notebooks.cells(given.get("path", ""))
        except ToolError:
            return []
        return [cell.id for cell in cells if cell.id.startswith(prefix)][:COMPLETIONS]

    @completer("kernel_id")
    async def complete_kernel_id(
        self, ctx: Context, prefix: str, given: Mapping[str, str]
    ) -> list[str]:
        """Complete the id of a running kernel."""
        del given
        kernels = await _listed(ctx, "kernel_list", {}, "kernels")
        ids = [str(kernel.get("kernel_id") or kernel.get("id") or "") for kernel in kernels]
        return [kernel_id for kernel_id in ids if kernel_id.startswith(prefix)][:COMPLETIONS]

    @completer("name")
    async def complete_name(self, ctx: Context, prefix: str, given: Mapping[str, str]) -> list[str]:
        """Complete the name of a variable, once the kernel or the notebook is known."""
        place = {key: given[key] for key in ("kernel_id", "path") if given.get(key)}
        variables = await _listed(ctx, "variables_list", place, "variables") if place else []
        names = [str(variable.get("name", "")) for variable in variables]
        return [name for name in names if name.startswith(prefix)][:COMPLETIONS]


async def _listed(
    ctx: Context, tool: str, arguments: dict[str, str], key: str
) -> list[dict[str, Any]]:
    """Call a tool that lists things; what goes wrong completes to nothing."""
    result = await ctx.call(tool, arguments)
    return [] if result.is_error else list((result.structured or {}).get(key, []))


def _failing(cells: list[Cell]) -> Cell:
    for cell in cells:
        if any(output.get("output_type") == "error" for output in cell.outputs):
            return cell
    raise ToolError(
        "not_found", "No cell of this notebook shows an error.", "Run it first, or name a cell."
    )


def _shown(cell: Cell) -> str:
    errors = [text_of(out)[0] for out in cell.outputs if out.get("output_type") == "error"]
    told = "".join(f"\n\nIts error:\n```\n{text}\n```" for text in errors)
    return f"Its source:\n```\n{cell.source}\n```{told}"
