"""Sandboxes themselves: create, list, extend, pause, resume, snapshot, destroy."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxToolset


class SandboxTools(SandboxToolset):
    """Sandboxes themselves: create, list, extend, pause, resume, snapshot, destroy."""
