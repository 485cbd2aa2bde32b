"""Ends what takes too long: the nearest of the client's, the tool's and the server's limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError


class Deadline:
    """Cancels a call at its deadline.

    Args:
        default: Seconds for operations that name no limit of their own; None for no limit.
    """

    def __init__(self, default: float | None = None) -> None:
        self._default = default

    async def __call__(self, call: Call, following: Following) -> Result:
        """Run the rest of the corridor within the call's time, or fail with ``timeout``."""
        own = call.operation.timeout if call.operation.timeout is not None else self._default
        limits = [limit for limit in (call.timeout, own) if limit is not None]
        if not limits:
            return await following(call)
        scope = asyncio.timeout(min(limits))
        try:
            async with scope:
                return await following(call)
        except TimeoutError:
            if not scope.expired():
                raise
            raise ToolError(
                "timeout",
                f"'{call.operation.name}' was cancelled after {min(limits):g} s.",
                "Give it more time, or run it with background=true where the tool offers that.",
                data={"granted_by": "client" if min(limits) == call.timeout else "server"},
            ) from None


@asynccontextmanager
async def granted(call: Call) -> AsyncIterator[None]:
    """Wait for other calls for no longer than the client grants for its own.

    Raises:
        ToolError: ``timeout`` when that is over.
    """
    scope = asyncio.timeout(call.timeout)
    try:
        async with scope:
            yield
    except TimeoutError:
        if not scope.expired():
            raise
        raise ToolError(
            "timeout",
            f"'{call.operation.name}' waited for other calls for {call.timeout:g} s.",
            "Wait until they are done.",
            data={"granted_by": "client"},
        ) from None
