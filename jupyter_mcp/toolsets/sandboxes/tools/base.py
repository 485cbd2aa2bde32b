"""What all tools of sandboxes share: the service, and who asks.

The service is imported when somebody asks for a sandbox, or when there is one to look after: most
servers never have one, and it costs 25 ms and 1.3 MiB.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Host, Toolset
from jupyter_mcp.toolsets.sandboxes.sessions.marks import Marks, is_shared

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes

LOOKOUT_SECONDS = 30.0
"""Between two looks whether another server of this folder has made a sandbox."""

SandboxId = Annotated[str, Field(description="Identifier or name, as sandbox_create returned it")]


class SandboxToolset(Toolset):
    """The service of sandboxes, as its tools reach it."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._lookout: asyncio.Task[None] | None = None

    @cached_property
    def sandboxes(self) -> Sandboxes:
        """The service, which looks after sandboxes from its first use on."""
        made = _service()(self.host)
        made.start()
        self.began(made)
        return made

    def began(self, sandboxes: Sandboxes) -> None:
        """Do what there is to do as soon as there is a service."""

    async def start(self) -> None:
        """Look after what an earlier server left behind, in the background."""
        self._lookout = self.host.tasks.spawn("lookout for sandboxes", self._look_out())

    async def stop(self) -> None:
        """Let go of the sandboxes: they stay until they expire, their processes end."""
        if self._lookout is not None:
            self._lookout.cancel()
            await asyncio.gather(self._lookout, return_exceptions=True)
        if "sandboxes" in vars(self):
            await self.sandboxes.stop()

    def seen_by(self, ctx: Context) -> str | None:
        """Return whose sandboxes a caller may use: their own, or None for everybody's."""
        owner: str | None = self.host.trust.policy.owner_seen(ctx.principal)
        return owner

    async def _look_out(self) -> None:
        """Wait until there may be a sandbox, and have the service look after it."""
        threads = self.host.executor
        while not await threads.run(self._may_exist):  # noqa: ASYNC110 - another process makes them
            await asyncio.sleep(LOOKOUT_SECONDS)
        await threads.run(_service)
        _ = self.sandboxes

    def _may_exist(self) -> bool:
        return is_shared(self.host.settings) or bool(Marks(self.host.state).names())


def _service() -> type[Sandboxes]:
    from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes

    return Sandboxes
