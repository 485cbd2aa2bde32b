"""The seam between MCP and the web server: one HTTP exchange, and who stands behind it.

The server implements `Exchange` with its own request handler; nothing in this room knows which web
server that is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal


Action = Literal["read", "execute"]


async def _always(action: Action) -> bool:
    del action
    return True


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as the door found out.

    Args:
        principal: Who asks.
        credential: Hash of what the caller showed, to which sessions are bound.
        selection: The toolsets that the URL chose; None for the default view.
        door: The name of the door in records, such as ``mcp``.
        icons: URL of the folder of icons as this caller reaches it; empty for none.
        may: Asks Jupyter's authorizer whether the caller may ``read`` or ``execute`` on ``mcp``.
    """

    principal: Principal
    credential: str = ""
    selection: frozenset[str] | None = None
    door: str = "mcp"
    icons: str = ""
    may: Callable[[Action], Awaitable[bool]] = _always


class Exchange(Protocol):
    """One HTTP request and the way to answer it."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        ...

    @property
    def target(self) -> str:
        """Path and query of the URL."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, found by any spelling of their names; repeated ones joined by commas."""
        ...

    @property
    def body(self) -> bytes:
        """The whole body."""
        ...

    @property
    def caller(self) -> Caller:
        """Who sent it."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the client has gone."""
        ...

    @property
    def is_congested(self) -> bool:
        """Whether what was sent before still waits to go out."""
        ...

    def on_close(self, listener: Callable[[], object]) -> None:
        """Call `listener` when the client goes before the answer is complete."""
        ...

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Set the status and headers of an answer that is written in pieces."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Send a piece now; dropped in silence when the client has gone."""
        ...

    def push(self, chunk: bytes) -> None:
        """Send a piece without waiting until it has gone out."""
        ...

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer, JSON by default, or the end of one that was started."""
        ...
