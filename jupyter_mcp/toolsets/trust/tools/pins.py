"""Tools on pins."""

from __future__ import annotations

from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class PinTools(TrustTools):
    """Tools on pins."""
