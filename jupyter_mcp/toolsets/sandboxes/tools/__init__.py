"""The sandboxes toolset: containers with a terminal, a desktop, web ports and kernels."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.tools.computer import ComputerTools
from jupyter_mcp.toolsets.sandboxes.tools.images import ImageTools
from jupyter_mcp.toolsets.sandboxes.tools.kernels import KernelTools
from jupyter_mcp.toolsets.sandboxes.tools.ports import PortTools
from jupyter_mcp.toolsets.sandboxes.tools.sandboxes import SandboxTools
from jupyter_mcp.toolsets.sandboxes.tools.terminals import TerminalTools
from jupyter_mcp.workplace import Place


class Sandboxes(SandboxTools, TerminalTools, ComputerTools, PortTools, ImageTools, KernelTools):
    """Sandboxes."""

    name = "sandboxes"
    title = "Sandboxes"
    description = "Development containers: terminal, computer use, web ports, images and kernels."

    async def place(self, sandbox_id: str, owner: str | None) -> Place:
        """Return the files and commands of a sandbox, for other toolsets."""
        return await self.sandboxes.place(sandbox_id, owner)

    async def is_closed(self, argument: str, value: str, owner: str | None) -> bool:
        """Return whether what is done in a sandbox, or a terminal, can touch nothing outside."""
        if argument == "terminal_id":
            value = self.terminals.find(value, owner).sandbox_id
        return (await self.sandboxes.get(value, owner)).is_closed
