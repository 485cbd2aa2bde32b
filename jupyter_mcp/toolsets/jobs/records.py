"""The jobs of this and other servers in the database, and which of them are lost.

A record says ``running`` for as long as its server lives. Whoever reads one of a server that is
gone puts it right: what ran there ended with it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.process_marks import is_elsewhere, is_gone, is_ours
from jupyter_mcp.toolsets.jobs.job import Job
from jupyter_mcp.workplace import JobQuery, JobRecord

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

ADVICE = "The server stopped while it ran. Look at what it had done, and start it again if wanted."

SILENT_SECONDS = 300.0
"""After how long without a word a server on another machine is gone, with the jobs that it ran: a
container that was made anew has another name, and nobody is left there to say so."""

_SHORT: tuple[str, ...] = (
    "id",
    "owner",
    "tool",
    "title",
    "status",
    "started",
    "updated",
    "kind",
    "ended",
    "progress",
    "asks",
)
"""The columns that a list shows."""


class JobRecords:
    """The table of jobs.

    Args:
        storage: The database.
        server: The mark of this server.
        keep: For how many seconds a job is kept after its end.
        home: Whose jobs, as `jupyter_mcp.storage.home`; those of others are not there.
    """

    def __init__(self, storage: Storage, server: str, keep: float, home: str = "") -> None:
        self._home = home
        self._storage = storage
        self._server = server
        self._keep = keep

    async def store(self, job: Job) -> None:
        """Write a job as it is now."""
        row = {**_row(job, self._server), "home": self._home}

        def write(connection: Connection) -> None:
            from jupyter_mcp.storage.tables import jobs

            updated = connection.execute(jobs.update().where(jobs.c.id == row["id"]).values(**row))
            if updated.rowcount == 0:
                connection.execute(jobs.insert().values(**row))

        await self._storage.run(write)

    async def find(self, job_id: str) -> tuple[JobRecord, str] | None:
        """Return a job and the mark of its server."""

        def read(connection: Connection) -> dict[str, Any] | None:
            from jupyter_mcp.storage.tables import jobs

            here = (jobs.c.id == job_id) & (jobs.c.home == self._home)
            self._put_right(connection, here)
            row = connection.execute(jobs.select().where(here)).mappings().first()
            return None if row is None else dict(row)

        row = await self._storage.read(read, None)
        return None if row is None else (self._record(row), row["server"])

    async def list(self, query: JobQuery, without: Collection[str]) -> list[JobRecord]:
        """Return jobs, the newest first, but not those of some identifiers."""

        def read(connection: Connection) -> list[JobRecord]:
            from sqlalchemy import select

            from jupyter_mcp.storage.tables import jobs

            others = jobs.c.id.not_in(without) & (jobs.c.home == self._home)
            self._put_right(connection, others)
            columns = [jobs.c[name] for name in _SHORT]
            found = (
                select(*columns)
                .where(others, *_wanted(query, jobs))
                .order_by(jobs.c.started.desc(), jobs.c.id.desc())
                .limit(query.limit)
            )
            return [self._record(dict(row)) for row in connection.execute(found).mappings()]

        nothing: list[JobRecord] = []
        return await self._storage.read(read, nothing)

    def _put_right(self, connection: Connection, concerned: ColumnElement[bool]) -> None:
        """Mark what a server left running that is gone; this one's own earlier runtimes too."""
        from sqlalchemy import func, select

        from jupyter_mcp.storage.tables import jobs

        now = time.time()
        running = (jobs.c.status == "running", jobs.c.server != self._server)
        seen = select(jobs.c.server, func.max(jobs.c.seen)).where(concerned, *running)
        gone = [
            mark
            for mark, last in connection.execute(seen.group_by(jobs.c.server))
            if is_gone(mark)
            or is_ours(mark)
            or (is_elsewhere(mark) and last < now - SILENT_SECONDS)
        ]
        if gone:  # else a read-only database can be read
            lost = jobs.update().where(*running, jobs.c.server.in_(gone))
            connection.execute(lost.values(status="lost", ended=now, updated=now, asks=None))

    def _record(self, row: Mapping[str, Any]) -> JobRecord:
        ended = row["ended"]
        return JobRecord(
            **{name: row[name] for name in _SHORT if name != "asks"},
            asks=row["asks"] or {},
            log=row.get("log", ""),
            result=row.get("result"),
            is_untrusted=bool((row.get("result") or {}).get("untrusted")),
            expires=None if ended is None else ended + self._keep,
            advice=ADVICE if row["status"] == "lost" else "",
        )


def _row(job: Job, server: str) -> dict[str, Any]:
    return {
        "id": job.id,
        "owner": job.owner,
        "tool": job.tool,
        "title": job.title,
        "kind": "tool",
        "status": job.status,
        "server": server,
        "started": job.started,
        "updated": job.updated,
        "ended": job.ended,
        "progress": job.told,
        "log": job.tail,
        "result": job.result,
        "asks": job.asks or None,
        "seen": time.time(),
    }


def _wanted(query: JobQuery, jobs: Any) -> list[ColumnElement[bool]]:
    from sqlalchemy import and_, or_

    wanted: list[ColumnElement[bool]] = []
    if query.owner is not None:
        wanted.append(jobs.c.owner == query.owner)
    if query.statuses:
        wanted.append(jobs.c.status.in_(query.statuses))
    if query.kind:
        wanted.append(jobs.c.kind == query.kind)
    if query.before is not None:
        started, job_id = query.before
        earlier = and_(jobs.c.started == started, jobs.c.id < job_id)
        wanted.append(or_(jobs.c.started < started, earlier))
    return wanted
