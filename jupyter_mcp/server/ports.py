"""Web servers in sandboxes, below the server's own address: a proxy through the agent's channel.

Who shows a token is answered directly. A browser that came by its login is sent on to an address
with a key (`port_keys`), because the page that it then shows has no origin and no cookies: it is a
stranger's, and must not act as the person who looks at it. Bodies are carried in pieces both ways,
however large, and each side waits for the other.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import stream_request_body

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.access_token import is_ours
from jupyter_mcp.server.api import status_of
from jupyter_mcp.server.handler import OurHandler
from jupyter_mcp.server.port_headers import (
    GUARDS,
    Entrance,
    Headers,
    inward,
    outward,
    preflight,
    shared,
    target_of,
)
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.server.port_access import PortAccess
    from jupyter_mcp.server.port_client import Head, PortExchange
    from jupyter_mcp.server.starter import Served

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_LIMIT = 1 << 62
PORT_LIMIT = 65_535

_BELOW = re.compile(r"/jupyter_mcp/sandboxes/([^/]+)/ports/(\d{1,5})(?:/~([\w-]{32}))?(/.*)?\Z")


@stream_request_body
class PortHandler(OurHandler):
    """``{base_url}jupyter_mcp/sandboxes/ID/ports/N/…``: for who shows a credential."""

    is_keyed = False

    def initialize(self, extension: Any, route: Any) -> None:
        """Take what the table of routes says of this route."""
        super().initialize(extension, route)
        self._answer: Callable[[], None] | None = None
        self._exchange: PortExchange | None = None
        self._work: asyncio.Task[None] | None = None
        self._is_complete = asyncio.Event()
        path = self.request.path.removeprefix(self.base_url.rstrip("/"))
        found = _BELOW.match(path)
        self.sandbox_id, self.port = (found[1], int(found[2])) if found else ("", 0)
        self.key: str = found[3] or "" if found else ""
        self.rest: str | None = found[4] if found else None

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's would redirect or answer 403
        """Let the request in and connect, before its body comes."""
        super().prepare()
        try:
            await self._begin()
        except Refused as refused:  # told once the body was read: who still sends hears nothing
            self._answer = partial(self.refuse, refused)
        except ToolError as error:
            self._answer = partial(self.refuse, Refused(_status_of(error), error))

    async def data_received(self, chunk: bytes) -> None:
        """Carry a piece of the body on; the next is read when there is room for it."""
        if self._exchange is not None:
            await self._exchange.send(chunk)

    async def serve(self) -> None:
        """Answer, now that the request is complete."""
        self._is_complete.set()
        if self._work is None:
            if self._answer is not None:
                self._answer()
        else:
            if self._exchange is not None and self._has_body:
                await self._exchange.finish()
            await asyncio.wait({self._work})
            self._end()

    @allow_unauthenticated  # the door stands in prepare
    async def get(self, *_: str, **__: str) -> None:
        """Answer."""
        await self.serve()

    head = post = put = patch = delete = options = get

    def refuse(self, refused: Refused) -> None:
        """Answer with what the door said."""
        for name, value in GUARDS:
            self.set_header(name, value)
        super().refuse(refused)

    def on_connection_close(self) -> None:
        """Let go of the program inside: nobody waits for it any more."""
        super().on_connection_close()
        if self._work is not None:
            self._work.cancel()

    async def admit(self) -> tuple[Principal, str] | None:
        """Return who may reach the port, and which exposure; None when that is answered already.

        Raises:
            Refused: When they may not.
            ToolError: Likewise.
        """
        principal = await self.enter()
        exposure = await self._check(principal)
        is_upgrade = bool(self._upgrade)
        if is_upgrade or ("Authorization" in self.request.headers and self.rest is not None):
            return principal, exposure
        served = await self._served()
        if "Authorization" in self.request.headers:
            self._send_to("/")
            return None
        key = self.extension.port_keys.grant(
            served.runtime.trust.leases, principal, self.sandbox_id, self.port, exposure
        )
        self._send_to(f"/~{key}{self.rest or '/'}")
        return None

    def drops_token(self, value: str) -> bool:
        """Return whether a parameter named ``token`` is kept back: here it opens the server."""
        del value
        return True

    def shared_headers(self) -> Headers:
        """Return what else the answer carries."""
        return []

    async def _begin(self) -> None:
        if not 0 < self.port <= PORT_LIMIT:
            what = f"{self.port} is no port."
            raise Refused(HTTPStatus.NOT_FOUND, ToolError("not_found", what, "Use 1 to 65535."))
        admitted = await self.admit()
        if admitted is None:
            return
        self.note_activity()
        principal, _exposure = admitted
        self.request.connection.set_max_body_size(NO_LIMIT)  # type: ignore[union-attr]  # HTTP/1 has one
        access, served = await self._access(), await self._served()
        connection = await access.connect(principal, self.sandbox_id, self.port)
        from jupyter_mcp.server.port_client import PortExchange

        exchange = PortExchange(connection, self._method, has_body=self._has_body)
        try:
            await exchange.start(self._target(), self._inward(), self._upgrade)
        except BaseException:
            await exchange.close()
            raise
        self._exchange = exchange
        tasks = served.runtime.tasks
        leave = access.enter(principal, self._client, self._cut)

        def ended(work: asyncio.Task[None]) -> None:
            leave()
            if work.cancelled():  # perhaps before its first step
                tasks.spawn("port close", exchange.close())

        self._work = tasks.spawn("port", self._relay(exchange))
        self._work.add_done_callback(ended)

    async def _relay(self, exchange: PortExchange) -> None:
        """Carry the answer out, also while the request still goes in."""
        try:
            head = await exchange.head()
            if head.status == HTTPStatus.SWITCHING_PROTOCOLS and self._upgrade:
                await self._hand_over(exchange, head)
                return
            self._write_head(head)
            await self.flush()
            while piece := await exchange.piece():
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            return
        except ToolError as error:
            if self._headers_written:
                self._cut()  # what broke off must not look complete
            else:
                self._answer = partial(self.refuse, Refused(HTTPStatus.BAD_GATEWAY, error))
        finally:
            await exchange.close()

    async def _hand_over(self, exchange: PortExchange, head: Head) -> None:
        from jupyter_mcp.server.port_socket import tunnel

        await self._is_complete.wait()  # before that, HTTP still holds the connection
        self._write_head(head)
        self.set_header("Connection", "Upgrade")
        self.set_header("Upgrade", self._upgrade)
        await self.finish()
        await tunnel(self.detach(), exchange.connection, exchange.left_over())

    def _end(self) -> None:
        """Finish the answer, unless it was handed over or broke off."""
        if self._answer is not None:
            self._answer()
        elif not self._headers_written:  # it was cancelled before anything came
            self._cut()
        elif not self._finished:
            self.finish()

    def _cut(self) -> None:
        """End the exchange and the client's connection."""
        if self._work is not None:
            self._work.cancel()
        stream = getattr(self.request.connection, "stream", None)
        if stream is not None:
            stream.close()

    def _write_head(self, head: Head) -> None:
        self.set_status(head.status)
        self._headers = HTTPHeaders()
        for name, value in [*outward(head.headers, self._entrance), *self.shared_headers()]:
            self._headers.add(name, value)

    def _inward(self) -> Headers:
        return inward(self.request.headers.get_all(), self._entrance)

    def _target(self) -> str:
        return target_of(self.rest or "/", self.request.query, self.drops_token)

    def _send_to(self, below: str) -> None:
        """Redirect, with the method and the body where there is more than to look at."""
        is_look = self._method in ("GET", "HEAD")
        location = self._home + target_of(below, self.request.query)
        headers = {"Location": location, "Cache-Control": "no-store"}
        status = HTTPStatus.FOUND if is_look else HTTPStatus.TEMPORARY_REDIRECT
        error = ToolError("moved", "Follow the redirect.")
        self._answer = partial(self.refuse, Refused(status, error, headers))

    async def _check(self, principal: Principal) -> str:
        access = await self._access()
        return await access.check(principal, self._client, self.sandbox_id, self.port)

    async def _access(self) -> PortAccess:
        served = await self._served()
        return self.extension.port_keys.access_to(served)

    async def _served(self) -> Served:
        return self.extension.starter.served or await self.extension.starter.ready()

    @property
    def _home(self) -> str:
        return f"{self.base_url}jupyter_mcp/sandboxes/{quote(self.sandbox_id)}/ports/{self.port}"

    @property
    def _entrance(self) -> Entrance:
        request = self.request
        home = self._home
        return Entrance(
            port=self.port,
            prefix=f"{home}/~{self.key}" if self.is_keyed else home,
            home=home,
            host=request.host,
            scheme=request.protocol,
            remote=request.remote_ip or "",
            tag=f"{re.sub(r'[^A-Za-z0-9-]', '-', self.sandbox_id)}.{self.port}.",
            is_keyed=self.is_keyed,
        )

    @property
    def _method(self) -> str:
        return self.request.method or "GET"

    @property
    def _client(self) -> str:
        return self.request.headers.get("User-Agent", "")[:100]

    @property
    def _upgrade(self) -> str:
        """The protocol that is asked for instead of HTTP; empty for none."""
        is_asked = "upgrade" in self.request.headers.get("Connection", "").lower()
        wanted = self.request.headers.get("Upgrade", "").lower()
        return wanted if is_asked and wanted == "websocket" else ""

    @property
    def _has_body(self) -> bool:
        headers = self.request.headers
        return headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers


