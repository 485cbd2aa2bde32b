"""A connection that outlives its access tokens.

Before one ends, a newer one of the same family is shown on the open connection, so nothing that
runs is lost. Where that fails the server closes the connection, and the bridge makes another.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time

from tornado.websocket import WebSocketClientConnection

from jupyter_mcp.commands.refresh_file import AccessToken, RefreshFile
from jupyter_mcp.commands.socket import McpSocket, open_connection
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.security.tokens.access_token import RENEW

_log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
"""How long to wait before a refresh that failed is tried again."""


class RefreshingSocket(McpSocket):
    """An open connection that shows newer tokens.

    Args:
        connection: The connection.
        file: Where the refresh token lies.
        base_url: The server.
        access: The token that opened it.
    """

    def __init__(
        self,
        connection: WebSocketClientConnection,
        file: RefreshFile,
        base_url: str,
        access: AccessToken,
    ) -> None:
        super().__init__(connection)
        self._file = file
        self._base_url = base_url
        self._renewing = asyncio.create_task(self._renew(access), name="jupyter-mcp refresh")

    def close(self) -> None:
        """End the connection, and refresh no more."""
        self._renewing.cancel()
        super().close()

    async def _renew(self, access: AccessToken) -> None:
        while True:
            await asyncio.sleep(max(0.0, access.renew_at - time.time()))
            try:
                access = await asyncio.to_thread(self._file.access, self._base_url)
            except ToolError as error:
                _log.warning("%s", error)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            shown = {"jsonrpc": "2.0", "method": RENEW, "params": {"token": access.token}}
            await self.send(json.dumps(shown))


async def open_refreshing(server: Server, file: RefreshFile, access: AccessToken) -> McpSocket:
    """Connect to `server` by an access token.

    Raises:
        ToolError: When it refuses or does not answer.
    """
    connection = await open_connection(server)
    return RefreshingSocket(connection, file, server.base_url, access)
