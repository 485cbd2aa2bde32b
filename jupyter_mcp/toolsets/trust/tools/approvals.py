"""Tools on approvals."""

from __future__ import annotations

from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class ApprovalTools(TrustTools):
    """Tools on approvals."""
