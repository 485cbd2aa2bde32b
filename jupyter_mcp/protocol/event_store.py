"""Events of one older session, kept so that a client whose connection dropped gets what it missed.

Each session has a store of its own: the SDK names streams by request ids, which every session
counts from the start, so a shared store would replay one session's answers to another. Memory only
and bounded in number: who stays away longer gets what is left, and after that asks anew.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types.jsonrpc import JSONRPCMessage

EVENTS_LIMIT = 500
"""How many events of a session are kept."""


class RecentEvents(EventStore):
    """The last events of a session (SDK: ``EventStore``).

    Args:
        limit: How many are kept.
    """

    def __init__(self, limit: int = EVENTS_LIMIT) -> None:
        self._limit = limit
        self._events: OrderedDict[str, tuple[str, JSONRPCMessage | None]] = OrderedDict()

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep an event and return its identifier, which nobody can guess."""
        event_id = secrets.token_hex(8)
        self._events[event_id] = (stream_id, message)
        if len(self._events) > self._limit:
            self._events.popitem(last=False)
        return event_id

    async def replay_events_after(
        self, last_event_id: str, send_callback: EventCallback
    ) -> str | None:
        """Send what came after `last_event_id` on its stream and return the stream."""
        known = self._events.get(last_event_id)
        if known is None:
            return None
        ids = list(self._events)
        for event_id in ids[ids.index(last_event_id) + 1 :]:
            stream, message = self._events.get(event_id, ("", None))
            if stream == known[0] and message is not None:
                await send_callback(EventMessage(message, event_id))
        return known[0]
