"""Change events on their way to clients.

2026-07-28 clients open a ``subscriptions/listen`` stream, which the SDK's handler serves from a
bus; the older revisions get notifications on the channel of their session, to all of them when a
list changed and to those that subscribed when a resource did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.subscriptions import event_to_notification

from jupyter_mcp.calls import events


class Bus:
    """Our events in the SDK's words (SDK: ``SubscriptionBus``).

    Args:
        source: Where the events come from.
    """

    def __init__(self, source: events.Events) -> None:
        self._source = source

    async def publish(self, event: ServerEvent) -> None:
        """Refuse: events are published where they happen, on the runtime's own bus."""
        raise RuntimeError(f"{event} has to be published on the runtime's events.")

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Call `listener` for every event that MCP has a word for."""

        def deliver(event: events.Event) -> None:
            translated = _translated(event)
            if translated is not None:
                listener(translated)

        return self._source.subscribe(deliver)


class Audience:
    """The sessions of older revisions that want to hear of changes.

    Args:
        bus: Where the changes come from.
    """

    def __init__(self, bus: Bus) -> None:
        self._members: dict[Any, tuple[ServerSession, set[str]]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._unsubscribe = bus.subscribe(self._deliver)

    def join(self, key: Any, session: ServerSession) -> None:
        """Add a session that has completed its handshake."""
        self._members.setdefault(key, (session, set()))

    def leave(self, key: Any) -> None:
        """Forget a session that ended."""
        self._members.pop(key, None)

    def watch(self, key: Any, session: ServerSession, uri: str) -> None:
        """Tell the session when the resource `uri` changes."""
        self._members.setdefault(key, (session, set()))[1].add(uri)

    def unwatch(self, key: Any, uri: str) -> None:
        """Tell it no longer."""
        if key in self._members:
            self._members[key][1].discard(uri)

    def stop(self) -> None:
        """Listen no longer."""
        self._unsubscribe()
        self._members.clear()
        for task in self._sending:
            task.cancel()

    def _deliver(self, event: ServerEvent) -> None:
        for session, uris in list(self._members.values()):
            if not isinstance(event, ResourceUpdated) or event.uri in uris:
                task = asyncio.create_task(_send(session, event))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)


async def _send(session: ServerSession, event: ServerEvent) -> None:
    await session.send_notification(event_to_notification(event, {}))


def _translated(event: events.Event) -> ServerEvent | None:
    match event:
        case events.ResourceUpdated(uri):
            return ResourceUpdated(uri)
        case events.ResourcesChanged():
            return ResourcesListChanged()
        case events.ToolsChanged():
            return ToolsListChanged()
        case events.PromptsChanged():
            return PromptsListChanged()
        case _:
            return None
