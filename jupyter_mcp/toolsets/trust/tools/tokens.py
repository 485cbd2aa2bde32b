"""Tools on tokens."""

from __future__ import annotations

from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class TokenTools(TrustTools):
    """Tools on tokens."""
