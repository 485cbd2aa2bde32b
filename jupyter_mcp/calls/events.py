"""Change events: what happened to resources, tools and calls, told to whoever listens.

Listeners are plain synchronous callables run on the server's event loop; they must be quick and
hand long work to a task of their own. One that raises is logged and does not disturb the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResourceUpdated:
    """The contents behind `uri` changed."""

    uri: str


@dataclass(frozen=True, slots=True)
class ResourcesChanged:
    """Resources came or went."""


@dataclass(frozen=True, slots=True)
class ToolsChanged:
    """Tools came, went or changed their description."""


@dataclass(frozen=True, slots=True)
class PromptsChanged:
    """Prompts came or went."""


@dataclass(frozen=True, slots=True)
class CallsChanged:
    """A call started, progressed or ended."""

    call_id: str


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job began, told something, asked or ended."""

    job_id: str


Event = (
    ResourceUpdated | ResourcesChanged | ToolsChanged | PromptsChanged | CallsChanged | JobChanged
)
Listener = Callable[[Event], None]


class Events:
    """An in-process bus of change events."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    def publish(self, event: Event) -> None:
        """Tell `event` to every listener, in the order in which they subscribed."""
        for listener in list(self._listeners.values()):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - one bad listener must not starve the others
                _log.exception("A listener of change events failed; the others go on.")

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add `listener` and return the function that removes it again."""
        key = object()
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)

        return unsubscribe
