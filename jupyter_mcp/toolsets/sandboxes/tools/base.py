"""What all tools of sandboxes share: the service, and who asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Host, Toolset
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes

SandboxId = Annotated[str, Field(description="Identifier or name, as sandbox_create returned it")]


class SandboxToolset(Toolset):
    """The service of sandboxes, as its tools reach it."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.sandboxes = Sandboxes(host)

    def seen_by(self, ctx: Context) -> str | None:
        """Return whose sandboxes a caller may use: their own, or None for everybody's."""
        owner: str | None = self.host.trust.policy.owner_seen(ctx.principal)
        return owner
