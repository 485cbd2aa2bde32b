"""What all subcommands share: which server to talk to, and failures as one line."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from jupyter_core.application import JupyterApp, base_flags
from traitlets import Bool, Unicode

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import discovery
from jupyter_mcp.ipython.discovery import Server

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


class Command(JupyterApp):
    """A subcommand; subclasses implement `run`."""

    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        "log-level": "Application.log_level"
    }
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        "debug": base_flags["debug"]
    }
    exit_code = 0

    async def run(self) -> int:
        """Do the work and return the exit code."""
        return 0

    def start(self) -> None:
        """Run, and turn a `ToolError` into a line on stderr."""
        try:
            self.exit_code = asyncio.run(self.run())
        except ToolError as error:
            self.tell(f"{error.code}: {error}")
            self.exit_code = 1
        except (KeyboardInterrupt, asyncio.CancelledError):
            self.exit_code = INTERRUPTED

    def out(self, text: str) -> None:
        """Print to stdout."""
        print(text, flush=True)  # noqa: T201 - a command prints

    def tell(self, line: str) -> None:
        """Print to stderr what is not the command's result."""
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command prints

    def out_json(self, value: Any) -> None:
        """Print JSON to stdout."""
        self.out(json.dumps(value, indent=2, ensure_ascii=False))


class ShowingCommand(Command):
    """A subcommand that shows something, to a person or as JSON."""

    as_json = Bool(default_value=False, help="Print JSON.").tag(config=True)
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **Command.flags,
        "json": ({"ShowingCommand": {"as_json": True}}, "Print JSON."),
    }

    def show(self, value: Any, text: str) -> None:
        """Print `value` as JSON where that is asked for, else `text`."""
        if self.as_json:
            self.out_json(value)
        else:
            self.out(text)


class ServerCommand(ShowingCommand):
    """A subcommand that talks to a running server."""

    url = Unicode(
        "", help="The server: its URL, one copied from the browser, or its endpoint."
    ).tag(config=True)
    token = Unicode("", help="Its token; found by itself for servers on this machine.").tag(
        config=True
    )
    toolsets = Unicode("", help="Toolsets to use, joined by commas, or 'all'.").tag(config=True)

    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **ShowingCommand.aliases,
        "url": "ServerCommand.url",
        "token": "ServerCommand.token",
        "toolsets": "ServerCommand.toolsets",
    }

    def find(self) -> Server | None:
        """Return the server that was named, else one that runs."""
        server = discovery.given(self.url, self.token) if self.url else discovery.of_folder()
        return server.showing(self.token).with_toolsets(self.toolsets) if server else None

    def client(self, **options: Any) -> Any:
        """Return an `AsyncClient` for that server."""
        from jupyter_mcp.ipython.async_client import AsyncClient

        return AsyncClient(
            self.url,
            self.token,
            toolsets=self.toolsets,
            embedded=False,
            find=discovery.of_folder,
            **options,
        )
