"""What a client talks through: a server over MCP, or a runtime in the kernel itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.schema import ToolInfo

OnProgress = Callable[[float, float | None, str], Awaitable[None]]
"""Gets how much is done, of how much, and a line of text."""

OnAsk = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Gets the parameters of MCP's ``elicitation/create`` and returns its result."""


class Door(Protocol):
    """A way to a catalog of tools."""

    @property
    def place(self) -> str:
        """Where calls go, in a few words."""
        ...

    @property
    def protocol(self) -> str:
        """The protocol revision that was agreed on."""
        ...

    async def tools(self) -> list[ToolInfo]:
        """Return all tools."""
        ...

    async def call(
        self, name: str, arguments: Mapping[str, Any], on_progress: OnProgress | None
    ) -> CallResult:
        """Call a tool; cancelling the task cancels the call where it runs.

        Raises:
            ToolError: When the call did not happen or the server refused it.
        """
        ...

    async def complete(self, uri: str, argument: str, prefix: str) -> list[str]:
        """Return values for a variable of the resource template `uri`."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
