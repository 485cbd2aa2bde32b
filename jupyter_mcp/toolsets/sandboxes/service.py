"""The service of sandboxes: sessions on backends, with limits, a pool and a reaper."""

from __future__ import annotations

from typing import Any

from jupyter_mcp.workplace import Place


class Sandboxes:
    """All sandboxes that this server knows.

    Args:
        host: What the runtime offers (`jupyter_mcp.calls.toolset.Host`).
    """

    def __init__(self, host: Any) -> None:
        self._host = host

    async def start(self) -> None:
        """Begin to look after sandboxes."""

    async def stop(self) -> None:
        """Let go of them."""

    async def place(self, sandbox: str, owner: str | None) -> Place:
        """Return the files and commands of a sandbox."""
        raise NotImplementedError