class KeyedPortHandler(PortHandler):
    """``…/ports/N/~KEY/…``: for a page from the port itself, which has nothing but its address."""

    is_keyed = True

    async def admit(self) -> tuple[Principal, str] | None:
        """Return for whom the key was made, if it is good."""
        self.door.check_host(self)
        origin = self.request.headers.get("Origin")
        if origin != "null":  # what a page without an origin says, and others can not misuse
            self.door.check_origin(self)
        if self.request.headers.get("Service-Worker"):
            what = "A page from a sandbox gets no service worker."
            raise Refused(HTTPStatus.FORBIDDEN, ToolError("forbidden", what, "Do without."))
        await self._served()
        grant = self.extension.port_keys.find(self.key, self.sandbox_id, self.port)
        exposure = "" if grant is None else await self._check(grant.principal)
        if grant is None or exposure != grant.exposure:
            self._send_for_another()
            return None
        if self._is_preflight:
            self._answer = self._allow
            return None
        return grant.principal, exposure

    def drops_token(self, value: str) -> bool:
        """Return whether a parameter named ``token`` is this server's; the program has its own."""
        known = str(self.identity_provider.token or "")
        return is_ours(value) or (
            bool(known) and hmac.compare_digest(value.encode(), known.encode())
        )

    def shared_headers(self) -> Headers:
        """Return what lets the page read its own answers."""
        return shared(self.request.headers.get("Origin"))

    def _log(self) -> None:
        """Log the request without the key in its address."""
        self.request.uri = (self.request.uri or "").replace(f"/~{self.key}", "/~[secret]")
        super()._log()

    def _allow(self) -> None:
        """Answer a page that asks whether it may send more than a form could."""
        self.set_status(HTTPStatus.NO_CONTENT)
        self._headers = HTTPHeaders(dict(preflight(self.request.headers.get)))
        self.finish()

    def _send_for_another(self) -> None:
        """Send a person's browser for another key; others are told."""
        mode = self.request.headers.get("Sec-Fetch-Mode", "")
        if mode == "navigate" and self._method == "GET":
            self._send_to(self.rest or "/")
            return
        raise Refused(
            HTTPStatus.FORBIDDEN,
            ToolError(
                "forbidden",
                "This address has expired, or the port was closed.",
                "Open the address that port_expose told again.",
            ),
        )

    @property
    def _is_preflight(self) -> bool:
        headers = self.request.headers
        return (
            self._method == "OPTIONS"
            and headers.get("Origin") == "null"
            and "Access-Control-Request-Method" in headers
        )


def _status_of(error: ToolError) -> int:
    """Return the HTTP status: what a program inside does not do is a gateway's failure."""
    if error.code == "unavailable":
        return HTTPStatus.BAD_GATEWAY
    if error.code == "invalid_arguments":
        return HTTPStatus.BAD_REQUEST
    return status_of(error)
