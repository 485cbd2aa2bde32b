"""The MCP endpoint: Tornado's handlers dressed as the protocol's exchange."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.access_token import RENEW
from jupyter_mcp.server.auth import may
from jupyter_mcp.server.challenge import server_url
from jupyter_mcp.server.handler import ACCESS_ENDED, DoorHandler, OurHandler
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.protocol.exchange import Caller
    from jupyter_mcp.protocol.websocket import Socket
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.tokens.leases import Lease
    from jupyter_mcp.server.starter import Served

INVALID_REQUEST = -32600
INTERNAL_ERROR = -32603
"""JSON-RPC 2.0, section 5.1."""

SUBPROTOCOL = "mcp"

LISTEN = "subscriptions/listen"

RENEW_LIMIT = 8192
"""The longest notification of a newer token, in characters."""


class TornadoExchange:
    """One HTTP exchange over a handler (see `jupyter_mcp.protocol.exchange.Exchange`).

    Args:
        handler: The handler.
        caller: Who sent the request.
    """

    __slots__ = ("_handler", "caller")

    def __init__(self, handler: DoorHandler, caller: Caller) -> None:
        self._handler = handler
        self.caller = caller

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self._handler.request.method or "GET"

    @property
    def target(self) -> str:
        """Path and query of the URL."""
        return self._handler.request.uri or ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self._handler.request.headers

    @property
    def body(self) -> bytes:
        """The whole body."""
        return self._handler.body

    @property
    def closed(self) -> bool:
        """Whether the client has gone."""
        return self._handler.is_closed

    @property
    def is_congested(self) -> bool:
        """Whether what was sent before still waits to go out."""
        return bool(self._handler.request.connection.stream.writing())  # type: ignore[union-attr]  # HTTP/1 has one

    def on_close(self, listener: Callable[[], object]) -> None:
        """Call `listener` when the client goes."""
        self._handler.on_close(listener)

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Set status and headers."""
        handler = self._handler
        handler.set_status(status)
        handler.clear_header("Content-Type")
        for name, value in headers.items():
            handler.set_header(name, value)

    async def write(self, chunk: bytes) -> None:
        """Send a piece now; dropped in silence when the client has gone."""
        handler = self._handler
        if handler.is_closed or handler._finished:  # noqa: SLF001 - Tornado offers no other sign
            return
        handler.write(chunk)
        try:
            await handler.flush()
        except StreamClosedError:
            return

    def push(self, chunk: bytes) -> None:
        """Send a piece without waiting."""
        if not self._handler.is_closed:
            self._handler.write(chunk)
            self._handler.flush()

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer, or the end of one that was started."""
        handler = self._handler
        if handler.is_closed:
            return
        if not handler._headers_written:  # noqa: SLF001 - as above
            handler.set_status(status)
            handler._headers["Content-Type"] = "application/json"  # noqa: SLF001 - set_header checks what we know
            for name, value in (headers or {}).items():
                handler.set_header(name, value)
        handler.finish(body)


class McpHandler(DoorHandler):
    """``{base_url}mcp``: both eras of MCP."""

    @allow_unauthenticated  # the door stands inside
    async def post(self) -> None:
        """Serve a request."""
        await self.guarded(self._serve)

    @allow_unauthenticated  # the door stands inside
    async def get(self) -> None:
        """Serve the stream of an older session."""
        await self.guarded(self._serve)

    @allow_unauthenticated  # the door stands inside
    async def delete(self) -> None:
        """End an older session."""
        await self.guarded(self._serve)

    def error_form(self, error: ToolError) -> dict[str, Any]:
        """Return a JSON-RPC error without an id."""
        code = INTERNAL_ERROR if error.code == "internal" else INVALID_REQUEST
        told = {"code": code, "message": str(error), "data": error.to_json()}
        return {"jsonrpc": "2.0", "id": None, "error": told}

    async def _serve(self, principal: Principal) -> None:
        served = self.extension.starter.served or await self.extension.starter.ready()
        exchange = TornadoExchange(self, await caller_of(self, served, principal))
        if not self._is_stream:
            await served.endpoint.serve(exchange)
            return
        leases = served.runtime.trust.leases
        lease = leases.take(principal, lambda _why: self.cut())
        try:
            await served.endpoint.serve(exchange)
        finally:
            leases.give_back(lease)

    @property
    def _is_stream(self) -> bool:
        """Whether the answer goes on until somebody ends it, not just until a call is done."""
        request = self.request
        return request.method == "GET" or request.headers.get("Mcp-Method") == LISTEN


class McpSocketHandler(OurHandler, WebSocketHandler):
    """``{base_url}mcp/ws``: MCP over a WebSocket.

    It lives as long as the token that opened it, or a newer one of the same family that the client
    shows by a `RENEW` notification: so a call that takes longer than a token goes on.
    """

    socket: Socket | None = None
    _lease: Lease

    @allow_unauthenticated  # the door stands inside
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Let the client in and shake hands."""
        try:
            principal = await self.enter()
            served = await self.extension.starter.ready()
            self._caller = await caller_of(self, served, principal)
        except Refused as refused:
            self.refuse(refused)
            return
        self._served = served
        leases = served.runtime.trust.leases
        self._lease = leases.take(principal, self._over)
        try:
            await super().get(*args, **kwargs)
        finally:
            leases.give_back(self._lease)

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Say yes: the door has checked it."""
        del origin_to_satisfy_tornado
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Choose ours when it is offered."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    @property
    def max_message_size(self) -> int:
        """The largest frame in bytes."""
        return self.extension.max_body_bytes

    @property
    def ping_interval(self) -> float:
        """Seconds between pings, which keep proxies from closing a quiet connection."""
        return 15.0

    def open(self, *_: str, **__: str) -> None:
        """Begin to serve."""
        self.socket = self._served.endpoint.connect(self._caller, self._send)

    async def on_message(self, message: str | bytes) -> None:
        """Serve a frame; the next is read when this one is taken."""
        if self.socket is None:
            return
        self.note_activity()
        token = _renewal(message)
        if token is None:
            await self.socket.receive(message)
        else:
            await self._renew(token)

    async def _renew(self, token: str) -> None:
        """Go on with a newer token of the same family."""
        try:
            principal = await self.door.identity.of_token(self, token)
        except Refused:
            self._over()
            return
        if principal.token != self._caller.principal.token or self.socket is None:
            self._over()
            return
        self._caller = replace(self._caller, principal=principal)
        self.socket.renew(self._caller)
        self._served.runtime.trust.leases.renew(self._lease, principal)

    def _over(self, why: str = "ended") -> None:
        """Cancel what runs and close, because the access has ended."""
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.close()
        self.close(ACCESS_ENDED, f"access {why}")

    def on_close(self) -> None:
        """Cancel what runs for this client."""
        if self.socket is not None:
            self.socket.close()

    async def _send(self, frame: str) -> None:
        try:
            await self.write_message(frame)
        except WebSocketClosedError:
            return


def _renewal(message: str | bytes) -> str | None:
    """Return the token in a `RENEW` notification; None for every other message."""
    if len(message) > RENEW_LIMIT or isinstance(message, bytes) or RENEW not in message:
        return None
    try:
        found = json.loads(message)
        return str(found["params"]["token"]) if found["method"] == RENEW else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


async def caller_of(handler: OurHandler, served: Served, principal: Principal) -> Caller:
    """Return the caller with the toolsets that the URL chose, ready to be shown.

    Raises:
        Refused: 400 for a toolset that is not there.
    """
    from jupyter_mcp.protocol.exchange import Caller

    try:
        wanted = handler.get_argument("toolsets", None)
        selection = served.runtime.catalog.selection(wanted, principal.toolsets)
    except ToolError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, error) from None
    await served.runtime.prepare(selection)
    return Caller(
        principal=principal,
        credential=principal.credential,
        selection=selection,
        door="workflow" if principal.is_workflow else "mcp",
        icons=f"{server_url(handler)}mcp/",
        may=partial(may, handler),
    )
