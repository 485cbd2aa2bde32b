"""What this room needs of the runtime, so that it need not know the runtime itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mcp.calls.call import Channel
from jupyter_mcp.calls.catalog import Catalog
from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.events import Events
from jupyter_mcp.calls.jobs import JobStarter
from jupyter_mcp.calls.operation import Operation

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal


class Ground(Protocol):
    """The runtime as MCP sees it."""

    @property
    def catalog(self) -> Catalog:
        """Everything that can be asked for."""
        ...

    @property
    def events(self) -> Events:
        """Where changes are told."""
        ...

    @property
    def jobs(self) -> JobStarter | None:
        """Who runs background jobs; None where nobody does."""
        ...

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        principal: Principal,
        door: str,
        *,
        channel: Channel | None = None,
        client: str = "",
        meta: Mapping[str, Any] | None = None,
    ) -> Result:
        """Walk an operation through the corridor."""
        ...
