"""One HTTP exchange with a program in a sandbox, over a connection that is only bytes.

The program is a stranger's: what it answers is parsed by h11, which bounds and checks it, and
nothing of it is kept beyond the piece that is on its way. Each exchange has a connection of its
own; to dial one through the agent costs less than to look after idle ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.port_headers import Headers

if TYPE_CHECKING:
    from jupyter_mcp.workplace import Connection

PIECE = 64 * 1024
HEAD_LIMIT = 64 * 1024
"""Bytes of an answer's head."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer.

    Args:
        status: HTTP status; 101 when the connection is handed over.
        headers: All headers.
    """

    status: int
    headers: Headers


class PortExchange:
    """A request to a program inside and its answer.

    Args:
        connection: The connection; the exchange closes it.
        method: The HTTP method.
        has_body: Whether a body follows.
    """

    def __init__(self, connection: Connection, method: str, *, has_body: bool) -> None:
        import h11

        self._h11: Any = h11
        self._connection = connection
        self._method = method
        self._has_body = has_body
        self._machine: Any = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        self._is_refused = False

    async def start(self, target: str, headers: Headers, upgrade: str = "") -> None:
        """Send the head of the request.

        Args:
            target: Path and query.
            headers: The headers without framing, but for a ``Content-Length``.
            upgrade: The protocol that shall follow on the connection; empty for none.

        Raises:
            ToolError: ``invalid_arguments`` for a head that is no HTTP.
        """
        framing: Headers = [("Connection", "Upgrade" if upgrade else "close")]
        if upgrade:
            framing.append(("Upgrade", upgrade))
        names = {name.lower() for name, _ in headers}
        if self._has_body and "content-length" not in names:
            framing.append(("Transfer-Encoding", "chunked"))
        try:
            request = self._h11.Request(
                method=self._method, target=target, headers=_encoded([*headers, *framing])
            )
            await self._send(request)
            if not self._has_body:
                await self.finish()
        except self._h11.LocalProtocolError as error:
            what = f"This request cannot be passed on: {error}."
            raise ToolError("invalid_arguments", what, "Send plain HTTP/1.1.") from None

    async def send(self, piece: bytes) -> None:
        """Send a piece of the body; dropped once the program wants no more of it."""
        await self._send(self._h11.Data(data=piece))

    async def finish(self) -> None:
        """Say that the body is complete."""
        await self._send(self._h11.EndOfMessage())

    async def head(self) -> Head:
        """Return the head of the answer.

        Raises:
            ToolError: ``unavailable`` when the program answers no HTTP.
        """
        while True:
            event = await self._next()
            if isinstance(event, self._h11.InformationalResponse) and event.status_code != 101:  # noqa: PLR2004 - RFC 9110, 15.2.2
                continue
            if isinstance(event, self._h11.Response | self._h11.InformationalResponse):
                return Head(event.status_code, _decoded(event))
            raise _no_http("it closed the connection")

    async def piece(self) -> bytes:
        """Return the next piece of the answer's body; empty at its end.

        Raises:
            ToolError: ``unavailable`` when it breaks off.
        """
        while True:
            event = await self._next()
            if isinstance(event, self._h11.Data):
                if event.data:
                    return bytes(event.data)
            else:
                return b""

    def left_over(self) -> bytes:
        """Return what came behind the head of an answer that hands the connection over."""
        data, _is_closed = self._machine.trailing_data
        return bytes(data)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    @property
    def connection(self) -> Connection:
        """The connection, once it was handed over."""
        return self._connection

    async def _send(self, event: Any) -> None:
        if self._is_refused:
            return
        data = self._machine.send(event)
        if not data:
            return
        try:
            await self._connection.write(data)
        except ConnectionError:  # it may have answered before it stopped to listen
            self._is_refused = True

    async def _next(self) -> Any:
        while True:
            try:
                event = self._machine.next_event()
            except self._h11.RemoteProtocolError as error:
                raise _no_http(str(error)) from None
            if event is not self._h11.NEED_DATA:
                return event
            try:
                data = await self._connection.read(PIECE)
            except ConnectionError as error:
                raise _no_http(str(error)) from None
            self._machine.receive_data(data)


def _no_http(why: str) -> ToolError:
    return ToolError(
        "unavailable",
        f"The program on that port answers no HTTP that can be passed on: {why}.",
        "Look at its output in the terminal, and try again when it serves.",
    )


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _decoded(event: Any) -> Headers:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
