"""The bridge's connection to a server: MCP over WebSocket, with Tornado's client."""

from __future__ import annotations

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.discovery import Server

CONNECT_SECONDS = 10.0
PING_SECONDS = 20.0
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""The server limits what it takes; what it gives may be a big notebook."""

_REFUSALS = {
    401: ("unauthorized", "refused the token.", "Give the right one with --token."),
    403: ("forbidden", "does not let this caller in.", "Check address and token."),
    404: (
        "unavailable",
        "has no MCP endpoint.",
        "Enable it there: jupyter server extension enable jupyter_mcp, and restart the server.",
    ),
}


class McpSocket:
    """An open connection."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        """Send a frame; a connection that is gone swallows it, `receive` tells of it."""
        try:
            await self._connection.write_message(text)
        except WebSocketClosedError:
            return

    async def receive(self) -> str | None:
        """Return the next frame; None when the connection has ended."""
        frame = await self._connection.read_message()
        return frame.decode() if isinstance(frame, bytes) else frame

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


async def open_socket(server: Server) -> McpSocket:
    """Connect to `server`.

    Raises:
        ToolError: When it refuses, with the reason; ``unavailable`` when it does not answer.
    """
    return McpSocket(await open_connection(server))


async def open_connection(server: Server) -> WebSocketClientConnection:
    """Shake hands with `server`.

    Raises:
        ToolError: As `open_socket`.
    """
    request = HTTPRequest(
        server.websocket_url,
        headers={"Authorization": f"Bearer {server.token}"} if server.token else {},
        connect_timeout=CONNECT_SECONDS,
        validate_cert=not server.is_local,
    )
    try:
        return await websocket_connect(
            request,
            subprotocols=["mcp"],
            max_message_size=MAX_MESSAGE_BYTES,
            ping_interval=PING_SECONDS,
        )
    except HTTPTimeoutError:
        raise _silent(server) from None
    except HTTPClientError as error:
        code, said, remedy = _REFUSALS.get(
            error.code, ("unavailable", f"answered with status {error.code}.", "See its log.")
        )
        raise ToolError(code, f"{server.base_url} {said}", remedy) from None
    except OSError:
        raise _silent(server) from None


def _silent(server: Server) -> ToolError:
    return ToolError(
        "unavailable", f"No answer from {server.base_url}.", "Start the Jupyter server again."
    )
