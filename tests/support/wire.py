"""A light MCP client (revision 2026-07-28) that costs the measuring process almost nothing.

It writes bytes prepared once on a kept connection and reads the answer, JSON or event stream.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self
from urllib.parse import urlsplit

VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}


class ToolCallError(Exception):
    """The tool answered with an error result."""


class Wire:
    """One kept HTTP connection to an MCP endpoint.

    Args:
        url: The endpoint.
        token: Jupyter's token.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._token = token
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address, limit=2**26)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drop()

    def drop(self) -> None:
        """Close the connection, as a client does that cancels."""
        if self._writer is not None:
            self._writer.close()

    def prepare(self, method: str, params: dict[str, Any], path: str | None = None) -> bytes:
        """Return the bytes of a request."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": META, **params}}
        body = json.dumps(message).encode()
        headers = {
            "Host": f"{self._address[0]}:{self._address[1]}",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": method,
            "Content-Length": str(len(body)),
        }
        if name := params.get("name", params.get("taskId")):
            headers["Mcp-Name"] = name
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path or self._path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    async def send(self, request: bytes) -> bytes:
        """Send prepared bytes and return the body of the answer."""
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        fields = head.lower()
        if b"transfer-encoding: chunked" in fields:
            return await self._chunks()
        length = int(fields.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        return await self._reader.readexactly(length)

    def begin(self, request: bytes) -> None:
        """Send prepared bytes and do not wait for the answer."""
        assert self._writer is not None
        self._writer.write(request)

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its result.

        Raises:
            ToolCallError: When the result is an error.
        """
        request = self.prepare("tools/call", {"name": name, "arguments": arguments})
        message = last_message(await self.send(request))
        result: dict[str, Any] = message.get("result") or {}
        if "error" in message or result.get("isError"):
            raise ToolCallError(json.dumps(message.get("error") or result)[:2000])
        return result

    async def _chunks(self) -> bytes:
        assert self._reader is not None
        body = b""
        while size := int((await self._reader.readuntil(b"\r\n")).strip(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return body


def last_message(body: bytes) -> dict[str, Any]:
    """Return the JSON-RPC answer of a body that is JSON or an event stream."""
    if body.startswith(b"{"):
        body = b"data:" + body
    lines = [line for line in body.splitlines() if line.startswith(b"data:")]
    message: dict[str, Any] = json.loads(lines[-1].removeprefix(b"data:"))
    return message
