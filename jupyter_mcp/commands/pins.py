"""``jupyter mcp pins [list | approve | reject]``: third-party tools and what is held back."""

from __future__ import annotations

from typing import ClassVar

from jupyter_mcp.commands.admin import AdminCommand
from jupyter_mcp.errors import ToolError


class PinsApp(AdminCommand):
    """See what third-party tools changed, and let them be called or not."""

    name = "jupyter-mcp-pins"
    description = (
        "list: third-party tools, what changed and what is held back. approve SOURCE [TOOL]: let "
        "them be called as they are now. reject SOURCE [TOOL]: hold them back."
    )
    examples = (
        "jupyter mcp pins\n"
        "jupyter mcp pins approve some-package\n"
        "jupyter mcp pins reject some-package its_tool --json"
    )
    tools: ClassVar[dict[str, str]] = {"approve": "pin_approve", "reject": "pin_reject"}

    async def run(self) -> int:
        """Do what the first word says."""
        verb, *words = self.extra_args or ["list"]
        if verb != "list" and verb not in self.tools:
            remedy = "Choose from: list, approve, reject."
            raise ToolError("invalid_arguments", f"There is no '{verb[:40]}' here.", remedy)
        if len(words) not in ((0,) if verb == "list" else (1, 2)):
            remedy = "list takes no more words; the others SOURCE [TOOL]."
            raise ToolError("invalid_arguments", f"'{verb}' does not take that.", remedy)
        async with self.admin() as client:
            if verb == "list":
                result = await client.call("pin_list")
            else:
                source, tool = (*words, None)[:2]
                result = await client.call(self.tools[verb], source=source, tool=tool)
        if self.as_json:
            self.out_json((result.structured or {})["pins"])
        else:
            self.out(result.text)
        return 0
