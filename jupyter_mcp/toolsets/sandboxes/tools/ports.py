"""Web servers in sandboxes, reached by URL."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxId, SandboxToolset
from jupyter_mcp.workplace import Connection

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.ports import Ports

Port = Annotated[int, Field(ge=1, le=65_535, description="TCP port on 127.0.0.1 inside")]


class ExposedPort(Shape):
    """A port that can be reached."""

    sandbox_id: str
    port: int
    url: str
    path: str
    listens: bool


class ClosedPort(Shape):
    """A port that cannot be reached any more."""

    sandbox_id: str
    port: int


class PortTools(SandboxToolset):
    """Web servers in sandboxes, reached by URL."""

    @cached_property
    def ports(self) -> Ports:
        """The exposed ports, imported at first use."""
        from jupyter_mcp.toolsets.sandboxes.ports import Ports

        return Ports(self.sandboxes, self.host.tasks)

    @tool(scope="execute", title="Expose a port", idempotent=True, within="sandbox_id")
    async def port_expose(
        self, ctx: Context, port: Port, sandbox_id: SandboxId
    ) -> Reply[ExposedPort]:
        """Reach a web server in a sandbox by URL, HTTP and WebSockets, until the sandbox ends.

        The URL opens with the server's own login or token. A page in a browser has no storage, no
        cookies, and needs relative links.
        """
        exposed = await self.ports.expose(sandbox_id, port, self.seen_by(ctx))
        path = f"jupyter_mcp/sandboxes/{exposed.sandbox_id}/ports/{port}/"
        base = self.host.jupyter.url if self.host.jupyter else ""
        value = ExposedPort(
            sandbox_id=exposed.sandbox_id,
            port=port,
            url=f"{base}{path}",
            path=path,
            listens=exposed.listens,
        )
        told = value.url
        if not exposed.listens:
            told += f"\nNothing listens on port {port} yet: start the program, on 127.0.0.1."
        return Reply(value, [Text(told)])

    @tool(scope="execute", title="Close a port", restrains=True, within="sandbox_id")
    async def port_close(
        self, ctx: Context, port: Port, sandbox_id: SandboxId
    ) -> Reply[ClosedPort]:
        """Make an exposed port unreachable again; connections through it end."""
        closed = await self.ports.close(sandbox_id, port, self.seen_by(ctx))
        value = ClosedPort(sandbox_id=closed.sandbox_id, port=port)
        return Reply(value, [Text(f"Port {port} of {closed.sandbox_id} is closed.")])

    def exposure(self, sandbox_id: str, port: int, owner: str | None) -> str:
        """Return what stands for an exposed port, for the server's proxy."""
        return self.ports.exposure(sandbox_id, port, owner).ref

    async def connect(self, sandbox_id: str, port: int, owner: str | None) -> Connection:
        """Connect to an exposed port, for the server's proxy."""
        return await self.ports.connect(sandbox_id, port, owner)
