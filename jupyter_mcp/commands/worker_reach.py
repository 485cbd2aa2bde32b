"""The worker's way to its server: found by Jupyter's runtime file, called over MCP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mcp.config import state_name
from jupyter_mcp.ipython import discovery
from jupyter_mcp.ipython.failure import NotLetIn, Unreachable
from jupyter_mcp.ipython.http import HttpDoor
from jupyter_mcp.toolsets.workflows.worker import door
from jupyter_mcp.toolsets.workflows.worker.door import Away, OnProgress


class ServerReach:
    """The ways to the server of a state folder.

    Args:
        state: The folder, which is named after the server's root.
        server: The server's URL, where it runs on another host; empty to look on this one.
    """

    def __init__(self, state: Path, server: str = "") -> None:
        self._state = state
        self._server = server

    def find(self) -> Sequence[str]:
        """Return the base URLs of the servers of the state folder, the newest first."""
        if self._server:
            return [discovery.given(self._server, "none").base_url]
        running = [server for server in discovery.running_servers() if server.root]
        return [each.base_url for each in running if state_name(each.root) == self._state.name]

    def connect(self, base_url: str, token: str) -> ServerDoor:
        """Return a door, which connects at its first call."""
        return ServerDoor(base_url, token)


class ServerDoor:
    """A connection by one token, to all toolsets.

    Args:
        base_url: The server.
        token: What is shown there.
    """

    def __init__(self, base_url: str, token: str) -> None:
        server = discovery.Server(f"{base_url}mcp", token).with_toolsets("all")
        self._door = HttpDoor(lambda: server, client_name="workflow", is_ours=True)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        meta: Mapping[str, Any],
        on_progress: OnProgress | None,
    ) -> Mapping[str, Any]:
        """Call a tool and return its result.

        Raises:
            Away: No answer came; the call may have been done.
            NotLetIn: The token is not good.
            ToolError: What the server refuses.
        """
        try:
            result = await self._door.call(tool, arguments, on_progress, meta)
        except Unreachable:
            raise Away from None
        except NotLetIn:
            raise door.NotLetIn from None
        return {
            "content": list(result.content),
            "structuredContent": result.structured,
            "isError": result.is_error,
            "_meta": result.meta,
        }

    async def close(self) -> None:
        """Let go of it."""
        await self._door.close()
