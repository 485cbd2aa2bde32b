"""The Jupyter server extension. Thin on purpose: it says where things are, and starts nothing."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_server.extension.application import ExtensionApp

from jupyter_mcp.config import SettingsTraits
from jupyter_mcp.server import event_schemas
from jupyter_mcp.server.auth import Door
from jupyter_mcp.server.credentials import Credentials
from jupyter_mcp.server.failed_kernels import forget_failed_kernels
from jupyter_mcp.server.handler import HEADERS_SETTING
from jupyter_mcp.server.identity import Identity
from jupyter_mcp.server.panels import Panels
from jupyter_mcp.server.person import PersonKey
from jupyter_mcp.server.port_keys import PortKeys
from jupyter_mcp.server.routes import ROUTES
from jupyter_mcp.server.starter import Starter
from jupyter_mcp.server.workers import Workers
from jupyter_mcp.workplace import LEFT_WORK

if TYPE_CHECKING:
    from jupyter_mcp.calls.toolset import JupyterServices

DISTRIBUTION = "jupyter-mcp-workbench"

_log = logging.getLogger(__name__)


class JupyterMCP(SettingsTraits, ExtensionApp):
    """MCP inside the Jupyter server."""

    name = "jupyter_mcp"
    description = "AI agents work with you in your live notebooks, over MCP."
    load_other_extensions = True
    classes = []  # noqa: RUF012 - the server parses its own options; parsing them again costs 50 ms

    def initialize_settings(self) -> None:
        """Prepare what handlers find in the application's settings."""
        server: Any = self.serverapp
        self.settings[HEADERS_SETTING] = {
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Content-Security-Policy": "frame-ancestors 'none'; default-src 'none'",
            **server.web_app.settings.get("headers", {}),
        }

    def initialize_handlers(self) -> None:
        """Add our routes to the server's."""
        self.person.write()
        self.starter.listeners.append(lambda served: self.panels.guard(served.runtime.trust))
        self.handlers.extend(
            (route.pattern, route.handler, {"extension": self, "route": route}) for route in ROUTES
        )

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Let pages hear of workflows; start the runtime where an earlier server has left work."""
        event_schemas.register(serverapp.event_logger)
        place = self.to_settings().state_place(serverapp.root_dir)
        if (place / LEFT_WORK).exists():
            self._left_work = asyncio.create_task(self.starter.ready(), name="jupyter-mcp left")
            self._left_work.add_done_callback(_told)

    async def stop_extension(self) -> None:
        """End everything, also when nothing was ever started."""
        server: Any = self.serverapp
        self.person.remove()
        self.panels.stop()
        await self.starter.stop()
        forget_failed_kernels(server.kernel_manager)

    @cached_property
    def version_of_ours(self) -> str:
        """Our version."""
        return version(DISTRIBUTION)

    @cached_property
    def doors(self) -> dict[str, Door]:
        """The doors by whose pages may call."""
        return {
            "mcp": Door(tuple(self.allow_origins), self.identity),
            "api": Door(tuple(self.cors_origins), self.identity),
            "own": Door((), self.identity),
        }

    @cached_property
    def identity(self) -> Identity:
        """Recognises who sends requests."""
        return Identity(self.person, self.credentials)

    @cached_property
    def credentials(self) -> Credentials:
        """Tokens of ours, and whom an administrator has shut out."""
        return Credentials(self.starter, self._state_folder)

    @cached_property
    def workers(self) -> Workers:
        """The processes in which workflows run."""
        return Workers(self._state_folder)

    @cached_property
    def person(self) -> PersonKey:
        """The key of whoever sits at this machine."""
        server: Any = self.serverapp
        return PersonKey(Path(server.runtime_dir))

    @cached_property
    def panels(self) -> Panels:
        """The JupyterLab pages that are connected."""
        return Panels()

    @cached_property
    def port_keys(self) -> PortKeys:
        """The addresses by which browsers reach web servers in sandboxes."""
        return PortKeys()

    @cached_property
    def starter(self) -> Starter:
        """Starts the runtime when it is first needed."""
        return Starter(self.to_settings, self.services, self.version_of_ours)

    def _state_folder(self) -> Path:
        server: Any = self.serverapp
        return self.to_settings().state_folder(server.root_dir)

    def services(self) -> JupyterServices:
        """Return the server's parts that toolsets work with."""
        from jupyter_mcp.calls.toolset import JupyterServices

        server: Any = self.serverapp
        collaboration = server.extension_manager.extension_apps.get("jupyter_server_ydoc", ())
        return JupyterServices(
            contents_manager=server.contents_manager,
            kernel_manager=server.kernel_manager,
            session_manager=server.session_manager,
            kernel_spec_manager=server.kernel_spec_manager,
            ydoc=next(iter(collaboration), None),
            panel=self.panels,
            root_dir=server.root_dir,
            event_logger=server.event_logger,
            credentials=(str(getattr(server.identity_provider, "token", "")),),
            url=_reached_at(server),
        )


def _told(starting: asyncio.Task[Any]) -> None:
    """Log why the runtime could not start; the next request tries again."""
    if not starting.cancelled() and (error := starting.exception()) is not None:
        _log.warning("Work that was left could not be taken up: %s", error)


def _reached_at(server: Any) -> str:
    """Return the base URL by which people reach the server, as far as it was told."""
    told = os.environ.get("JUPYTERHUB_PUBLIC_URL") or server.custom_display_url
    if not told:
        return str(server.connection_url)
    path = urlsplit(told).path.rstrip("/")
    return told.rstrip("/") + ("/" if path else str(server.base_url))
