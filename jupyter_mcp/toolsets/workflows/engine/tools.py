"""How nodes reach the catalog's tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

OnProgress = Callable[[float, float | None, str], Awaitable[None]]

OnWait = Callable[[str], None]
"""Told why a call waits, in one line; an empty one when it goes on."""


class Places(Protocol):
    """What a node holds, and gives back while it only waits."""

    async def take(self) -> None:
        """Have all of them; it waits for those that are not free."""
        ...

    def leave(self) -> None:
        """Give them back."""
        ...


class Tools(Protocol):
    """Calls tools for the owner of a run, through the server's own door."""

    async def call(
        self,
        run: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str = "",
        node: str = "",
        seconds: float | None = None,
        on_progress: OnProgress | None = None,
        on_wait: OnWait | None = None,
        places: Places | None = None,
    ) -> Mapping[str, Any]:
        """Call a tool and return its result (MCP: ``CallToolResult``), also a failed one.

        It waits while the server is away, or the owner's access is ended; cancelling it cancels
        the call.

        Args:
            run: The run, whose owner's rights count.
            tool: The name of a tool.
            arguments: Its arguments.
            key: The idempotency key of what the call does; empty for none.
            node: The node that calls, for records.
            seconds: After how long the call is ended.
            on_progress: Told how far the call is.
            on_wait: Told while it waits.
            places: What the node holds: given back while it waits, taken before the call is made.

        Raises:
            ToolError: What the server refuses; ``forbidden`` when the owner may not.
        """
        ...
