"""The bridge between a client on stdio and a server behind a WebSocket.

It passes JSON-RPC messages through as they are and keeps only what it must know to survive a
restart of the server: which requests are unanswered, and the older revisions' handshake. A request
that was under way when the server went away is answered with an error, never sent again: nobody
knows how far it came. A request that comes while there is no server waits a little for one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol

from jupyter_mcp.commands.handshake import PREFIX, Handshake
from jupyter_mcp.errors import ToolError

_log = logging.getLogger(__name__)

Message = Mapping[str, Any]

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
"""How long to wait before each attempt to connect; the last one for all that follow."""

FINISH_SECONDS = 1.0
"""How long unanswered requests may go on after the client has closed its end."""

REPEATABLE = frozenset({"initialize", "server/discover"})
"""Requests that are sent again to the next server: they ask who it is."""

_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600
_CONNECTION_CLOSED = -32000


class Socket(Protocol):
    """A connection to a server."""

    async def send(self, text: str) -> None:
        """Send a frame; drop it when the connection is gone."""
        ...

    async def receive(self) -> str | None:
        """Return the next frame; None when the connection has ended."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class Bridge:
    """Carries one client's messages.

    Args:
        connect: Opens a connection to wherever the server is now.
        write: Writes a line to the client.
        patience: Seconds that a request waits for a server before it is answered with an error.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Socket]],
        write: Callable[[str], None],
        patience: float = 15.0,
    ) -> None:
        self._connect = connect
        self._write = write
        self._patience = patience
        self._socket: Socket | None = None
        self._handshake = Handshake()
        self._waiting: list[tuple[float, Message]] = []
        self._pending: dict[Any, Message] = {}
        self._asked: set[Any] = set()
        self._settled = asyncio.Event()
        self._trouble = ""

    async def run(self, lines: AsyncIterator[bytes]) -> None:
        """Carry messages until the client closes its end."""
        link = asyncio.create_task(self._keep_linked(), name="jupyter-mcp bridge")
        try:
            async for line in lines:
                await self._from_client(line)
            await self._finish()
        finally:
            link.cancel()
            await asyncio.gather(link, return_exceptions=True)

    async def _from_client(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            self._answer_error(None, _PARSE_ERROR, "The line is not JSON.")
            return
        if not isinstance(message, dict):
            self._answer_error(None, _INVALID_REQUEST, "Send one JSON-RPC message in each line.")
            return
        self._handshake.sent(message)
        if "method" not in message:
            await self._from_client_answer(message)
        elif "id" in message:
            await self._from_client_request(message)
        else:
            await self._from_client_notification(message)

    async def _from_client_answer(self, message: Message) -> None:
        """Pass on an answer, unless the server that asked is gone."""
        if self._socket is not None and message.get("id") in self._asked:
            self._asked.discard(message["id"])
            await self._socket.send(json.dumps(message))

    async def _from_client_request(self, message: Message) -> None:
        if self._socket is None:
            self._waiting.append((time.monotonic() + self._patience, message))
        else:
            await self._send_request(self._socket, message)

    async def _from_client_notification(self, message: Message) -> None:
        if self._socket is not None:
            await self._socket.send(json.dumps(message))
        elif message["method"] == "notifications/cancelled":
            cancelled = (message.get("params") or {}).get("requestId")
            self._waiting = [w for w in self._waiting if w[1]["id"] != cancelled]

    async def _send_request(self, socket: Socket, message: Message) -> None:
        self._pending[message["id"]] = message
        await socket.send(json.dumps(message))

    async def _keep_linked(self) -> None:
        """Connect, carry, and connect again when the server goes away."""
        attempt = 0
        while True:
            try:
                socket = await self._connect()
            except (ToolError, OSError) as error:
                self._tell(str(error))
                self._expire()
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
                continue
            attempt = 0 if await self._carry(socket) else attempt + 1
            self._lost()
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])

    async def _carry(self, socket: Socket) -> bool:
        """Carry frames until the connection ends; tell whether it ever began."""
        try:
            if not await self._greet(socket):
                return False
            self._trouble = ""
            self._socket = socket
            waiting, self._waiting = self._waiting, []
            for _deadline, message in waiting:
                await self._send_request(socket, message)
            while (frame := await socket.receive()) is not None:
                self._from_server(frame)
            return True
        finally:
            self._socket = None
            socket.close()

    async def _greet(self, socket: Socket) -> bool:
        """Repeat the handshake of an older client; tell whether the server took it."""
        opening = self._handshake.opening()
        if opening is None:
            return True
        await socket.send(json.dumps(opening))
        while (frame := await socket.receive()) is not None:
            message = json.loads(frame)
            if message.get("id") == opening["id"]:
                for more in self._handshake.rest() if "result" in message else ():
                    await socket.send(json.dumps(more))
                return "result" in message
            self._from_server(frame)
        return False

    def _from_server(self, frame: str) -> None:
        message = json.loads(frame)
        if "method" in message:
            if "id" in message:
                self._asked.add(message["id"])
        elif str(message.get("id", "")).startswith(PREFIX):
            return
        else:
            self._handshake.answered(message)
            self._pending.pop(message.get("id"), None)
            self._note_settled()
        self._write(json.dumps(message, ensure_ascii=False))

    def _lost(self) -> None:
        """Answer what was under way, and keep what can be asked again."""
        self._tell("The Jupyter server went away; looking for it again.")
        lost, self._pending = self._pending, {}
        self._asked.clear()
        for identifier, message in lost.items():
            if message["method"] in REPEATABLE:
                self._waiting.append((time.monotonic() + self._patience, message))
            else:
                self._answer_error(
                    identifier,
                    _CONNECTION_CLOSED,
                    "The Jupyter server went away while this ran. Check what was done, then retry.",
                )
        self._note_settled()

    def _expire(self) -> None:
        """Answer the requests that have waited too long for a server."""
        now = time.monotonic()
        late = [message for deadline, message in self._waiting if deadline <= now]
        self._waiting = [entry for entry in self._waiting if entry[0] > now]
        for message in late:
            self._answer_error(message["id"], _CONNECTION_CLOSED, self._trouble)
        self._note_settled()

    def _answer_error(self, identifier: Any, code: int, message: str) -> None:
        error = {"code": code, "message": message}
        self._write(json.dumps({"jsonrpc": "2.0", "id": identifier, "error": error}))

    async def _finish(self) -> None:
        self._note_settled()
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            _log.info("%d requests were cancelled at the end.", len(self._pending))

    def _note_settled(self) -> None:
        if self._pending or self._waiting:
            self._settled.clear()
        else:
            self._settled.set()

    def _tell(self, trouble: str) -> None:
        """Log a trouble once, however often it comes back."""
        if trouble != self._trouble:
            _log.warning("%s", trouble)
        self._trouble = trouble
