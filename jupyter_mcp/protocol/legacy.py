"""The handshake revisions (2024-11-05 to 2025-11-25): a bridge into the SDK's session manager.

The manager speaks ASGI, so one exchange is dressed up as an ASGI request. It lives in one task from
start to stop, because its cancel scope must be left in the task that entered it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.streamable_http import EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from jupyter_mcp.protocol.bind import SCOPE_KEY
from jupyter_mcp.protocol.event_store import RecentEvents
from jupyter_mcp.protocol.exchange import Caller, Exchange

RETRY_MS = 1_000
"""After how many milliseconds a client may come back for the rest of a stream."""

Event = MutableMapping[str, Any]


class SessionManager(StreamableHTTPSessionManager):
    """The SDK's manager, with a store of events for each session instead of one for all."""

    @property
    def event_store(self) -> EventStore:
        """A new store; the manager asks once for each session that it opens."""
        return RecentEvents()

    @event_store.setter
    def event_store(self, store: EventStore | None) -> None:
        """Ignore the shared store that the manager's constructor sets."""


class Legacy:
    """The sessions of the older revisions.

    Args:
        server: The low-level server.
        max_sessions: How many may be open.
        idle_seconds: After how many seconds without a request one ends.
        max_body: The largest body in bytes.
        retry_ms: After how many milliseconds clients come back for the rest of a stream.
    """

    def __init__(
        self,
        server: Server[Any],
        *,
        max_sessions: int,
        idle_seconds: float,
        max_body: int,
        retry_ms: int = RETRY_MS,
    ) -> None:
        self._manager = SessionManager(
            server,
            retry_interval=retry_ms,
            session_idle_timeout=idle_seconds,
            max_request_body_size=max_body,
            max_sessions=max_sessions,
        )
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Enter the manager, in the task that will leave it."""
        ready = asyncio.Event()

        async def live() -> None:
            async with self._manager.run():
                ready.set()
                await self._stopping.wait()

        self._running = asyncio.create_task(live(), name="jupyter-mcp sessions")
        await ready.wait()

    async def stop(self) -> None:
        """End every session."""
        self._stopping.set()
        if self._running is not None:
            await self._running
        await _end_watcher()

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request of an older client."""
        bridge = _Bridge(exchange)
        await self._manager.handle_request(_scope(exchange), bridge.receive, bridge.send)


class _Bridge:
    """ASGI's receive and send over an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._given = False
        self._gone = asyncio.Event()
        exchange.on_close(self._gone.set)

    async def receive(self) -> Event:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._exchange.body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            headers = {
                key.decode("latin-1"): value.decode("latin-1") for key, value in event["headers"]
            }
            self._exchange.start(event["status"], headers)
        elif event["type"] == "http.response.body":
            await self._exchange.write(event.get("body", b""))
        if event["type"] == "http.response.body" and not event.get("more_body", False):
            self._gone.set()


async def _end_watcher() -> None:
    """End the task with which sse_starlette looks for the end of uvicorn, twice a second.

    It begins with the first event stream of the process and ends only with uvicorn, which is not
    here.
    """
    from sse_starlette import sse

    code = sse._shutdown_watcher.__code__  # noqa: SLF001 - the library keeps no other hold of it
    watchers = [
        task for task in asyncio.all_tasks() if getattr(task.get_coro(), "cr_code", None) is code
    ]
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)


def _scope(exchange: Exchange) -> dict[str, Any]:
    path, _, query = exchange.target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": exchange.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": _headers(exchange.headers),
        "client": None,
        "server": None,
        "state": {},
        "user": _user(exchange.caller),
        SCOPE_KEY: exchange.caller,
    }


def _headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]


def _user(caller: Caller) -> AuthenticatedUser:
    """Return the SDK's form of a caller: what it compares to bind a session to a credential."""
    return AuthenticatedUser(
        AccessToken(
            token="",
            client_id=caller.principal.id,
            scopes=sorted(caller.principal.scopes),
            subject=caller.credential,
        )
    )
