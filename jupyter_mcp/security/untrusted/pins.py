"""Remembers what third-party tools said they are, and holds back what says something else now.

A tool's description is read by a model as if its administrator had written it, so one that changes
after it was looked at ("rug pull") can give orders. The hash of what a tool says of itself is kept
with its source:

- A Python package that somebody installed into the server's environment is taken at its word the
  first time: who may install there may do everything anyway.
- Another MCP server is not: all its tools wait until an administrator has approved them.
- Of both, whatever is changed or added later waits as well.

What waits is not listed and cannot be called. A tool that says what it said when it was approved is
free again by itself.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.canonical import canonical, sha256
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.security.untrusted.injection import Finding, scan_all
from jupyter_mcp.storage import Storage

if TYPE_CHECKING:
    from sqlalchemy import Connection

FIELDS = ("name", "description", "inputSchema", "outputSchema", "annotations")
"""What of a tool is pinned."""

INSTALLED = "installation"
"""Who approved what was taken at its word."""

State = Literal["approved", "new", "changed", "rejected"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pin:
    """What is known of one third-party tool.

    Args:
        source: The package or server that offers it.
        tool: Its name.
        state: ``approved``, or why it is held back.
        by: Who approved or rejected it; empty while it waits.
        at: Unix time of the last change of its state.
        diff: What changed since it was approved; all of it for a new one.
        findings: What in it seems to be written for a model.
    """

    source: str
    tool: str
    state: State
    by: str
    at: float
    diff: str
    findings: tuple[Finding, ...]


class Pins:
    """The pins of all sources.

    Args:
        storage: Where they are kept.
        signals: Where quarantine and suspicious descriptions are told.
        clock: Tells the time.
    """

    def __init__(
        self, storage: Storage, signals: Signals, clock: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._signals = signals
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []
        self._offered: set[tuple[str, str]] = set()
        self._held: dict[str, dict[str, State]] = {}
        self.held: dict[str, State] = {}
        """The tools that are held back now, by name."""
        self.names: Callable[[], Iterable[str]] = tuple
        """Returns the names of all tools here: a description has no reason to name another's."""

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Tell `listener` when `held` has changed."""
        self._listeners.append(listener)

    async def check(
        self, source: str, tools: Sequence[Mapping[str, Any]], *, trusted_first: bool = False
    ) -> frozenset[str]:
        """Compare what a source offers now with its pins.

        Args:
            source: The package or server.
            tools: What its tools say of themselves, in the words of MCP (`FIELDS`); all of them.
            trusted_first: Whether a source that was never seen is taken at its word.

        Returns:
            The names of the tools that are held back.
        """
        offered = {str(tool["name"]): definition(tool) for tool in tools}
        now = self._clock()

        def work(connection: Connection) -> tuple[dict[str, Row], list[Row]]:
            rows = _rows(connection, source)
            trusted = trusted_first and not rows
            changed = [
                row
                for name, said in offered.items()
                if (row := _compared(source, name, said, rows.get(name), now, trusted=trusted))
            ]
            _write(connection, changed)
            return rows | {row["tool"]: row for row in changed}, changed

        rows, changed = await self._storage.run(work)
        self._offered = {each for each in self._offered if each[0] != source}
        self._offered |= {(source, name) for name in offered}
        await self._tell(changed)
        return self._hold(source, rows)

    async def all(self) -> list[Pin]:
        """Return all pins, those that wait first."""
        rows = await self._storage.run(lambda connection: list(_rows(connection).values()))
        pins = [self._pin(row) for row in rows]
        return sorted(pins, key=lambda pin: (pin.state == "approved", pin.source, pin.tool))

    async def approve(self, source: str, tool: str | None, by: str) -> list[Pin]:
        """Let a tool be called as it is now; without a name, all of the source that wait."""
        return await self._decide(source, tool, by, _approved)

    async def reject(self, source: str, tool: str | None, by: str) -> list[Pin]:
        """Hold a tool back for good; without a name, all of the source that wait."""
        return await self._decide(source, tool, by, _rejected)

    async def _decide(
        self, source: str, tool: str | None, by: str, change: Callable[[Row], Row]
    ) -> list[Pin]:
        now = self._clock()

        def work(connection: Connection) -> tuple[dict[str, Row], list[Row]]:
            rows = _rows(connection, source)
            if tool is None:
                chosen = [row for row in rows.values() if not row["approved"]]
            else:
                chosen = [rows[tool]] if tool in rows else []
            decided = [change(row) | {"by": by[:200], "at": now} for row in chosen]
            _write(connection, decided)
            return rows | {row["tool"]: row for row in decided}, decided

        rows, decided = await self._storage.run(work)
        if not decided:
            raise ToolError(
                "not_found",
                f"Nothing of '{source}' waits here."
                if tool is None
                else f"'{source}' offered no tool '{tool}'.",
                "'jupyter mcp pins' lists sources and tools.",
            )
        self._hold(source, rows)
        return [self._pin(row) for row in decided]

    def _hold(self, source: str, rows: Mapping[str, Row]) -> frozenset[str]:
        offered = (row for name, row in rows.items() if (source, name) in self._offered)
        mine = {row["tool"]: _state(row) for row in offered if not row["approved"]}
        self._held[source] = mine
        held = {name: state for each in self._held.values() for name, state in each.items()}
        if self.held != held:
            self.held = held
            for listener in self._listeners:
                listener()
        return frozenset(mine)

    async def _tell(self, changed: Sequence[Row]) -> None:
        """Tell what is held back and what looks suspicious, which takes a ms for each tool."""
        found_in = await self._storage.aside(lambda: [self._findings(row) for row in changed])
        for row, found in zip(changed, found_in, strict=True):
            source, tool = row["source"], row["tool"]
            if not row["approved"]:
                reason = _state(row)
                self._signals.note("tool_quarantined", source=source, tool=tool, reason=reason)
            if found:
                kinds = sorted({finding.kind for finding in found})
                self._signals.note("injection_suspected", source=source, tool=tool, findings=kinds)

    def _pin(self, row: Row) -> Pin:
        diff = "" if row["approved"] else _diff(row["definition"], row["seen"])
        by, at, found = row["by"], row["at"], self._findings(row)
        return Pin(row["source"], row["tool"], _state(row), by, at, diff, found)

    def _findings(self, row: Row) -> tuple[Finding, ...]:
        own = {tool for source, tool in self._offered if source == row["source"]}
        said = row["seen"] or row["definition"] or {}
        return scan_all(said, "", frozenset(self.names()) - own - {row["tool"]})


def definition(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a tool is pinned."""
    return {field: tool.get(field) for field in FIELDS}


