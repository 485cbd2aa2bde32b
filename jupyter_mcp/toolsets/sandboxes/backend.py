"""What an engine has to do. Everything else is written once, above its byte channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from jupyter_mcp.toolsets.sandboxes.channel import ByteChannel
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities, SandboxSpec, Usage


@dataclass(frozen=True, slots=True)
class Handle:
    """A sandbox as its backend finds it again: by labels, or by a file beside the workspace.

    Args:
        spec: What it was made from.
        ref: The backend's own name for it, such as a container's id.
        is_paused: Whether it is frozen.
        image_digest: The digest of the image that it runs; empty where there is none.
        is_lost: Whether only its files are left: its engine was started anew. See `revive`.
    """

    spec: SandboxSpec
    ref: str
    is_paused: bool = False
    image_digest: str = ""
    is_lost: bool = False


class Backend(Protocol):
    """An engine. Methods raise `ToolError` with a remedy; blocking work runs in threads.

    `create`, `claim`, `destroy` and `list` are safe to call from several servers at once.
    """

    @property
    def name(self) -> str:
        """Such as ``docker``."""
        ...

    async def probe(self) -> Capabilities:
        """Find out by trying what it can do here; remembered for a minute.

        Raises:
            ToolError: ``unavailable`` with what is missing and how to get it.
        """
        ...

    async def create(self, spec: SandboxSpec) -> Handle:
        """Make a sandbox, ready for `channel`. What fails leaves nothing behind."""
        ...

    async def channel(self, handle: Handle, argv: Sequence[str]) -> ByteChannel:
        """Start `argv` inside, as the session's user in ``/workspace``, and return its pipes.

        The program is in a session of its own and ends when the channel is closed.
        """
        ...

    async def claim(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Give a member of the pool its owner, name and end: from now on `list` tells them."""
        ...

    async def revive(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Make one that is lost run again, with its files, its limits and its image.

        Where another server was faster its handle is returned.
        """
        ...

    async def pause(self, handle: Handle) -> Handle:
        """Freeze all processes inside."""
        ...

    async def resume(self, handle: Handle) -> Handle:
        """Let them go on."""
        ...

    async def usage(self, handle: Handle) -> Usage:
        """Return what it uses now."""
        ...

    async def destroy(self, handle: Handle) -> None:
        """Remove it with its processes and its workspace; one that is gone already is no error."""
        ...

    async def list(self, namespace: str) -> list[Handle]:
        """Return the sandboxes of a namespace: the engine is the truth, the store only a cache."""
        ...

    async def stop(self) -> None:
        """Close connections to the engine; sandboxes stay."""
        ...
