"""What the table of routes says of one route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_mcp.server.auth import Action

Origins = Literal["mcp", "api", "own"]
"""Whose pages may call: those of ``allow_origins``, of ``cors_origins``, or the server's own."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Args:
        pattern: Regular expression of the path below the base URL.
        handler: The Tornado handler.
        actions: What the authorizer is asked for each method; empty for a public route.
        public: The methods of a public route, which answer without asking who it is.
        origins: Whose pages may call.
        is_socket: Whether it is a WebSocket.
    """

    pattern: str
    handler: type[Any]
    actions: Mapping[str, Action] = field(default_factory=dict)
    public: tuple[str, ...] = ()
    origins: Origins = "own"
    is_socket: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it answers without credentials."""
        return not self.actions

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it answers, besides preflights."""
        return (*self.actions, *self.public)