def pin_hash(said: Mapping[str, Any]) -> str:
    """Return the hash of a definition."""
    return sha256(canonical(said))


def refusal(tool: str, state: State) -> ToolError:
    """Return what a caller is told of a tool that is held back."""
    why = "was rejected" if state == "rejected" else f"is {state}"
    return ToolError(
        "quarantined",
        f"'{tool}' comes from a third party and {why}, so it cannot be called.",
        "An administrator looks at it with 'jupyter mcp pins' and approves it there.",
    )


def _state(row: Row) -> State:
    if row["approved"]:
        return "approved"
    if row["by"]:
        return "rejected"
    return "changed" if row["hash"] else "new"


def _compared(
    source: str, tool: str, said: dict[str, Any], row: Row | None, now: float, *, trusted: bool
) -> Row | None:
    """Return the row as it has to be written; None when nothing changed."""
    hashed = pin_hash(said)
    if row is None:
        blank = {"source": source, "tool": tool, "hash": "", "definition": None, "at": now}
        new = blank | {"seen_hash": hashed, "seen": said, "approved": False, "by": ""}
        return _approved(new) | {"by": INSTALLED} if trusted else new
    if row["hash"] == hashed:
        return None if row["approved"] else _settled(row) | {"at": now}
    if row["seen_hash"] == hashed:
        return None
    return row | {"seen_hash": hashed, "seen": said, "approved": False, "by": "", "at": now}


def _approved(row: Row) -> Row:
    if not row["seen_hash"]:
        return row
    return _settled(row | {"hash": row["seen_hash"], "definition": row["seen"]})


def _rejected(row: Row) -> Row:
    if row["seen_hash"]:
        return row
    waits = {"seen_hash": row["hash"], "seen": row["definition"], "approved": False}
    return row | waits | {"hash": "", "definition": None}


def _settled(row: Row) -> Row:
    return row | {"seen_hash": "", "seen": None, "approved": True}


def _diff(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    lines = (_pretty(before), _pretty(after))
    return "\n".join(difflib.unified_diff(*lines, "approved", "now", lineterm="", n=2))


def _pretty(said: Mapping[str, Any] | None) -> list[str]:
    return json.dumps(said, sort_keys=True, indent=1).splitlines() if said else []


def _rows(connection: Connection, source: str | None = None) -> dict[Any, Row]:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import pins

    if source is None:
        found = connection.execute(select(pins)).mappings()
        return {(row["source"], row["tool"]): dict(row) for row in found}
    found = connection.execute(select(pins).where(pins.c.source == source)).mappings()
    return {row["tool"]: dict(row) for row in found}


def _write(connection: Connection, rows: Iterable[Row]) -> None:
    from sqlalchemy import delete, insert

    from jupyter_mcp.storage.tables import pins

    for row in rows:
        same = (pins.c.source == row["source"]) & (pins.c.tool == row["tool"])
        connection.execute(delete(pins).where(same))
        connection.execute(insert(pins).values(**row))
