"""The trust toolset: what an administrator asks and decides."""

from __future__ import annotations

from jupyter_mcp.toolsets.trust.tools.agents import AgentTools
from jupyter_mcp.toolsets.trust.tools.approvals import ApprovalTools
from jupyter_mcp.toolsets.trust.tools.audit import AuditTools
from jupyter_mcp.toolsets.trust.tools.pins import PinTools
from jupyter_mcp.toolsets.trust.tools.policy import PolicyTools
from jupyter_mcp.toolsets.trust.tools.secrets import SecretTools
from jupyter_mcp.toolsets.trust.tools.tokens import TokenTools


class Trust(AgentTools, ApprovalTools, AuditTools, PinTools, PolicyTools, SecretTools, TokenTools):
    """Tokens, policy, approvals, the stop button, pins and the audit."""

    name = "trust"
    title = "Trust"
    description = "Who may do what: tokens, policy, approvals, the stop button and the audit."
