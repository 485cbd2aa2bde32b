"""What an older client said when it connected, so that it can be said again to a new server.

Revisions before 2026-07-28 open with a handshake and keep state on the server: the log level, the
subscriptions. After a restart the bridge repeats them, and the client never knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "jupyter-mcp-connect-"
"""Begins the ids of the bridge's own requests; their answers are not passed on."""


class Handshake:
    """The memory of one client."""

    def __init__(self) -> None:
        self._initialize: Mapping[str, Any] | None = None
        self._initialize_id: Any = None
        self._level: Mapping[str, Any] | None = None
        self._subscriptions: dict[str, Mapping[str, Any]] = {}
        self.is_complete = False
        """Whether a server has answered the client's own handshake."""

    def sent(self, message: Mapping[str, Any]) -> None:
        """Take note of what the client sends."""
        params = message.get("params") or {}
        match message.get("method"):
            case "initialize":
                self._initialize, self._initialize_id = message, message.get("id")
                self.is_complete = False
            case "logging/setLevel":
                self._level = message
            case "resources/subscribe":
                self._subscriptions[str(params.get("uri"))] = message
            case "resources/unsubscribe":
                self._subscriptions.pop(str(params.get("uri")), None)

    def answered(self, message: Mapping[str, Any]) -> None:
        """Take note of what the server answers."""
        if self._initialize is not None and message.get("id") == self._initialize_id:
            self.is_complete = self.is_complete or "result" in message

    def opening(self) -> Mapping[str, Any] | None:
        """Return the request that opens a new connection; None when there is none to repeat."""
        if self._initialize is None or not self.is_complete:
            return None
        return {**self._initialize, "id": f"{PREFIX}initialize"}

    def rest(self) -> list[Mapping[str, Any]]:
        """Return what follows once the opening was answered."""
        state = [m for m in (self._level, *self._subscriptions.values()) if m is not None]
        again = [{**m, "id": f"{PREFIX}{number}"} for number, m in enumerate(state)]
        return [{"jsonrpc": "2.0", "method": "notifications/initialized"}, *again]
