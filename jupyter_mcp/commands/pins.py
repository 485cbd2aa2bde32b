"""``jupyter mcp pins [list | approve | reject]``: third-party tools and what is held back."""

from __future__ import annotations

from typing import ClassVar

from jupyter_mcp.commands.admin import AdminCommand
from jupyter_mcp.commands.verbs import verb_of


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
    verbs: ClassVar[dict[str, set[int]]] = {"list": {0}, "approve": {1, 2}, "reject": {1, 2}}

    async def run(self) -> int:
        """Do what the first word says."""
        verb, words = verb_of(self.extra_args or ["list"], self.verbs)
        async with self.admin() as client:
            if verb == "list":
                result = await client.call("pin_list")
            else:
                source, tool = (*words, None)[:2]
                result = await client.call(f"pin_{verb}", source=source, tool=tool)
        self.show((result.structured or {})["pins"], result.text)
        return 0
