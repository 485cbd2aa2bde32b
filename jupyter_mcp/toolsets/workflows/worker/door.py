"""What a worker needs to reach its server; the command that starts it brings an MCP client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError

OnProgress = Callable[[float, float | None, str], Awaitable[None]]


class Away(Exception):  # noqa: N818 - it names what happened
    """The server does not answer, or went away during a call.

    Args:
        reason: What is told of it, in one line.
    """

    def __init__(self, reason: str = "the Jupyter server is not running") -> None:
        super().__init__(reason)
        self.reason = reason


class NotLetIn(Exception):  # noqa: N818 - it names what happened
    """The server does not take the token any more."""


class Waiting(Exception):  # noqa: N818 - it names what happened
    """Somebody has to do something before a call may be made.

    Args:
        reason: What is told of it, in one line.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Door(Protocol):
    """A connection to a server by one token."""

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        meta: Mapping[str, Any],
        on_progress: OnProgress | None,
    ) -> Mapping[str, Any]:
        """Call a tool and return its result (MCP: ``CallToolResult``).

        Raises:
            Away: No answer came; the call may have been done.
            NotLetIn: The token is not good.
            ToolError: What the server refuses.
        """
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class Reach(Protocol):
    """Ways to servers."""

    def find(self) -> Sequence[str]:
        """Return the base URLs of the servers of the state folder, the newest first; it blocks."""
        ...

    def connect(self, base_url: str, token: str) -> Door:
        """Return a door, which connects at its first call."""
        ...


def nobody_to_ask(error: ToolError) -> ToolError:
    """Return what is told when a tool wants an answer from a person; else the error itself."""
    if error.code != "unsupported" or "elicitation" not in f"{error} {error.data}":
        return error
    return ToolError(
        "unsupported",
        "The tool asks a person while it runs, and within a workflow nobody can be asked.",
        "Put an approval node before it, and give what it asks for as an argument.",
    )
