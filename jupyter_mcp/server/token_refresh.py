"""The exchange of a refresh token for the next pair (RFC 6749, section 6).

The route asks nobody who they are, because the refresh token itself is the credential; host and
origin are checked as everywhere. What is wrong is said in the words of RFC 6749, section 5.2, which
never tell why a token is not good.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.access_token import LIMIT, REFRESH, TokenRefused
from jupyter_mcp.server.handler import DoorHandler
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.security.tokens.tokens import Issued

BODY_LIMIT = 2 * LIMIT

GRANT = "refresh_token"


class OAuthError(Exception):
    """A refusal in the words of RFC 6749.

    Args:
        code: One of its error codes.
        status: The HTTP status.
    """

    def __init__(self, code: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class RefreshHandler(DoorHandler):
    """``POST token/refresh``: a new access token and the refresh token that follows."""

    @allow_unauthenticated  # the refresh token in the body is the credential
    async def post(self) -> None:
        """Exchange the refresh token."""
        self._allow_page()
        try:
            self.door.check_host(self)
            self.door.check_origin(self)
            self._answer(HTTPStatus.OK, await self._exchanged())
        except Refused as refused:
            self.refuse(refused)
        except OAuthError as error:
            self._answer(error.status, {"error": error.code})
        except ToolError as error:
            self.answer_error(HTTPStatus.SERVICE_UNAVAILABLE, error)

    async def _exchanged(self) -> dict[str, Any]:
        shown = _shown(self._fields())
        address = self.request.remote_ip or ""
        served = self.extension.starter.served or await self.extension.starter.ready()
        tokens = served.runtime.trust.tokens
        try:
            return _granted(await tokens.refresh(shown, address))
        except TokenRefused as refused:
            self.extension.credentials.note(
                "token_refused", self, reason=refused.reason, token=refused.family
            )
        if wait := tokens.retry_after(address):
            self.set_header("Retry-After", str(int(wait) + 1))
            raise OAuthError("invalid_grant", HTTPStatus.TOO_MANY_REQUESTS)
        raise OAuthError("invalid_grant")

    def _fields(self) -> dict[str, Any]:
        """Return the fields of the body, which is a form or JSON."""
        if self._size > BODY_LIMIT:
            raise OAuthError("invalid_request", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        media_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        try:
            if media_type == "application/json":
                found = json.loads(self.body)
            else:
                pairs = parse_qs(self.body.decode(), strict_parsing=True, max_num_fields=20)
                found = {name: values[0] for name, values in pairs.items() if len(values) == 1}
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise OAuthError("invalid_request")
        return found

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        if self.is_closed:
            return
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Pragma", "no-cache")
        self.finish(json.dumps(content))


def _shown(fields: dict[str, Any]) -> str:
    grant, shown = fields.get("grant_type"), fields.get(GRANT)
    if not isinstance(grant, str) or not isinstance(shown, str) or not shown:
        raise OAuthError("invalid_request")
    if grant != GRANT:
        raise OAuthError("unsupported_grant_type")
    if len(shown) > LIMIT or not shown.startswith(REFRESH):
        raise OAuthError("invalid_grant")
    return shown


def _granted(issued: Issued) -> dict[str, Any]:
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": max(0, int(issued.access_expires - issued.issued)),
        "refresh_token": issued.refresh_token,
        "scope": " ".join(sorted(issued.family.scopes)),
    }
