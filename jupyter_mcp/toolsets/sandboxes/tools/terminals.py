"""Commands and terminals in sandboxes."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxToolset


class TerminalTools(SandboxToolset):
    """Commands and terminals in sandboxes."""
