"""Screen, mouse and keyboard of a sandbox."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxToolset


class ComputerTools(SandboxToolset):
    """Screen, mouse and keyboard of a sandbox."""
