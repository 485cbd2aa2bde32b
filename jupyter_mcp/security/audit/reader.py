"""Reads the audit: finds records, and follows the chain to the first one that was changed.

Both go piece by piece, so that whoever writes meanwhile waits for one piece only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mcp.security.audit.chain import GENESIS, Break, broken
from jupyter_mcp.security.audit.writer import head

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from jupyter_mcp.storage import Storage

PIECE = 2_000
"""Records that are verified in one go."""
WINDOW = 20_000
"""Records that are searched in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records somebody looks for; what is empty or None does not matter.

    Args:
        query: Text that occurs in the record.
        principal: The caller's id, its part after the colon, or its name.
        tool: The operation's name.
        outcome: succeeded, failed, denied or cancelled.
        kind: ``call``, or what else happened.
        since: Unix time.
        until: Unix time.
        start: The number of the last record of the page before.
        oldest: Whether the oldest come first.
        limit: How many at most.
    """

    query: str = ""
    principal: str = ""
    tool: str = ""
    outcome: str = ""
    kind: str = ""
    since: float | None = None
    until: float | None = None
    start: int | None = None
    oldest: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Verification:
    """What following the chain found.

    Args:
        records: How many records were good.
        since: Unix time of the oldest; None when there is none.
        first: The number of the oldest record.
        last: The number of the last good one.
        head: Its hash: kept elsewhere, it proves that nobody rewrote all.
        broken: The first record that is not as it was written.
    """

    records: int
    since: float | None
    first: int
    last: int
    head: str
    broken: Break | None = None


class AuditReader:
    """Searches and verifies.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def search(self, wanted: Wanted) -> list[dict[str, Any]]:
        """Return the records that fit, each with its number and hash."""
        newest, _hash = await self._storage.run(head)
        oldest, _hash = await self._storage.run(_anchor)
        found: list[dict[str, Any]] = []
        for window in _windows(oldest + 1, newest, wanted):
            missing = wanted.limit - len(found)
            search = partial(_search, wanted=wanted, window=window, most=missing)
            found += await self._storage.run(search)
            if len(found) >= wanted.limit:
                break
        return found

    async def verify(self) -> Verification:
        """Follow the whole chain; records that are written meanwhile may or may not be in it."""
        anchor, previous = await self._storage.run(_anchor)
        first, last, records = anchor + 1, anchor, 0
        since: float | None = None
        wrong: Break | None = None
        while wrong is None:
            rows = await self._storage.run(partial(_piece, after=last))
            if not rows:
                break
            since = rows[0].at if since is None else since
            before = last
            wrong, last, previous = await self._storage.aside(broken, rows, last, previous)
            records += last - before
        if wrong is None:
            wrong = await self._storage.run(lambda c: _end(c, last, previous))
        return Verification(records, since, first, last, previous, wrong)


def _windows(oldest: int, newest: int, wanted: Wanted) -> Iterator[range]:
    """Yield the numbers to search, a window at a time, in the order that is wanted."""
    if wanted.oldest:
        start = oldest if wanted.start is None else max(oldest, wanted.start + 1)
        for first in range(start, newest + 1, WINDOW):
            yield range(first, first + WINDOW)
    else:
        start = newest if wanted.start is None else min(newest, wanted.start - 1)
        for last in range(start, oldest - 1, -WINDOW):
            yield range(last - WINDOW + 1, last + 1)


def _search(
    connection: Connection, wanted: Wanted, window: range, most: int
) -> list[dict[str, Any]]:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import audit

    here = audit.c.id.between(window.start, window.stop - 1)
    order = audit.c.id.asc() if wanted.oldest else audit.c.id.desc()
    query = select(audit.c.id, audit.c.hash, audit.c.record)
    query = query.where(here, *_conditions(wanted)).order_by(order).limit(most)
    return [
        {"id": row.id, **json.loads(row.record), "hash": row.hash}
        for row in connection.execute(query)
    ]


def _conditions(wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    from sqlalchemy import or_

    from jupyter_mcp.storage.tables import audit

    conditions = [
        getattr(audit.c, column) == value
        for column, value in (
            ("operation", wanted.tool),
            ("outcome", wanted.outcome),
            ("kind", wanted.kind),
        )
        if value
    ]
    if wanted.query:
        text = json.dumps(wanted.query)[1:-1]
        conditions.append(audit.c.record.icontains(text, autoescape=True))
    if who := wanted.principal:
        named = audit.c.record.contains(f'"name":{json.dumps(who)}', autoescape=True)
        ending = audit.c.principal.endswith(f":{who}", autoescape=True)
        conditions.append(or_(audit.c.principal == who, ending, named))
    if wanted.since is not None:
        conditions.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit.c.at < wanted.until)
    return conditions


def _anchor(connection: Connection) -> tuple[int, str]:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import audit_anchors

    newest = select(audit_anchors).order_by(audit_anchors.c.id.desc()).limit(1)
    row = connection.execute(newest).first()
    return (0, GENESIS) if row is None else (row.id, row.hash)


def _piece(connection: Connection, after: int) -> Sequence[Any]:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import audit

    query = select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(PIECE)
    return connection.execute(query).all()


def _end(connection: Connection, last: int, hashed: str) -> Break | None:
    """Return what is wrong with the end; records that came meanwhile are none of it."""
    number, newest = head(connection)
    if number == last:
        return None if newest == hashed else Break(last, "the head of the chain was changed")
    if number < last:
        return Break(number + 1, "the head of the chain was changed")
    return None if _piece(connection, last) else Break(last + 1, "it is missing")
