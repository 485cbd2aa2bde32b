"""``jupyter mcp secret set | list | delete``: secrets that configuration refers to.

Works on the account's own store, with or without a server: a value must not travel as an argument
of a call, nor of this command, where every process of the machine could read it. A server that runs
sees a change the next time it needs the secret.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from pathlib import Path
from typing import Any

from traitlets import Unicode

from jupyter_mcp.commands.admin import configured
from jupyter_mcp.commands.command import ShowingCommand
from jupyter_mcp.commands.verbs import verb_of
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.display import Table
from jupyter_mcp.security.moments import in_utc

VERBS = {"set": {1}, "list": {0}, "delete": {1}}


class SecretApp(ShowingCommand):
    """Keep secrets that configuration refers to as ${secret:NAME}."""

    name = "jupyter-mcp-secret"
    description = (
        "set NAME: keep a value, asked for without showing it, or read from stdin or --from-file. "
        "list: show names, never values. delete NAME: forget one."
    )
    examples = (
        "jupyter mcp secret set GITHUB_TOKEN\n"
        "pass show github | jupyter mcp secret set GITHUB_TOKEN\n"
        "jupyter mcp secret set TLS_KEY --from-file key.pem\n"
        "jupyter mcp secret list --json\n"
        "jupyter mcp secret delete GITHUB_TOKEN"
    )
    from_file = Unicode("", help="A file with the value; a newline at its end is left out.").tag(
        config=True
    )
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **ShowingCommand.aliases,
        "from-file": "SecretApp.from_file",
    }

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Take words as they are: traitlets would repeat ``NAME=value`` in its complaint.

        Raises:
            SystemExit: When a value stands on the command line.
        """
        words = [word for word in argv or [] if not word.startswith("-")]
        if words[:1] == ["set"] and any("=" in word for word in words[1:2]):
            self.tell(f"invalid_arguments: {_on_the_command_line()}")
            self.exit(1)
        super().parse_command_line(argv)

    async def run(self) -> int:
        """Do what the first word says."""
        if self.extra_args[:1] == ["set"] and len(self.extra_args) > 2:  # noqa: PLR2004 - and a name
            raise _on_the_command_line()
        verb, words = verb_of(self.extra_args, VERBS)
        await asyncio.to_thread(getattr(self, f"_{verb}"), *words)
        return 0

    def _set(self, name: str) -> None:
        kept = self._vault().set(name, self._value(name))
        self.show(_shown(kept), f"Kept '{name}' in the {_place(kept)}: ${{secret:{name}}}")

    def _list(self) -> None:
        found = [_shown(each) for each in self._vault().names()]
        text = Table([list(each.values()) for each in found], ["name", "store", "set at"]).to_text()
        self.show(found, text if found else "There are no secrets.")

    def _delete(self, name: str) -> None:
        self._vault().delete(name)
        self.show({"name": name, "deleted": True}, f"Deleted '{name}'.")

    def _value(self, name: str) -> str:
        if self.from_file:
            return _without_newline(_read(Path(self.from_file)))
        if not sys.stdin.isatty():
            return _without_newline(sys.stdin.read())
        return getpass.getpass(f"Value of {name} (not shown): ")

    def _vault(self) -> Any:
        from jupyter_mcp.security.secrets.vault import Vault

        settings = configured(self.config_file_paths)
        return Vault(settings.secrets_folder, settings.secret_store)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        what = f"'{file}' cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}."
        raise ToolError("invalid_arguments", what, "Give a text file.") from None


def _without_newline(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _shown(kept: Any) -> dict[str, str]:
    at = in_utc(kept.at)
    return {"name": kept.name, "store": kept.store, "set_at": at}


def _place(kept: Any) -> str:
    return "system's keyring" if kept.store == "keyring" else "encrypted file"


def _on_the_command_line() -> ToolError:
    return ToolError(
        "invalid_arguments",
        "A value on the command line can be read by every process, and stays in your history.",
        "Give only the name; you are asked for the value, or pipe it in. Change this one.",
    )
