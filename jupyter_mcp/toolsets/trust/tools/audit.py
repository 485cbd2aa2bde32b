"""Tools on the audit: look into it, verify it, and see signs of an attack."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from pydantic import Field

from jupyter_mcp.calls import Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.audit.reader import Verification, Wanted
from jupyter_mcp.security.moments import in_local_time, moment_of
from jupyter_mcp.toolsets.trust.tools.base import TrustTools

Moment = Annotated[
    str, Field(description="How long ago (30m, 12h, 7d), an ISO date or time, or a Unix time")
]


class AuditPage(Shape):
    """Records of the audit."""

    records: list[dict[str, Any]] = Field(
        description="Each with its number, time, kind, caller, operation, arguments and outcome"
    )
    next_cursor: str | None = Field(None, description="For the next page; null at the end")
    failing: str = Field("", description="Why the audit cannot be written now; empty if it can")


class AuditVerdict(Shape):
    """What following the hash chain found."""

    ok: bool
    records: int = Field(description="Good records")
    first: int = Field(description="The number of the oldest record that is kept")
    last: int = Field(description="The number of the last good record")
    since: float | None = Field(description="Unix time of the oldest record")
    head: str = Field(description="Hash of the last good record; keep it to prove this state")
    broken_at: int | None = Field(None, description="The first record that is not as it was")
    problem: str = ""
    failing: str = Field("", description="Why the audit cannot be written now; empty if it can")


class SignalCounts(Shape):
    """Signs of an attack or of a mistake, and how the audit itself is."""

    last_minute: dict[str, int]
    last_hour: dict[str, int]
    since_start: dict[str, int]
    audit_failing: str
    audit_backlog: int
    audit_dropped: int


class AuditTools(TrustTools):
    """Tools on the audit."""

    @tool(scope="admin", read_only=True, title="Search the audit")
    async def audit_search(
        self,
        *,
        query: Annotated[str, Field(description="Text that occurs in the record")] = "",
        principal: Annotated[str, Field(description="The caller's id or name")] = "",
        tool: Annotated[str, Field(description="The tool, resource or prompt")] = "",
        outcome: Literal["", "succeeded", "failed", "denied", "cancelled"] = "",
        kind: Annotated[
            str, Field(description="'call', or what else happened, such as login_failed")
        ] = "",
        since: Moment = "",
        until: Moment = "",
        cursor: Annotated[str, Field(description="As the page before gave it")] = "",
        limit: Annotated[int, Field(ge=1, le=500)] = 50,
        order: Literal["newest", "oldest"] = "newest",
    ) -> Reply[AuditPage]:
        """Find records of who called what, and of logins, tokens, approvals and the like."""
        audit, now = self.trust.audit, time.time()
        await audit.flush()
        found = await audit.reader.search(
            Wanted(
                query=query,
                principal=principal,
                tool=tool,
                outcome=outcome,
                kind=kind,
                since=moment_of(since, now) if since else None,
                until=moment_of(until, now) if until else None,
                start=_number(cursor) if cursor else None,
                oldest=order == "oldest",
                limit=limit,
            )
        )
        more = str(found[-1]["id"]) if len(found) == limit else None
        page = AuditPage(records=found, next_cursor=more, failing=audit.failing)
        lines = [_line(record) for record in found] or ["No record fits."]
        if audit.failing:
            lines.append(f"The audit cannot be written now: {audit.failing}.")
        return Reply(page, [Text("\n".join(lines))])

    @tool(scope="admin", read_only=True, title="Verify the audit")
    async def audit_verify(self) -> Reply[AuditVerdict]:
        """Follow the hash chain of the audit and tell the first record that was changed, if any."""
        audit = self.trust.audit
        await audit.flush()
        verdict = await audit.reader.verify()
        value = AuditVerdict(
            ok=verdict.broken is None,
            records=verdict.records,
            first=verdict.first,
            last=verdict.last,
            since=verdict.since,
            head=verdict.head,
            broken_at=verdict.broken.id if verdict.broken else None,
            problem=verdict.broken.problem if verdict.broken else "",
            failing=audit.failing,
        )
        return Reply(value, [Text(_verdict(verdict))])

    @tool(scope="admin", read_only=True, title="Signs of an attack")
    async def audit_signals(self) -> SignalCounts:
        """Count failed logins, denied calls, reused tokens, storms and the like."""
        trust = self.trust
        return SignalCounts(
            last_minute=trust.signal_history.last(1),
            last_hour=trust.signal_history.last(60),
            since_start=dict(trust.signals.counts),
            audit_failing=trust.audit.failing,
            audit_backlog=trust.audit.backlog,
            audit_dropped=trust.audit.dropped,
        )


def _number(cursor: str) -> int:
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 16:  # noqa: PLR2004 - of any table
        return int(cursor)
    raise ToolError(
        "invalid_arguments",
        "This is no cursor of audit_search.",
        "Give 'next_cursor' of the page before, or none.",
    )


def _line(record: dict[str, Any]) -> str:
    at = in_local_time(record["at"])
    who, what = record.get("principal", ""), record.get("operation", "")
    name = who.get("name", "") if isinstance(who, dict) else who
    operation = what.get("name", "") if isinstance(what, dict) else what
    words = (str(record["id"]), at, record["kind"], name, operation, record.get("outcome", ""))
    return "  ".join(word for word in (*words, record.get("error", "")) if word)


def _verdict(verdict: Verification) -> str:
    if verdict.broken is not None:
        return (
            f"TAMPERED: record {verdict.broken.id}: {verdict.broken.problem}. "
            f"The {verdict.records} records before it are as they were written."
        )
    if verdict.since is None:
        return f"The audit holds no records; its head is {verdict.head}."
    since = in_local_time(verdict.since)
    return (
        f"{verdict.records} records since {since} are as they were written "
        f"(numbers {verdict.first} to {verdict.last}, head {verdict.head})."
    )
