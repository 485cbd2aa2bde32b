"""The base of our HTTP handlers: the door, the body limit, and errors in one line.

The body is taken in pieces so that an oversize one is never held in memory; it is read to its end
all the same, because a client that is cut off while sending never sees the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_server import CallContext
from jupyter_server._tz import utcnow
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError, stream_request_body

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.auth import Action, Door
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.server.credentials import Credentials
    from jupyter_mcp.server.panels import Panels
    from jupyter_mcp.server.port_keys import PortKeys
    from jupyter_mcp.server.route import Route
    from jupyter_mcp.server.starter import Starter
    from jupyter_mcp.server.workers import Workers

HEADERS_SETTING = "jupyter_mcp_headers"
"""Where the extension leaves the headers of every answer of ours."""

ACCESS_ENDED = 4401
"""The code with which a WebSocket is closed when the access behind it has ended."""


class Extension(Protocol):
    """What handlers use of the server extension."""

    max_body_bytes: int

    @property
    def doors(self) -> dict[str, Door]:
        """The doors by whose pages may call."""
        ...

    @property
    def panels(self) -> Panels:
        """The JupyterLab pages that are connected."""
        ...

    @property
    def port_keys(self) -> PortKeys:
        """The addresses by which browsers reach web servers in sandboxes."""
        ...

    @property
    def starter(self) -> Starter:
        """Starts the runtime when it is first needed."""
        ...

    @property
    def credentials(self) -> Credentials:
        """Tokens of ours, and whom an administrator has shut out."""
        ...

    @property
    def workers(self) -> Workers:
        """The processes in which workflows run."""
        ...

    @property
    def version_of_ours(self) -> str:
        """Our version."""
        ...


class OurHandler(JupyterHandler):
    """What HTTP and WebSocket handlers of ours share.

    Every method is marked as unauthenticated for Jupyter, because the door stands in the method
    itself: a test asks each route without credentials.
    """

    extension: Extension
    route: Route
    door: Door
    tracks_activity = True

    def initialize(self, extension: Extension, route: Route) -> None:
        """Take what the table of routes says of this route."""
        self.extension = extension
        self.route = route
        self.door = extension.doors[route.origins]

    def prepare(self) -> None:  # type: ignore[override]  # Jupyter's would redirect or answer 403
        """Leave everything to the door, but tell Jupyter's parts whose request this is."""
        CallContext.set(CallContext.JUPYTER_HANDLER, self)

    def set_default_headers(self) -> None:
        """Set the headers that do not depend on the request."""
        for name, value in self.settings[HEADERS_SETTING].items():
            self._headers[name] = value

    def set_signed_cookie(self, *args: Any, **kwargs: Any) -> None:
        """Set no cookie: a client with a token must not get a browser's login."""

    set_secure_cookie = set_signed_cookie

    async def enter(self) -> Principal:
        """Return who sent this request.

        Raises:
            Refused: When it does not get in, or its body is too large.
        """
        action: Action = self.route.actions[self.request.method or "GET"]
        principal = await self.door.enter(self, action)
        if self.tracks_activity:
            self.note_activity()
        return principal

    def note_activity(self) -> None:
        """Tell Jupyter that the server is in use, so that nobody culls it as idle."""
        self.settings["api_last_activity"] = utcnow()

    def refuse(self, refused: Refused) -> None:
        """Answer with what the door said."""
        for name, value in refused.headers.items():
            self.set_header(name, value)
        self.answer_error(refused.status, refused.error)

    def answer_error(self, status: int, error: ToolError) -> None:
        """Answer with an error in the form of this route."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(self.error_form(error)))

    def error_form(self, error: ToolError) -> dict[str, Any]:
        """Return the body of an error."""
        return {"error": error.to_json()}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what Tornado itself refuses or what went wrong unforeseen."""
        kind, error = (kwargs.get("exc_info") or (None, None, None))[:2]
        if isinstance(error, HTTPError) and status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            text = error.log_message or HTTPStatus(status_code).phrase
            if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                self.set_header("Allow", ", ".join(sorted({*self.route.methods, "OPTIONS"})))
            self.answer_error(status_code, ToolError("refused", text))
            return
        del kind
        unforeseen = ToolError("internal", "The request failed.", "The server's log says why.")
        # What cannot start, such as a database of a newer version, says itself what to do.
        self.answer_error(status_code, error if isinstance(error, ToolError) else unforeseen)


@stream_request_body
class DoorHandler(OurHandler):
    """A handler of plain HTTP requests."""

    def initialize(self, extension: Extension, route: Route) -> None:
        """Take what the table of routes says of this route."""
        super().initialize(extension, route)
        self._pieces: list[bytes] = []
        self._size = 0
        self._close_listeners: list[Callable[[], object]] = []
        self.is_closed = False

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body, unless it is too much already."""
        self._size += len(chunk)
        if self._size <= self.extension.max_body_bytes:
            self._pieces.append(chunk)
        else:
            self._pieces.clear()

    @property
    def body(self) -> bytes:
        """The whole body."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    async def enter(self) -> Principal:
        """Return who sent this request.

        Raises:
            Refused: When it does not get in, or its body is too large.
        """
        principal = await super().enter()
        limit = self.extension.max_body_bytes
        if self._size > limit:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                ToolError(
                    "too_large",
                    f"The body is larger than {limit} bytes.",
                    "Send less, or raise JupyterMCP.max_body_bytes.",
                ),
            )
        return principal

    async def guarded(self, serve: Callable[[Principal], Awaitable[None]]) -> None:
        """Let the request in and serve it; say in one line why not."""
        self._allow_page()
        try:
            await serve(await self.enter())
        except Refused as refused:
            self.refuse(refused)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.is_closed or task is None:
                raise
            task.uncancel()

    @allow_unauthenticated  # a preflight carries no credentials by definition
    async def options(self, *_: str, **__: str) -> None:
        """Answer a preflight of a page that may call."""
        try:
            self.door.check_host(self)
            self.door.check_origin(self)
        except Refused as refused:
            self.refuse(refused)
            return
        if self._allow_page():
            self.set_header("Access-Control-Allow-Methods", ", ".join(sorted(self.route.methods)))
            asked = self.request.headers.get("Access-Control-Request-Headers", "")
            self.set_header("Access-Control-Allow-Headers", asked)
            self.set_header("Access-Control-Max-Age", "600")
        self.set_header("Allow", ", ".join(sorted({*self.route.methods, "OPTIONS"})))
        self.set_status(HTTPStatus.NO_CONTENT)

    def on_close(self, listener: Callable[[], object]) -> None:
        """Call `listener` when the client goes before its answer is complete."""
        self._close_listeners.append(listener)
        if self.is_closed:
            listener()

    def cut(self) -> None:
        """End an answer that goes on, together with its connection."""
        self.request.connection.stream.close()  # type: ignore[union-attr]  # HTTP/1 has one

    def on_connection_close(self) -> None:
        """Tell whoever works for this request that nobody waits any more."""
        self.is_closed = True
        for listener in self._close_listeners:
            listener()

    def _allow_page(self) -> bool:
        """Set CORS headers for a page of a configured origin."""
        origin = self.request.headers.get("Origin")
        if origin is None or not self.door.is_foreign(origin):
            return False
        self.set_header("Access-Control-Allow-Origin", origin)
        exposed = "Mcp-Session-Id, Retry-After, WWW-Authenticate"
        self.set_header("Access-Control-Expose-Headers", exposed)
        self.set_header("Vary", "Origin")
        return True
