"""Notebooks, cells, outputs and variables as resources to read and watch."""

from __future__ import annotations

import json

from jupyter_mcp.calls import Context, Embedded, Link, resource
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.service import public_cell
from jupyter_mcp.toolsets.notebooks.tools.documents import who_asks
from jupyter_mcp.toolsets.notebooks.tools.kernels import KernelTools
from jupyter_mcp.toolsets.notebooks.tools.outputs import whole_of
from jupyter_mcp.toolsets.notebooks.tools.sight import Sight
from jupyter_mcp.toolsets.notebooks.uris import (
    CELL,
    CELL_OUTPUT,
    NOTEBOOK,
    OUTPUT,
    VARIABLES,
    notebook_uri,
    output_uri,
)

NOTEBOOK_MIME = "application/x-ipynb+json"


class DocumentResources(KernelTools):
    """Resources of notebooks and kernels."""

    async def resources(self, ctx: Context) -> list[Link]:
        """Return the notebooks of the root folder."""
        listed = await super().resources(ctx)
        try:
            folder = await self.notebooks.folder("")
        except ToolError:
            return listed
        sight = Sight(self.host, ctx)
        links = [
            Link(notebook_uri(path), path.rsplit("/", 1)[-1], mime=NOTEBOOK_MIME)
            for path, _changed in folder.notebooks
            if sight.notebook(path)
        ]
        return [*listed, *links]

    @resource(NOTEBOOK, name="notebook", title="Notebook", mime=NOTEBOOK_MIME)
    async def notebook_resource(self, path: str) -> str:
        """A notebook's JSON, as it is now."""
        return json.dumps(await self.notebooks.content(path), ensure_ascii=False)

    @resource(CELL, name="cell", title="Cell", mime="application/json")
    async def cell_resource(self, ctx: Context, cell_id: str, path: str) -> str:
        """A cell's JSON with its outputs."""
        _place, cell = await self.notebooks.cell(path, cell_id, None, who_asks(ctx))
        return json.dumps(public_cell(cell), ensure_ascii=False)

    @resource(CELL_OUTPUT, name="cell output", title="Output of a cell")
    async def cell_output_resource(
        self, ctx: Context, cell_id: str, index: str, path: str
    ) -> Embedded:
        """One output of a cell, whole."""
        place, cell = await self.notebooks.cell(path, cell_id, None, who_asks(ctx))
        if not index.isdigit() or int(index) >= len(cell.outputs):
            raise ToolError(
                "not_found",
                f"Cell '{cell_id}' has no output {index[:20]}.",
                "Read the cell again, its outputs may have changed.",
            )
        output = cell.outputs[int(index)]
        data, mime = whole_of(output)
        return Embedded(output_uri(place, cell.id, int(index)), data, mime)

    @resource(OUTPUT, name="output", title="Whole output of a run")
    async def output_resource(self, id: str) -> Embedded:  # noqa: A002 - the template's variable
        """An output of a run that was too much to show."""
        data, mime = await self.outputs.read(id)
        text = data.decode("utf-8", "replace") if mime.startswith("text/") else data
        return Embedded(f"output://{id}", text, mime)

    @resource(VARIABLES, name="variables", title="Variables of a kernel", mime="application/json")
    async def variables_resource(self, ctx: Context, kernel_id: str) -> str:
        """The variables of a kernel, as variables_list tells them."""
        result = await ctx.call("variables_list", {"kernel_id": kernel_id})
        if result.error is not None:
            raise result.error
        return json.dumps(result.structured, ensure_ascii=False)
