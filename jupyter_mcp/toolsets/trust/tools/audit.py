"""Tools on audit."""

from __future__ import annotations

from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class AuditTools(TrustTools):
    """Tools on audit."""
