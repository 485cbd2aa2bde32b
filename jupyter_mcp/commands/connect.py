"""``jupyter mcp connect``: a bridge for MCP clients that start their servers as child processes.

It speaks newline-delimited JSON-RPC on stdin and stdout (MCP's stdio transport) and MCP over
WebSocket to the Jupyter server, which it finds by itself and finds again after a restart. Logs go
to stderr; stdout carries nothing but messages.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from traitlets import Float, Unicode, default

from jupyter_mcp.commands.bridge import Bridge
from jupyter_mcp.commands.command import ServerCommand
from jupyter_mcp.commands.refresh_file import RefreshFile
from jupyter_mcp.commands.refreshing_socket import open_refreshing
from jupyter_mcp.commands.socket import McpSocket, open_socket
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import discovery
from jupyter_mcp.ipython.discovery import Server

CHUNK_BYTES = 65536

UNUSED = "refreshed"
"""Stands for a token so that none is looked for."""

ENVIRONMENT = "JUPYTER_MCP_REFRESH_TOKEN_FILE"


class ConnectApp(ServerCommand):
    """Bridge an MCP client on stdin and stdout to a running Jupyter server."""

    name = "jupyter-mcp-connect"
    description = __doc__ or ""
    examples = "jupyter mcp connect\njupyter mcp connect --url http://localhost:8888 --token TOKEN"
    patience = Float(
        15.0, min=0.0, help="Seconds that a request waits for a server that is not there."
    ).tag(config=True)
    refresh_token_file = Unicode(
        help="A file with a refresh token (jupyter mcp token create --save FILE); the bridge "
        f"refreshes it by itself. By default what {ENVIRONMENT} says."
    ).tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **ServerCommand.aliases,
        "patience": "ConnectApp.patience",
        "refresh-token-file": "ConnectApp.refresh_token_file",
    }
    _refused = ""

    @default("refresh_token_file")
    def _refresh_token_file(self) -> str:
        return os.environ.get(ENVIRONMENT, "")

    async def run(self) -> int:
        """Carry messages until stdin closes."""
        level = logging.DEBUG if self.log_level == logging.DEBUG else logging.INFO
        logging.basicConfig(
            stream=sys.stderr, level=level, format="jupyter mcp connect: %(message)s"
        )
        logging.getLogger("asyncio").setLevel(logging.WARNING)
        await Bridge(self._open, _write_line, self.patience).run(_lines(sys.stdin.fileno()))
        return 0

    async def _open(self) -> McpSocket:
        if self.refresh_token_file:
            return await self._open_refreshing(RefreshFile(self.refresh_token_file))
        server = _checked(await asyncio.to_thread(self.find))
        socket = await open_socket(server)
        _tell_connected(server)
        return socket

    async def _open_refreshing(self, file: RefreshFile) -> McpSocket:
        """Connect by an access token, and show a newer one before each ends."""
        server = _checked(await asyncio.to_thread(self._find_for, file))
        access = await asyncio.to_thread(file.access, server.base_url, is_refused=self._refused)
        try:
            socket = await open_refreshing(replace(server, token=access.token), file, access)
        except ToolError as error:
            self._refused = access.token if error.code == "unauthorized" else ""
            raise
        self._refused = ""
        _tell_connected(server)
        return socket

    def _find_for(self, file: RefreshFile) -> Server | None:
        """Return the server that was named, else the file's own, else one that runs."""
        server = discovery.given(self.url, UNUSED) if self.url else file.server()
        return server.with_toolsets(self.toolsets) if server and self.toolsets else server


def _checked(server: Server | None) -> Server:
    if server is None:
        raise ToolError(
            "unavailable",
            "No running Jupyter server was found.",
            "Start one (jupyter lab), or name it: --url URL --token TOKEN.",
        )
    return server


def _tell_connected(server: Server) -> None:
    logging.getLogger(__name__).info("Connected to %s (%s).", server.base_url, server.found_by)


def _write_line(line: str) -> None:
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


async def _lines(file: int) -> AsyncIterator[bytes]:
    """Yield the lines of a file descriptor.

    A daemon thread reads, because a pipe, a file and a Windows console can all be read that way. It
    reads the bare descriptor: a thread inside Python's own buffer could not be left behind at exit.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        chunk = b"?"
        while chunk:
            try:
                chunk = os.read(file, CHUNK_BYTES)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the loop has ended
                return

    threading.Thread(target=read, name="jupyter-mcp-stdin", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
    if rest.strip():
        yield rest
