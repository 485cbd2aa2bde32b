"""Web servers in sandboxes, reached by URL."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxToolset


class PortTools(SandboxToolset):
    """Web servers in sandboxes, reached by URL."""
