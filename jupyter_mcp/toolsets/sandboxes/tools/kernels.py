"""Jupyter kernels in sandboxes."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxToolset


class KernelTools(SandboxToolset):
    """Jupyter kernels in sandboxes."""
