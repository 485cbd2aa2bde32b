"""The SDK's own client against a server under test: what a real user of ours runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from support.server import JupyterServer

MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@asynccontextmanager
async def connected(
    server: JupyterServer, mode: str = MODERN, *, query: str = "toolsets=all", **options: Any
) -> AsyncIterator[Client]:
    """Connect the SDK's client, with the server's token."""
    headers = options.pop("headers", server.headers)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(
            streamable_http_client(f"{server.mcp_url}?{query}", http_client=http),
            mode=mode,
            cache=None,
            **options,
        ) as client,
    ):
        yield client


def modern_request(method: str, params: dict[str, Any] | None = None, **message: Any) -> Any:
    """Return body and headers of a raw request of 2026-07-28."""
    asked = dict(params or {})
    meta = {**META, **asked.pop("_meta", {})}
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        "params": {**asked, "_meta": meta},
        **message,
    }
    headers = {
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": method,
        "Accept": "application/json, text/event-stream",
    }
    name = asked.get("name", asked.get("uri"))
    if name is not None:
        headers["Mcp-Name"] = str(name)
    return body, headers
