"""An exchange in memory, for tests that need the protocol without a web server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_mcp.protocol.exchange import Caller


class MemoryExchange:
    """One HTTP exchange (see `jupyter_mcp.protocol.exchange.Exchange`) that keeps what is sent."""

    def __init__(self, caller: Caller, message: Any, **headers: str) -> None:
        self.method = "POST"
        self.target = "/mcp"
        self.caller = caller
        self.body = json.dumps(message).encode()
        self.headers: Mapping[str, str] = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        self.closed = False
        self.is_congested = False
        self.status = 0
        self.sent: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.began = asyncio.Event()
        self._listeners: list[Callable[[], object]] = []

    def on_close(self, listener: Callable[[], object]) -> None:
        """Keep who wants to know that the client goes."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Go, as a client does."""
        self.closed = True
        for listener in self._listeners:
            listener()

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Keep status and headers."""
        self.status = status
        self.sent = {name.lower(): value for name, value in headers.items()}

    async def write(self, chunk: bytes) -> None:
        """Keep a piece."""
        self.push(chunk)

    def push(self, chunk: bytes) -> None:
        """Keep a piece."""
        self.pieces.append(chunk)
        self.began.set()

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Keep an answer."""
        self.start(self.status or status, headers or {})
        self.push(body)

    @property
    def text(self) -> str:
        """All that was sent."""
        return b"".join(self.pieces).decode()
