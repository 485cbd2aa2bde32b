"""Tools on agents."""

from __future__ import annotations

from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class AgentTools(TrustTools):
    """Tools on agents."""
