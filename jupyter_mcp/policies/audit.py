"""The outermost policy: every call leaves a record, whatever became of it.

It holds on to the arguments, which the call lets go when it ends, until the audit has redacted
them. While the audit cannot be written, what changes anything is refused; reading and stopping go
on.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Protocol

from jupyter_mcp.calls.call import Asked, Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.audit.records import Ended
from jupyter_mcp.security.tokens.acting import WORKFLOW

DENIED = frozenset({"busy", "denied", "forbidden", "paused", "quarantined", "rate_limited"})
"""Codes of refusals: somebody or something decided that this may not be done."""


class Records(Protocol):
    """Where records go (`jupyter_mcp.security.audit.audit.Audit`)."""

    @property
    def is_proven(self) -> bool:
        """Whether it was written before and nothing failed since."""
        ...

    def began(self, call: Call, arguments: Mapping[str, Any]) -> None:
        """Remember a call that changes something until it ends."""
        ...

    def ended(self, entry: Ended) -> None:
        """Take a record."""
        ...

    async def check(self) -> None:
        """Refuse a write that could not be recorded."""
        ...


class Counts(Protocol):
    """What counts calls (`jupyter_mcp.security.audit.metrics.Metrics`)."""

    def call(self, tool: str, outcome: str, seconds: float) -> None:
        """Count a call."""
        ...


class Audit:
    """Records each call and counts it.

    Args:
        records: The audit.
        counts: The metrics; None to count nothing.
    """

    def __init__(self, records: Records, counts: Counts | None = None) -> None:
        self._records = records
        self._counts = counts

    async def __call__(self, call: Call, following: Following) -> Result:
        """Run the rest of the corridor and record how it ended."""
        arguments, began = call.arguments, perf_counter()
        if call.principal.is_workflow:
            call.notes["workflow"] = call.meta.get(WORKFLOW)
        if not call.operation.read_only:
            self._records.began(call, arguments)
        try:
            result = await self._allowed(call, following)
        except BaseException as error:
            outcome = "failed" if isinstance(error, Exception) else "cancelled"
            self._ended(call, arguments, outcome, "", began)
            raise
        if not result.is_error:
            self._ended(call, arguments, "succeeded", "", began)
            return result
        code = result.error.code if result.error is not None else ""
        outcome = "denied" if code in DENIED else "failed"
        self._ended(call, arguments, outcome, code, began)
        return result

    async def _allowed(self, call: Call, following: Following) -> Result:
        if not self._records.is_proven and _needs_record(call.operation):
            try:
                await self._records.check()
            except ToolError as error:
                return Result.from_error(error)
        return await following(call)

    def _ended(
        self, call: Call, arguments: Mapping[str, Any], outcome: str, code: str, began: float
    ) -> None:
        seconds = perf_counter() - began
        self._records.ended(Ended(call, arguments, outcome, code, seconds))
        if self._counts is not None:
            self._counts.call(call.operation.name, outcome, seconds)


def _needs_record(operation: Asked) -> bool:
    """Return whether it gives or changes something: stopping has to work at all times."""
    return not operation.read_only and not operation.restrains
