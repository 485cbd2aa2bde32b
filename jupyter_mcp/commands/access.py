"""``jupyter mcp access end | restore | list``: keep somebody out at once, and let them in again."""

from __future__ import annotations

from typing import Any, ClassVar

from traitlets import Unicode

from jupyter_mcp.commands.admin import AdminCommand
from jupyter_mcp.commands.verbs import verb_of
from jupyter_mcp.ipython.display import Table

HEAD = ("who", "by", "at", "reason")


class AccessApp(AdminCommand):
    """End and restore access."""

    name = "jupyter-mcp-access"
    description = "end WHO: keep somebody out. restore WHO: let them in again. list: show whom."
    examples = "jupyter mcp access end user:bob --reason 'lost laptop'\njupyter mcp access list"
    reason = Unicode("", help="Why, for the audit.").tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.aliases,
        "reason": "AccessApp.reason",
    }
    verbs: ClassVar[dict[str, set[int]]] = {"end": {1}, "restore": {1}, "list": {0}}

    async def run(self) -> int:
        """Do what the first word says."""
        verb, words = verb_of(self.extra_args, self.verbs)
        async with self.admin() as client:
            if verb == "list":
                ended = (await client.ask("access_list"))["ended"]
                rows = [[each[name] for name in HEAD] for each in ended]
                text = Table(rows, HEAD).to_text()
                self.show(ended, text if ended else "Nobody's access is ended.")
            elif verb == "end":
                told = await client.ask("access_end", who=words[0], reason=self.reason or None)
                self.show(told, f"The access of {told['who']} is ended.")
            else:
                told = await client.ask("access_restore", who=words[0])
                self.show(told, f"{told['who']} may come in again.")
        return 0
