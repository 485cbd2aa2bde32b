"""What the egress proxy reads and writes in HTTP: by h11, strictly, one request a connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.egress.domains import split_host

if TYPE_CHECKING:
    import h11

PIECE = 65536
HEAD_PIECE = 4096
HTTP = 80
HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"proxy-connection", b"keep-alive", b"proxy-authenticate", b"te"),
        *(b"proxy-authorization", b"trailer", b"transfer-encoding", b"upgrade", b"host"),
    )
)
"""RFC 9110, 7.6.1: not for the other side of a proxy; ``Host`` is written anew."""


class Stream(Protocol):
    """A connection from inside (`jupyter_mcp.toolsets.sandboxes.link.streams`)."""

    async def read(self, limit: int) -> bytes:
        """Return the next bytes; empty at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def close_write(self) -> None:
        """Say that nothing more comes."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class RefusalError(Exception):
    """A request that is not passed on.

    Args:
        status: The status of the answer.
        reason: Its few words, which is all that many clients show.
        text: Its body: what is wrong and what to do.
    """

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.text = " ".join(text.split())


async def head_of(client: h11.Connection, stream: Stream) -> h11.Request | None:
    """Return the request that a connection begins with; None when it is closed before."""
    import h11

    while (event := client.next_event()) is h11.NEED_DATA:
        client.receive_data(await stream.read(HEAD_PIECE))
    return event if isinstance(event, h11.Request) else None


async def body_of(
    client: h11.Connection, stream: Stream
) -> AsyncIterator[h11.Data | h11.EndOfMessage]:
    """Yield the body of a request to its end.

    Raises:
        h11.RemoteProtocolError: When it is broken.
    """
    import h11

    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            if client.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await stream.write(client.send(go_on) or b"")
            client.receive_data(await stream.read(PIECE))
        elif isinstance(event, (h11.Data, h11.EndOfMessage)):
            yield event
            if isinstance(event, h11.EndOfMessage):
                return
        else:
            return


async def refuse(client: h11.Connection, stream: Stream, refusal: RefusalError) -> None:
    """Answer a request that is not passed on."""
    import h11

    body = f"{refusal.text}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    with contextlib.suppress(h11.LocalProtocolError, OSError, ToolError):
        head = h11.Response(status_code=refusal.status, reason=refusal.reason, headers=headers)
        said = [
            client.send(head),
            client.send(h11.Data(data=body)),
            client.send(h11.EndOfMessage()),
        ]
        await stream.write(b"".join(each or b"" for each in said))
        stream.close_write()
        async with asyncio.timeout(1):  # a close with bytes unread would take the answer away
            while await stream.read(PIECE):
                pass


def host_of(target: str) -> tuple[str, int]:
    """Return host and port of a CONNECT."""
    try:
        return split_host(target)
    except ValueError as error:
        raise RefusalError(400, "Bad Request", str(error)) from None


def parts_of(target: str) -> tuple[str, int, str, str]:
    """Return host, port, authority and path of a request's URL."""
    try:
        parts = urlsplit(target)
        host, port = split_host(parts.netloc, HTTP)
    except ValueError as error:
        raise RefusalError(400, "Bad Request", str(error)) from None
    if parts.scheme.lower() != "http":
        raise RefusalError(400, "Bad Request", "A proxy takes http:// URLs and CONNECT.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    name = f"[{host}]" if ":" in host else host
    return host, port, name if port == HTTP else f"{name}:{port}", path


def rewritten(request: h11.Request, authority: str, path: str) -> h11.Request:
    """Return a request as its server gets it: what was meant for a proxy is left out."""
    import h11

    named = {
        word.strip().lower()
        for name, value in request.headers
        if name == b"connection"
        for word in value.split(b",")
    }
    kept = [
        (name, value)
        for name, value in request.headers
        if name not in HOP_BY_HOP and name not in named
    ]
    if any(name == b"transfer-encoding" for name, _value in request.headers):
        kept = [pair for pair in kept if pair[0] != b"content-length"]  # one framing, never two
        kept.append((b"transfer-encoding", b"chunked"))
    headers = [(b"host", authority.encode()), *kept, (b"connection", b"close")]
    return h11.Request(method=request.method, target=path.encode("ascii"), headers=headers)
