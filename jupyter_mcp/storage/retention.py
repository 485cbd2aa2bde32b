"""Takes away what was kept long enough: the audit, agents' changes, ended jobs and workflows.

The audit is cut at its old end only, and the hash of the last record that went is kept as an
anchor, so that the rest can still be verified. All goes in small pieces: whoever waits for the
database waits milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mcp.storage.engine import Storage
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.storage.locks import lock

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

_log = logging.getLogger(__name__)

DAY = 86_400.0
PIECE = 2_000
"""Rows that one statement takes away."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept; 0 for ever, but for jobs.

    Args:
        storage: The database.
        audit_days: Days for records of the audit.
        change_days: Days for changes of notebooks.
        job_days: Days for jobs after their end.
        workflow_days: Days for runs of workflows after their end.
        clock: Returns the Unix time.
    """

    storage: Storage
    audit_days: float
    change_days: float
    job_days: float
    workflow_days: float = 0.0
    clock: Callable[[], float] = time.time

    async def keep(self) -> None:
        """Sweep once the database is in use, and then every day."""
        await self.storage.opened.wait()
        while True:
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 - tomorrow is another day
                _log.warning("What is too old could not be removed: %s.", reason(error))
            await asyncio.sleep(DAY)

    async def sweep(self) -> dict[str, int]:
        """Take away all that is too old and return how much of each table."""
        now = self.clock()
        return {
            "audit": await self._each(self._cut_audit, now, self.audit_days),
            "changes": await self._each(_drop_changes, now, self.change_days),
            "jobs": await self._each(_drop_jobs, now, self.job_days, for_ever=None),
            "workflows": await self._each(_drop_workflows, now, self.workflow_days),
        }

    async def _each(
        self,
        piece: Callable[[Connection, float], int],
        now: float,
        days: float,
        for_ever: float | None = 0.0,
    ) -> int:
        if days == for_ever:
            return 0
        gone = 0
        while removed := await self.storage.run(lambda c: piece(c, now - days * DAY)):
            gone += removed
        return gone

    def _cut_audit(self, connection: Connection, before: float) -> int:
        from sqlalchemy import func, select

        from jupyter_mcp.storage.tables import audit

        lock(connection, "audit")
        young = select(func.min(audit.c.id)).where(audit.c.at >= before)
        first, last = connection.execute(select(func.min(audit.c.id), func.max(audit.c.id))).one()
        if first is None:
            return 0
        kept = connection.execute(young).scalar()
        end = min(last if kept is None else kept - 1, first + PIECE - 1)
        if end < first:
            return 0
        return self._cut_through(connection, end)

    def _cut_through(self, connection: Connection, end: int) -> int:
        from sqlalchemy import select

        from jupyter_mcp.storage.tables import audit, audit_anchors

        hashed = connection.execute(select(audit.c.hash).where(audit.c.id == end)).scalar_one()
        connection.execute(audit_anchors.delete())
        connection.execute(audit_anchors.insert().values(id=end, hash=hashed, at=self.clock()))
        return connection.execute(audit.delete().where(audit.c.id <= end)).rowcount


def _drop_changes(connection: Connection, before: float) -> int:
    from jupyter_mcp.storage.tables import changes

    return _drop(connection, changes, changes.c.at < before)


def _drop_jobs(connection: Connection, before: float) -> int:
    from jupyter_mcp.storage.tables import jobs

    return _drop(connection, jobs, jobs.c.ended < before)


def _drop_workflows(connection: Connection, before: float) -> int:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_answers, workflow_nodes
    from jupyter_mcp.storage.tables import workflow_runs as runs

    piece = select(runs.c.id).where(runs.c.ended < before).limit(max(1, PIECE // 10))
    gone = list(connection.execute(piece).scalars())
    for table in (workflow_nodes, workflow_answers):
        connection.execute(table.delete().where(table.c.run.in_(gone)))
    return connection.execute(runs.delete().where(runs.c.id.in_(gone))).rowcount


def _drop(connection: Connection, table: Table, old: Any) -> int:
    from sqlalchemy import select

    piece = select(table.c.id).where(old).limit(PIECE)
    return connection.execute(table.delete().where(table.c.id.in_(piece))).rowcount
