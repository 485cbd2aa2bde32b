"""Change events on their way to clients.

2026-07-28 clients open a ``subscriptions/listen`` stream, which the SDK's handler serves from a
bus; the older revisions get notifications on the channel of their session, to all of them when a
list changed and to those that subscribed when a resource did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
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

    def subscribe_jobs(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` with a job's identifier whenever one changes."""

        def deliver(event: events.Event) -> None:
            if isinstance(event, events.JobChanged):
                listener(event.job_id)

        return self._source.subscribe(deliver)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Call `listener` for every event that MCP has a word for."""

        def deliver(event: events.Event) -> None:
            translated = _translated(event)
            if translated is not None:
                listener(translated)

        return self._source.subscribe(deliver)


@dataclass(slots=True)
class Member:
    """A session and what it has not been told yet.

    Args:
        session: The way to it.
        uris: The resources that it watches.
        untold: Events to tell, each once however often it happened: they say "look again".
        telling: The task that tells them.
    """

    session: ServerSession
    uris: set[str] = field(default_factory=set)
    untold: dict[ServerEvent, None] = field(default_factory=dict)
    telling: asyncio.Task[None] | None = None


class Audience:
    """The sessions of older revisions that want to hear of changes.

    A session that does not read delays nobody: its events wait, and equal ones are one.

    Args:
        bus: Where the changes come from.
    """

    def __init__(self, bus: Bus) -> None:
        self._members: dict[Any, Member] = {}
        self._unsubscribe = bus.subscribe(self._deliver)

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def join(self, key: Any, session: ServerSession) -> Member:
        """Add a session that has completed its handshake, or return it."""
        return self._members.setdefault(key, Member(session))

    def leave(self, key: Any) -> None:
        """Forget a session that ended."""
        member = self._members.pop(key, None)
        if member is not None and member.telling is not None:
            member.telling.cancel()

    def unwatch(self, key: Any, uri: str) -> None:
        """Tell it no longer."""
        if key in self._members:
            self._members[key].uris.discard(uri)

    async def stop(self) -> None:
        """Listen no longer."""
        self._unsubscribe()
        telling = [member.telling for member in self._members.values() if member.telling]
        for key in list(self._members):
            self.leave(key)
        await asyncio.gather(*telling, return_exceptions=True)

    def _deliver(self, event: ServerEvent) -> None:
        for member in self._members.values():
            if isinstance(event, ResourceUpdated) and event.uri not in member.uris:
                continue
            member.untold[event] = None
            if member.telling is None:
                member.telling = asyncio.create_task(_tell(member), name="jupyter-mcp tell")


async def _tell(member: Member) -> None:
    try:
        while member.untold:
            event = next(iter(member.untold))
            del member.untold[event]
            await member.session.send_notification(event_to_notification(event, {}))
    finally:
        member.telling = None


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
