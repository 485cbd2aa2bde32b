"""Tools on policy."""

from __future__ import annotations

from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class PolicyTools(TrustTools):
    """Tools on policy."""
