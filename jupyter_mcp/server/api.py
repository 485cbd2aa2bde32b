"""The HTTP API for scripts and web pages: what its handlers share, and the catalog."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.challenge import server_url
from jupyter_mcp.server.handler import DoorHandler
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.server.starter import Served

STATUSES = {
    "denied": HTTPStatus.FORBIDDEN,
    "forbidden": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "paused": HTTPStatus.FORBIDDEN,
    "quarantined": HTTPStatus.FORBIDDEN,
    "timeout": HTTPStatus.REQUEST_TIMEOUT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "busy": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The HTTP status of an error's code; every other one is 409: the state of things forbids it.

Arguments that do not fit the tool's schema are refused with 400 before the call; where a tool
itself finds fault with arguments that do fit, it is with how they meet what is there.
"""


def status_of(error: ToolError) -> int:
    """Return the HTTP status for an error."""
    return STATUSES.get(error.code, HTTPStatus.CONFLICT)


class ApiHandler(DoorHandler):
    """What the handlers of the HTTP API share."""

    async def ready(self) -> Served:
        """Return the runtime, started if need be."""
        return self.extension.starter.served or await self.extension.starter.ready()

    def selection(
        self, served: Served, principal: Principal, default: str | None = None
    ) -> frozenset[str]:
        """Return the toolsets that the URL chose among those that the caller is limited to.

        Args:
            served: The runtime.
            principal: The caller.
            default: What to take when it chose none; None for the core.

        Raises:
            Refused: 404 for one that is not there.
        """
        try:
            wanted = self.get_argument("toolsets", default)
            return served.runtime.catalog.selection(wanted, principal.toolsets)
        except ToolError as error:
            raise Refused(status_of(error), error) from None

    def answer(self, content: Any, status: int = HTTPStatus.OK) -> None:
        """Answer JSON."""
        if self.is_closed:
            return
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(_dumped(content))


class ToolsHandler(ApiHandler):
    """``GET tools``: the tools that the caller sees."""

    @allow_unauthenticated  # the door stands inside
    async def get(self) -> None:
        """List the tools."""
        await self.guarded(self._list)

    async def _list(self, principal: Principal) -> None:
        from jupyter_mcp.protocol.wire import tool_to_wire

        served = await self.ready()
        chosen = self.selection(served, principal)
        await served.runtime.prepare(chosen)
        view = served.runtime.catalog.view(principal, chosen)
        icons = f"{server_url(self)}mcp/"
        tools = [
            {**tool_to_wire(tool, icons), "toolset": tool.toolset, "scope": tool.scope}
            for tool in view.tools.values()
        ]
        self.answer({"tools": tools})


class OpenApiHandler(ApiHandler):
    """``GET openapi.json``: this API in OpenAPI 3.1, made from the catalog."""

    @allow_unauthenticated  # the door stands inside
    async def get(self) -> None:
        """Answer the document."""
        await self.guarded(self._describe)

    async def _describe(self, principal: Principal) -> None:
        from jupyter_mcp.server.openapi import document

        served = await self.ready()
        chosen = self.selection(served, principal)
        await served.runtime.prepare(chosen)
        tools = served.runtime.catalog.view(principal, chosen).tools
        url = f"{self.base_url}jupyter_mcp/api"
        toolsets = sorted(served.runtime.catalog.selection("all", principal.toolsets))
        told = document(url, self.extension.version_of_ours, list(tools.values()), toolsets)
        self.answer(told)


def _dumped(content: Any) -> bytes:
    try:
        return json.dumps(content, allow_nan=False).encode()
    except ValueError:
        from jupyter_mcp.protocol.dumping import dump

        return dump(content)
