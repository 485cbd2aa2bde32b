"""The answer to one request of 2026-07-28: JSON at once, or a stream of events when it takes time.

An answer becomes a stream when the call has something to tell before its result, or when it has
been silent for 15 seconds: from then on a comment every 15 seconds keeps proxies from closing the
connection, which would cancel the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import anyio
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp.shared.message import MessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import ErrorData
from pydantic_core import to_json

from jupyter_mcp.protocol.dumping import dump
from jupyter_mcp.protocol.exchange import Exchange
from jupyter_mcp.protocol.faults import error_body

KEEP_ALIVE_SECONDS = 15.0
PROGRESS = "notifications/progress"

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
_TRANSPORT = TransportContext(kind="streamable-http", can_send_request=False)


class Stream:
    """Writes the answer of one request.

    Args:
        exchange: Where to.
        request_id: The request's JSON-RPC id.
    """

    __slots__ = ("_exchange", "_is_stream", "_timer", "request_id")

    def __init__(self, exchange: Exchange, request_id: Any) -> None:
        self._exchange = exchange
        self._is_stream = False
        self.request_id = request_id
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(KEEP_ALIVE_SECONDS, self._keep_alive)

    async def notify(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Send a notification before the result.

        Progress that cannot go out at once is dropped: a client that does not read must not hold up
        the call, and the next one says more.
        """
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        self._open()
        if method != PROGRESS:
            await self._exchange.write(_event(dump(message)))
        elif not self._exchange.is_congested:
            self._exchange.push(_event(dump(message)))

    def finish(self, result: dict[str, Any] | bytes) -> None:
        """Send the result and end the answer."""
        dumped = result if isinstance(result, bytes) else dump(result)
        head = b'{"jsonrpc":"2.0","id":' + to_json(self.request_id) + b',"result":'
        self._end(HTTPStatus.OK, head + dumped + b"}")

    def fail(self, error: ErrorData) -> None:
        """Send an error and end the answer."""
        status = ERROR_CODE_HTTP_STATUS.get(error.code, HTTPStatus.OK)
        self._end(status, error_body(error.code, error.message, error.data, self.request_id))

    def stop(self) -> None:
        """Send no more comments: nobody is there, or the answer is complete."""
        self._timer.cancel()

    def _end(self, status: int, body: bytes) -> None:
        self.stop()
        if self._is_stream:
            self._exchange.reply(HTTPStatus.OK, _event(body))
        else:
            self._exchange.reply(status, body)

    def _open(self) -> None:
        if not self._is_stream:
            self._is_stream = True
            self._exchange.start(HTTPStatus.OK, _STREAM_HEADERS)

    def _keep_alive(self) -> None:
        if self._exchange.closed:
            return
        self._open()
        self._exchange.push(b": still working\n\n")
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(KEEP_ALIVE_SECONDS, self._keep_alive)


@dataclass(slots=True)
class DispatchContext:
    """One request as the SDK's dispatch wants it (SDK: ``DispatchContext``).

    Args:
        stream: The answer.
        message_metadata: Carries the caller.
    """

    stream: Stream
    message_metadata: MessageMetadata
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)
    can_send_request: bool = False

    @property
    def transport(self) -> TransportContext:
        """What the SDK may know of the connection."""
        return _TRANSPORT

    @property
    def request_id(self) -> Any:
        """The request's JSON-RPC id."""
        return self.stream.request_id

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Refuse: this revision has no requests from the server."""
        del params, opts
        raise NoBackChannelError(method)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Send a notification on the request's stream."""
        del opts
        await self.stream.notify(method, params)

    async def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Do nothing: progress goes through the call's channel."""
        del progress, total, message


def _event(data: bytes) -> bytes:
    return b"event: message\ndata: " + data + b"\n\n"
