"""Images of sandboxes."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxToolset


class ImageTools(SandboxToolset):
    """Images of sandboxes."""
