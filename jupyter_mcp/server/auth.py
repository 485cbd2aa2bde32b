"""The door: who gets in, in the same order on every route of ours.

Host, Origin, identity, XSRF for those who came by cookie, Jupyter's authorizer. Jupyter's own
`prepare` is not used, because it redirects or answers 403 where MCP wants 401 with the address of
the resource's metadata, and because it lets a token pass with a foreign Origin. Nor is its
``@authorized``: without arguments it judges every later caller by the first one's action.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from tornado.web import HTTPError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.identity import Identity
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_mcp.security.principal import Principal

Action = Literal["read", "execute"]

RESOURCE = "mcp"
"""The resource that we name to Jupyter's authorizer."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HOSTS_LIMIT = 64


class Door:
    """Lets requests in or refuses them.

    Args:
        origins: Origins of web pages that may call, besides the server's own.
        identity: Recognises who sends requests.
    """

    def __init__(self, origins: tuple[str, ...], identity: Identity) -> None:
        self.identity = identity
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._hosts: set[str] = set()

    async def enter(self, handler: JupyterHandler, action: Action) -> Principal:
        """Return who sent the request.

        Raises:
            Refused: When the request does not get in.
        """
        self.check_host(handler)
        self.check_origin(handler)
        principal = await self.identity.of(handler)
        if not _has_nothing_to_abuse(handler):
            self._check_xsrf(handler)
        if not await may(handler, action):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                ToolError(
                    "forbidden",
                    f"This server's authorizer does not allow you to '{action}' on '{RESOURCE}'.",
                    "Ask its administrator.",
                ),
            )
        return principal

    def check_host(self, handler: JupyterHandler) -> None:
        """Refuse a Host that is not this server's: a page elsewhere rebinds its name to reach us.

        Raises:
            Refused: 403.
        """
        host = handler.request.host
        if host in self._hosts:
            return
        if not handler.check_host():
            raise Refused(
                HTTPStatus.FORBIDDEN,
                ToolError(
                    "forbidden",
                    "This server does not answer to that Host name.",
                    "Use localhost, or set ServerApp.allow_remote_access.",
                ),
            )
        if len(self._hosts) < HOSTS_LIMIT:
            self._hosts.add(host)

    def check_origin(self, handler: JupyterHandler) -> None:
        """Refuse web pages from elsewhere, with a valid token too (MCP: transports, security).

        Raises:
            Refused: 403.
        """
        origin = handler.request.headers.get("Origin")
        if origin is None or self.allows_origin(origin, handler.request.host):
            return
        raise Refused(
            HTTPStatus.FORBIDDEN,
            ToolError(
                "forbidden",
                "Pages from that Origin may not call this server.",
                "Add it to JupyterMCP.allow_origins (MCP) or JupyterMCP.cors_origins (HTTP API).",
            ),
        )

    def allows_origin(self, origin: str, host: str) -> bool:
        """Return whether pages of `origin` may call a server reached as `host`."""
        lowered = origin.lower().rstrip("/")
        try:
            return lowered in self._origins or urlsplit(lowered).netloc == host.lower()
        except ValueError:  # no URL, such as half an IPv6 address
            return False

    def is_foreign(self, origin: str) -> bool:
        """Return whether `origin` is one of the configured ones, which need CORS headers."""
        return origin.lower().rstrip("/") in self._origins

    @staticmethod
    def _check_xsrf(handler: JupyterHandler) -> None:
        if handler.request.method in _SAFE or handler.token_authenticated:
            return
        try:
            handler.check_xsrf_cookie()
        except HTTPError:
            raise Refused(
                HTTPStatus.FORBIDDEN,
                ToolError(
                    "forbidden",
                    "A request with a login cookie needs the X-XSRFToken header.",
                    "Send the value of the _xsrf cookie in it, or use a token.",
                ),
            ) from None


def _has_nothing_to_abuse(handler: JupyterHandler) -> bool:
    """Return whether there is no login that a foreign page could use unnoticed.

    That is a client without cookies at a server that asks nobody for credentials. Pages from
    elsewhere were refused by their Origin before.
    """
    return not handler.identity_provider.auth_enabled and "Cookie" not in handler.request.headers


async def may(handler: JupyterHandler, action: Action) -> bool:
    """Ask Jupyter's authorizer whether the handler's user may do `action` on our resource."""
    allowed = handler.authorizer.is_authorized(handler, handler.current_user, action, RESOURCE)
    return bool(allowed if isinstance(allowed, bool) else await allowed)
