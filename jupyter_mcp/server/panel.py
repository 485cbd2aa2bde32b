"""The WebSocket by which a JupyterLab page tells what it has open and is asked to edit it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.websocket import WebSocketHandler

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.handler import ACCESS_ENDED, OurHandler
from jupyter_mcp.server.panels import Page
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal


class PanelHandler(OurHandler, WebSocketHandler):
    """``{base_url}jupyter_mcp/panel``: the WebSocket of the panel."""

    tracks_activity = False
    page: Page | None = None
    _principal: Principal

    @allow_unauthenticated  # the door stands inside
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Let the page in and shake hands."""
        try:
            self._principal = await self.enter()
            _check_is_person(self._principal)
        except Refused as refused:
            self.refuse(refused)
            return
        await super().get(*args, **kwargs)

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Say yes: the door has checked it."""
        del origin_to_satisfy_tornado
        return True

    @property
    def ping_interval(self) -> float:
        """Seconds between pings."""
        return 15.0

    def open(self, *_: str, **__: str) -> None:
        """Add the page."""
        self.page = self.extension.panels.join(self.write_message, self._principal, self._over)

    def on_message(self, message: str | bytes) -> None:
        """Take what the page says."""
        if self.page is not None:
            self.page.receive(message)

    def _over(self) -> None:
        self.close(ACCESS_ENDED, "access ended")

    def on_close(self) -> None:
        """Forget the page."""
        if self.page is not None:
            self.extension.panels.leave(self.page)


def _check_is_person(principal: Principal) -> None:
    """Refuse a client's token: who poses as a page is given people's documents to edit.

    Raises:
        Refused: 403.
    """
    if principal.kind == "client":
        what = "A client's token does not open JupyterLab's own connection."
        raise Refused(HTTPStatus.FORBIDDEN, ToolError("forbidden", what, "Use MCP."))
