"""``notifications/tasks``: what watched tasks tell, on the stream of ``subscriptions/listen``.

The SDK's handler knows four kinds of events and writes the acknowledgement itself, so this stands
beside it: it adds the watched tasks to the acknowledgement and then tells of them on the same
stream. A client that does not read is told the newest state only; one that reads gets each change
of status at once and progress now and then. Jobs of another server tell no events: they are looked
at from time to time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types.jsonrpc import INVALID_PARAMS
from pydantic import BaseModel

from jupyter_mcp.protocol.request import Request
from jupyter_mcp.protocol.subscriptions import Bus
from jupyter_mcp.protocol.task_shapes import brief, detailed
from jupyter_mcp.protocol.tasks import Tasks

Context = ServerRequestContext[Any, Any]
Json = dict[str, Any]

WATCHED_LIMIT = 100
"""How many tasks one stream watches: each is looked up before."""

CALM_SECONDS = 0.5
"""How long to wait after something was told, so that much progress is one notification."""

PROGRESS_SECONDS = 5.0
"""How often at most progress alone is told of a task: each look is a call, and in the audit."""

LOOK_SECONDS = 10.0
"""After how long without an event tasks are looked at all the same."""


class _TaskNotification(BaseModel):
    """``notifications/tasks``."""

    method: str = "notifications/tasks"
    params: Json


class TaskWatch:
    """Watches tasks for listeners.

    Args:
        tasks: Finds them.
        bus: Tells when they change.
    """

    def __init__(self, tasks: Tasks, bus: Bus) -> None:
        self._tasks = tasks
        self._bus = bus

    async def begin(self, request: Request, asked: Any) -> Watching:
        """Return a watch over those of the tasks that the caller may see.

        Raises:
            MCPError: -32021 when the client does not declare that it knows tasks.
        """
        self._tasks.require(request)
        wanted = [each for each in asked if isinstance(each, str)] if _is_list(asked) else []
        seen = []
        for job_id in dict.fromkeys(wanted[:WATCHED_LIMIT]):
            with contextlib.suppress(MCPError):
                await self._tasks.look(request, job_id)
                seen.append(job_id)
        return Watching(self._tasks, self._bus, request, seen)


@dataclass(slots=True)
class Watching:
    """One stream's watch.

    Args:
        tasks: Finds tasks.
        bus: Tells when they change.
        request: The request whose stream it is.
        ids: The tasks.
    """

    tasks: Tasks
    bus: Bus
    request: Request
    ids: Sequence[str]
    _changed: set[str] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _told: dict[str, Json] = field(default_factory=dict)
    _looked: dict[str, float] = field(default_factory=dict)

    @asynccontextmanager
    async def beside(self, context: Context) -> AsyncIterator[Context]:
        """Tell of the tasks on the stream of `context`, beside who serves the returned one."""
        began = asyncio.Event()
        session = _Acknowledging(context.session, self.ids, began)
        self._note(*self.ids)
        unsubscribe = self.bus.subscribe_jobs(self._heard)
        telling = asyncio.create_task(self._tell(context, began), name="jupyter-mcp tell tasks")
        try:
            yield replace(context, session=cast("ServerSession", session))
        finally:
            unsubscribe()
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    def _heard(self, job_id: str) -> None:
        if job_id in self.ids:
            self._note(job_id)

    def _note(self, *ids: str) -> None:
        self._changed.update(ids)
        self._wake.set()

    async def _tell(self, context: Context, began: asyncio.Event) -> None:
        await began.wait()
        open_ones = set(self.ids)
        while open_ones:
            if not self._changed:
                self._wake.clear()
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    self._changed.update(open_ones)
            changed, self._changed = self._changed & open_ones, set()
            for job_id in sorted(changed):
                if not await self._tell_one(context, job_id):
                    open_ones.discard(job_id)
            await asyncio.sleep(CALM_SECONDS)

    async def _tell_one(self, context: Context, job_id: str) -> bool:
        """Tell the state of a task if it is another one; return whether it can change again."""
        try:
            if await self._is_progress(job_id):
                self._changed.add(job_id)
                return True
            record = await self.tasks.look(self.request, job_id)
            self._looked[job_id] = time.monotonic()
        except MCPError as error:  # it is gone, or cannot be looked at for a while
            return error.code != INVALID_PARAMS
        state = detailed(record)
        news = {key: value for key, value in state.items() if key != "pollIntervalMs"}
        if news != self._told.get(job_id):
            self._told[job_id] = news
            meta = {SUBSCRIPTION_ID_META_KEY: context.request_id}
            notification = _TaskNotification(params={**state, "_meta": meta})
            await context.session.send_notification(
                cast("types.ServerNotification", notification),
                related_request_id=context.request_id,
            )
        return record.is_active

    async def _is_progress(self, job_id: str) -> bool:
        """Return whether there is nothing to tell but progress, and some was told just now."""
        since = time.monotonic() - self._looked.get(job_id, -PROGRESS_SECONDS)
        told = self._told.get(job_id)
        if told is None or since >= PROGRESS_SECONDS:
            return False
        now = brief(await self.tasks.peek(self.request, job_id))
        return bool(now["status"] == told["status"] == "working")


class _Acknowledging:
    """A session that adds the watched tasks to the acknowledgement.

    Args:
        session: The session itself.
        ids: The tasks.
        began: Set when the acknowledgement is out.
    """

    def __init__(self, session: ServerSession, ids: Sequence[str], began: asyncio.Event) -> None:
        self._session = session
        self._ids = ids
        self._began = began

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def send_notification(self, notification: Any, related_request_id: Any = None) -> None:
        """Send a notification."""
        if isinstance(notification, types.SubscriptionsAcknowledgedNotification) and self._ids:
            told = notification.params.notifications
            honored = told.model_copy(update={"taskIds": list(self._ids)})
            params = notification.params.model_copy(update={"notifications": honored})
            notification = notification.model_copy(update={"params": params})
        await self._session.send_notification(notification, related_request_id)
        self._began.set()


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
