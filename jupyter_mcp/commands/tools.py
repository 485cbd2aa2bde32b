"""``jupyter mcp tools [PATTERN]``: lists the tools of a running server."""

from __future__ import annotations

from jupyter_mcp.commands.command import ServerCommand
from jupyter_mcp.ipython.display import Table


class ToolsApp(ServerCommand):
    """List tools, all or those with PATTERN in their name or description."""

    name = "jupyter-mcp-tools"
    description = __doc__ or ""
    examples = "jupyter mcp tools\njupyter mcp tools cell --json"

    async def run(self) -> int:
        """List them."""
        async with self.client() as client:
            found = await client.tools(" ".join(self.extra_args))
        if self.as_json:
            self.out_json(
                [
                    {
                        "name": tool.name,
                        "title": tool.title,
                        "description": tool.description,
                        "inputSchema": tool.input_schema,
                        "annotations": tool.annotations,
                    }
                    for tool in found
                ]
            )
        else:
            self.out(Table([[tool.name, tool.summary] for tool in found]).to_text())
        return 0
