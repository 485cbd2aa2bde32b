"""What a door asks of the runtime: whose token is this, and has their access been ended?

What is wrong with a token is told to whoever looks after the server and never to
the caller, who gets the same words for everything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.access import marker
from jupyter_mcp.security.tokens.access_token import TokenRefused
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.signals import SignalKind
    from jupyter_mcp.server.starter import Served, Starter

UNTOLD_LIMIT = 256
"""How many signals are kept for a runtime that has not started."""


class Credentials:
    """Tokens of ours and ended access, for all doors of one server.

    Args:
        starter: Starts the runtime when a token of ours is shown.
        folder: Returns the state folder.
    """

    def __init__(self, starter: Starter, folder: Callable[[], Path]) -> None:
        self._starter = starter
        self._folder = folder
        self._untold: deque[tuple[SignalKind, dict[str, Any]]] = deque(maxlen=UNTOLD_LIMIT)
        starter.listeners.append(self._tell)

    async def principal_of(self, shown: str, handler: JupyterHandler) -> Principal:
        """Return who shows a token of ours.

        Raises:
            Refused: 401 when it is not good.
        """
        served = self._starter.served or await self._starter.ready()
        try:
            return await served.runtime.trust.tokens.principal_of(shown)
        except TokenRefused as refused:
            self.note("token_refused", handler, reason=refused.reason, token=refused.family)
            raise not_good() from None

    async def check_welcome(self, principal: Principal, handler: JupyterHandler) -> None:
        """Refuse whom an administrator has shut out.

        Raises:
            Refused: 401.
        """
        served = self._starter.served
        if served is None:
            if not self._keeps_somebody_out:
                return
            served = await self._starter.ready()
        if await served.runtime.trust.access.is_ended(principal):
            self.note("token_refused", handler, reason="access ended", principal=principal.id)
            raise not_good()

    def note(self, kind: SignalKind, handler: JupyterHandler, **details: Any) -> None:
        """Tell a signal with where it came from, at the latest when the runtime starts."""
        request = handler.request
        told = {**details, "remote": request.remote_ip, "path": request.path[:200]}
        served = self._starter.served
        if served is None:
            self._untold.append((kind, told))
        else:
            served.runtime.trust.signals.note(kind, **told)

    def _tell(self, served: Served) -> None:
        while self._untold:
            kind, details = self._untold.popleft()
            served.runtime.trust.signals.note(kind, **details)

    @property
    def _keeps_somebody_out(self) -> bool:
        try:
            return self._marker.exists()
        except OSError:  # no state folder, so nothing was ever decided
            return False

    @cached_property
    def _marker(self) -> Path:
        return marker(self._folder())


def not_good() -> Refused:
    """Return the one refusal for everything that can be wrong with a token."""
    return Refused(
        HTTPStatus.UNAUTHORIZED,
        ToolError(
            "unauthorized",
            "This token is not good here.",
            "Refresh it, or ask whoever runs this server for another one.",
        ),
    )
