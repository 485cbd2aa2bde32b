"""Checks the arguments before anybody decides on them: conditions need valid values."""

from __future__ import annotations

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result


async def validate(call: Call, following: Following) -> Result:
    """Fill `call.values` from the raw arguments, or refuse with ``invalid_arguments``."""
    call.values = call.operation.parse(call.arguments)
    return await following(call)
