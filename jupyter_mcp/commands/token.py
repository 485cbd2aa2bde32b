"""``jupyter mcp token create | list | revoke``: tokens for clients."""

from __future__ import annotations

from typing import Any, ClassVar

from traitlets import Bool, Unicode

from jupyter_mcp.commands.admin import AdminClient, AdminCommand
from jupyter_mcp.commands.refresh_file import RefreshFile
from jupyter_mcp.commands.verbs import verb_of
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.display import Table

HEAD = ("id", "name", "scopes", "toolsets", "notebooks", "state", "last used")


class TokenApp(AdminCommand):
    """Make, list and revoke tokens for clients."""

    name = "jupyter-mcp-token"
    description = "create: make a token for a client. list: show them. revoke ID: end one."
    examples = (
        "jupyter mcp token create --scopes read,edit --notebooks 'course/*' --expires 7d\n"
        "jupyter mcp token create --scopes read --save agent.token\n"
        "jupyter mcp token list --json\n"
        "jupyter mcp token revoke ID"
    )
    scopes = Unicode("", help="What it may do: any of read, edit, execute, admin.").tag(config=True)
    limit_toolsets = Unicode("", help="Limit it to these toolsets, joined by commas.").tag(
        config=True
    )
    notebooks = Unicode(
        "", help="Limit it to paths of notebooks such as 'course/*', joined by commas."
    ).tag(config=True)
    expires = Unicode("7d", help="When it ends for good: 30m, 12h, 7d or 2w.").tag(config=True)
    label = Unicode("", help="What it is for, as lists and the audit show it.").tag(config=True)
    is_static = Bool(
        default_value=False, help="Make one token for clients that can only send a fixed header."
    ).tag(config=True)
    save = Unicode("", help="A file for 'jupyter mcp connect --refresh-token-file'.").tag(
        config=True
    )
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.aliases,
        "scopes": "TokenApp.scopes",
        "toolsets": "TokenApp.limit_toolsets",
        "notebooks": "TokenApp.notebooks",
        "expires": "TokenApp.expires",
        "name": "TokenApp.label",
        "save": "TokenApp.save",
    }
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.flags,
        "static": ({"TokenApp": {"is_static": True}}, "Make one token for fixed headers."),
    }
    verbs: ClassVar[dict[str, set[int]]] = {"create": {0}, "list": {0}, "revoke": {1}}

    async def run(self) -> int:
        """Do what the first word says."""
        verb, words = verb_of(self.extra_args, self.verbs)
        if verb == "create":
            self._check_create()
        async with self.admin() as client:
            if verb == "create":
                await self._create(client)
            elif verb == "list":
                await self._list(client)
            else:
                state = await client.ask("token_revoke", token_id=words[0])
                self.show(state, f"Revoked {state['id']} ({state['name']}).")
        return 0

    def _check_create(self) -> None:
        if not self.scopes.strip():
            what = "Say what the token may do."
            raise ToolError("invalid_arguments", what, "For example: --scopes read,edit.")
        if self.save and self.is_static:
            what = "A static token is not refreshed, so there is no file to save."
            raise ToolError("invalid_arguments", what, "Leave out --save or --static.")

    async def _create(self, client: AdminClient) -> None:
        blank = {"refresh_token": None, "toolsets": None}
        made = blank | await client.ask(
            "token_create",
            scopes=_names(self.scopes),
            toolsets=_names(self.limit_toolsets) or None,
            notebooks=_names(self.notebooks) or None,
            expires=self.expires,
            name=self.label or None,
            form="static" if self.is_static else "refreshing",
        )
        if self.save:
            RefreshFile(self.save).save(made, self._running())
            self.show(_without_secrets(made), f"Made token {made['id']}, saved in {self.save}.")
            return
        lines = [f"id: {made['id']}", f"ends: {made['expires_at']}"]
        lines.append(f"access token (until {made['access_expires_at']}): {made['access_token']}")
        if made.get("refresh_token"):
            lines.append(f"refresh token: {made['refresh_token']}")
        self.show(made, "\n".join([*lines, "It is shown this once."]))

    async def _list(self, client: AdminClient) -> None:
        blank = {"toolsets": None, "last_used_at": None}
        tokens = [blank | token for token in (await client.ask("token_list"))["tokens"]]
        shown = Table([_row(token) for token in tokens], HEAD).to_text()
        self.show(tokens, shown if tokens else "There are no tokens.")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _without_secrets(made: dict[str, Any]) -> dict[str, Any]:
    return {name: made[name] for name in made if name not in ("access_token", "refresh_token")}


def _row(token: dict[str, Any]) -> list[str]:
    return [
        token["id"],
        token["name"],
        ",".join(token["scopes"]),
        ",".join(token["toolsets"] or ()) or "all",
        ",".join(token["notebooks"]) or "all",
        f"revoked: {token['reason']}" if token["revoked"] else f"until {token['expires_at']}",
        token["last_used_at"] or "never",
    ]
