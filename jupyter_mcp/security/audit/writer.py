"""Writes records at the end of the chain, under a lock, so that two servers never fork it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from jupyter_mcp.security.audit.chain import GENESIS, link
from jupyter_mcp.security.audit.records import Prepared

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD = "head"

ROWS = 90
"""Rows of ten columns in one statement: the oldest SQLite takes 999 parameters."""


class AuditWriter:
    """Appends to the chain; used in the database's thread only."""

    def __init__(self) -> None:
        self._tried: tuple[int, str] | None = None

    def append(self, connection: Connection, records: Sequence[Prepared]) -> None:
        """Append `records` in one transaction.

        A commit may succeed although its answer got lost: records whose last hash is found where
        an earlier attempt wanted to put it are not written twice.

        Args:
            connection: A connection in a fresh transaction.
            records: All that is not written yet; after a failure the same ones come first again.
        """
        from jupyter_mcp.storage.locks import lock
        from jupyter_mcp.storage.tables import audit_heads

        lock(connection, "audit")
        records = records[self._already(connection) :]
        number, previous = head(connection)
        first, rows = number, []
        for record in records:
            number += 1
            previous = link(previous, record.text)
            rows.append(record.columns | {"id": number, "record": record.text, "hash": previous})
        if not rows:
            return
        self._tried, self._count = (number, previous), len(records)
        _insert(connection, rows)
        if first:
            connection.execute(audit_heads.update().values(id=number, hash=previous))
        else:
            newest = {"name": HEAD, "id": number, "hash": previous}
            connection.execute(audit_heads.insert().values(newest))

    def written(self) -> None:
        """Forget the last attempt: its transaction has ended well."""
        self._tried = None

    def _already(self, connection: Connection) -> int:
        if self._tried is None:
            return 0
        from sqlalchemy import select

        from jupyter_mcp.storage.tables import audit

        number, hashed = self._tried
        found = connection.execute(select(audit.c.hash).where(audit.c.id == number)).scalar()
        return self._count if found == hashed else 0


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Hand rows to the driver as they are: SQLAlchemy's own way costs half as much again.

    SQLite gets many rows in one statement. Its driver lets go of Python's lock for each statement
    and has to win it back from a busy event loop, which costs more than the row.
    """
    from jupyter_mcp.storage.tables import audit

    compiled = audit.insert().compile(dialect=connection.dialect)
    if compiled.positiontup is None:
        connection.exec_driver_sql(str(compiled), list(rows))
        return
    values = itemgetter(*compiled.positiontup)
    into, group = str(compiled).split("VALUES ")
    for start in range(0, len(rows), ROWS):
        chunk = rows[start : start + ROWS]
        statement = f"{into}VALUES {', '.join([group] * len(chunk))}"
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(map(values, chunk))))


def head(connection: Connection) -> tuple[int, str]:
    """Return the number and the hash of the newest record."""
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import audit_heads

    row = connection.execute(select(audit_heads.c.id, audit_heads.c.hash)).first()
    return (0, GENESIS) if row is None else (row.id, row.hash)
