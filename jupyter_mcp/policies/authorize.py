"""Decides whether the principal may do this. The one place where a scope is compared."""

from __future__ import annotations

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError


async def authorize(call: Call, following: Following) -> Result:
    """Refuse with ``forbidden`` a call whose scope the principal does not hold."""
    operation = call.operation
    if operation.scope not in call.principal.scopes:
        raise ToolError(
            "forbidden",
            f"'{operation.name}' needs the scope '{operation.scope}', "
            f"and '{call.principal.name}' does not hold it.",
            "Use a token with that scope.",
        )
    return await following(call)
