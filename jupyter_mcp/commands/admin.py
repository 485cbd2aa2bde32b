"""Commands of whoever looks after a server: they call tools as the person at this machine.

Where a server runs they go through it, with the key that only its account can read; where none
runs they work on its state by the same tools in this process. Either way each is a call like any
other, and in the audit.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from traitlets import Unicode
from traitlets.config import Config

from jupyter_mcp.commands.command import ServerCommand
from jupyter_mcp.config import Settings, SettingsTraits
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import discovery
from jupyter_mcp.ipython.asking import ask_person
from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.ipython.door import Door, OnProgress
from jupyter_mcp.ipython.result import CallResult

CONFIGURATIONS = ("jupyter_server_config", "jupyter_mcp_config")
"""Where Jupyter reads the options of our extension, without their endings."""


class AdminCommand(ServerCommand):
    """A command of whoever looks after a server."""

    root = Unicode("", help="The server by its root folder, whether it runs or not.").tag(
        config=True
    )
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **ServerCommand.aliases,
        "root": "AdminCommand.root",
    }

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AdminClient]:
        """Reach the server, or its state where it does not run, as the person at this machine."""
        server = await asyncio.to_thread(self._running)
        door = await self._through(server) if server else await asyncio.to_thread(self._without)
        try:
            yield AdminClient(door)
        finally:
            await door.close()

    def _running(self) -> Server | None:
        server = _of_root(Path(self.root)) if self.root else self.find()
        if self.token and server is None:
            raise ToolError(
                "unavailable",
                "No server runs here that could look at the token.",
                "Start it, or leave out --token to work on its state as yourself.",
            )
        if server is None or self.token:
            return server and server.showing(self.token)
        return server.as_person()

    async def _through(self, server: Server) -> Door:
        from jupyter_mcp.ipython.http import HttpDoor

        door = HttpDoor(lambda: server.with_toolsets("all"), _ask(), "auto")
        try:
            await door.connect()
        except BaseException:
            await door.close()
            raise
        return door

    def _without(self) -> Door:
        from jupyter_mcp.ipython.embedded import EmbeddedDoor

        return EmbeddedDoor(
            Path(self.root) if self.root else None,
            _ask(),
            settings=configured(self.config_file_paths),
            kind="person",
            toolsets="all",
        )


class AdminClient:
    """Calls tools and raises what they refuse.

    Args:
        door: The way to them.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    async def call(self, tool: str, /, **arguments: Any) -> CallResult:
        """Call a tool; arguments that are None are left out.

        Raises:
            ToolError: When it was refused or failed.
        """
        return await self.follow(tool, None, **arguments)

    async def follow(
        self, tool: str, on_progress: OnProgress | None, /, **arguments: Any
    ) -> CallResult:
        """Call a tool that tells how far it is.

        Raises:
            ToolError: When it was refused or failed.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        result = await self._door.call(tool, given, on_progress)
        if result.is_error:
            raise ToolError("failed", result.text or f"'{tool}' failed.")
        return result

    async def ask(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its structured value."""
        return dict((await self.call(tool, **arguments)).structured or {})


def configured(folders: list[str]) -> Settings:
    """Return the settings that a server of this account would read from its files.

    Args:
        folders: Where Jupyter looks for configuration, the most important first.
    """
    from jupyter_core.application import JupyterApp

    traits = SettingsTraits()
    for name in CONFIGURATIONS:
        for found, _file in JupyterApp._load_config_files(name, path=folders):  # noqa: SLF001 - traitlets offers no other reader of both forms
            for trait, value in _section(found).items():
                setattr(traits, trait, value)
    return traits.to_settings()


def _section(config: Config) -> Mapping[str, Any]:
    section = config.get("JupyterMCP", {})
    return {name: value for name, value in section.items() if name in Settings.__slots__}


def _of_root(root: Path) -> Server | None:
    servers = discovery.running_servers()
    wanted = root.resolve()
    same = (server for server in servers if server.root and Path(server.root).resolve() == wanted)
    return next(same, None)


def _ask() -> Any:
    return _answer if sys.stdin.isatty() else None


async def _answer(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return await asyncio.to_thread(ask_person, params)
