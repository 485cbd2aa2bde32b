"""Refuses tools of third parties that say something else than when they were approved."""

from __future__ import annotations

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.security.untrusted.pins import Pins, refusal


class Quarantine:
    """The policy.

    Args:
        pins: Knows what is held back.
    """

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    async def __call__(self, call: Call, following: Following) -> Result:
        """Refuse with ``quarantined`` a tool that waits for approval."""
        name = call.operation.name
        if name in self._pins.held and call.operation.kind == "tool":
            raise refusal(name, self._pins.held[name])
        return await following(call)
