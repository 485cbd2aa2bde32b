"""Workflows that start by the clock, each time exactly once, whoever looks at the clock.

Servers and workers both look. Whoever moves a schedule's next time on starts its run, in the same
transaction. While its last run goes on a schedule starts no other; of the times that were missed
while nothing ran, one is made up for.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.locks import lock
from jupyter_mcp.toolsets.workflows.runs.cron import next_time
from jupyter_mcp.toolsets.workflows.runs.records import insert
from jupyter_mcp.toolsets.workflows.runs.run import NewRun
from jupyter_mcp.toolsets.workflows.states import ENDED

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

MOST = 200
"""Schedules of one owner."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a workflow starts by itself.

    Args:
        owner: Identifier of the principal that its runs belong to.
        principal: What that principal may do.
        name: What it is called; one owner has one schedule of a name.
        spec: The spec, complete.
        parameters: What it is started with.
        cron: When.
        timezone: Where.
        next: Unix time of the next start.
        is_on: Whether it starts anything.
        last: Unix time of the last start.
        last_run: The run that it started.
        id: Its identifier.
    """

    owner: str
    principal: Mapping[str, Any]
    name: str
    spec: Mapping[str, Any]
    parameters: Mapping[str, Any]
    cron: str
    timezone: str
    next: float
    is_on: bool = True
    last: float | None = None
    last_run: str = ""
    id: str = field(default_factory=lambda: f"ws-{uuid.uuid4().hex[:16]}")


class Schedules:
    """All schedules.

    Args:
        storage: The database.
        most: How many runs of one owner may be there that have not ended.
        clock: Tells the Unix time.
        home: Whose, as `jupyter_mcp.storage.home`.
    """

    def __init__(
        self,
        storage: Storage,
        most: int = 1_000,
        clock: Callable[[], float] = time.time,
        home: str = "",
    ) -> None:
        self._home = home
        self._storage = storage
        self._most = most
        self._clock = clock

    async def set(self, schedule: Schedule) -> Schedule:
        """Keep a schedule in place of the one with its name and owner.

        Raises:
            ToolError: ``too_many``.
        """

        def write(connection: Connection) -> Schedule:
            from jupyter_mcp.storage.tables import workflow_schedules as table

            lock(connection, "workflows")
            mine = (table.c.owner == schedule.owner) & (table.c.home == self._home)
            rows = {row.name: row for row in connection.execute(table.select().where(mine))}
            before = rows.get(schedule.name)
            if before is None and len(rows) >= MOST:
                told = f"You have {MOST} schedules."
                raise ToolError("too_many", told, "Take some out: workflow_schedule_delete.")
            columns = {name: getattr(schedule, name) for name in Schedule.__slots__}
            if before is None:
                connection.execute(table.insert().values(**columns, home=self._home))
                return schedule
            kept = {"id": before.id, "last": before.last, "last_run": before.last_run}
            here = table.c.id == before.id
            connection.execute(table.update().where(here).values(**columns | kept))
            return Schedule(**columns | kept)

        return await self._storage.run(write)

    async def listed(self, owner: str | None) -> list[Schedule]:
        """Return the schedules of somebody, or everybody's, those that are due first at first."""

        def read(connection: Connection) -> list[Schedule]:
            from jupyter_mcp.storage.tables import workflow_schedules as table

            where = [table.c.home == self._home]
            where += [] if owner is None else [table.c.owner == owner]
            rows = connection.execute(table.select().where(*where).order_by(table.c.next))
            return [_from_row(row) for row in rows.mappings()]

        nothing: list[Schedule] = []
        return await self._storage.read(read, nothing)

    async def delete(self, schedule: str, caller: str, owner: str | None) -> Schedule:
        """Forget a schedule; what it started goes on.

        Args:
            schedule: Its identifier, or its name: the caller's own comes before those of others.
            caller: Who asks.
            owner: The same, or None for one who sees everybody's.

        Raises:
            ToolError: ``not_found``; ``conflict`` where several others have one of that name.
        """
        found = _named(await self.listed(owner), schedule, caller)

        def write(connection: Connection) -> None:
            from jupyter_mcp.storage.tables import workflow_schedules as table

            connection.execute(table.delete().where(table.c.id == found.id))

        await self._storage.run(write)
        return found

    async def next_due(self) -> float | None:
        """Return the Unix time at which the next schedule is due; None for none."""

        def read(connection: Connection) -> float | None:
            from sqlalchemy import func, select

            from jupyter_mcp.storage.tables import workflow_schedules as table

            here = table.c.is_on & (table.c.home == self._home)
            return connection.execute(select(func.min(table.c.next)).where(here)).scalar()

        return await self._storage.read(read, None)

    async def start_due(self) -> list[str]:
        """Start the runs of the schedules that are due, and return their identifiers."""

        def start(connection: Connection) -> list[str]:
            from jupyter_mcp.storage.tables import workflow_schedules as table

            lock(connection, "workflows")
            here = table.c.is_on & (table.c.home == self._home)
            due = table.select().where(here, table.c.next <= self._clock())
            rows = connection.execute(due).mappings().all()
            started = [self._start(connection, _from_row(row)) for row in rows]
            return [run for run in started if run]

        nothing: list[str] = []
        return await self._storage.read(start, nothing)

    def _start(self, connection: Connection, due: Schedule) -> str:
        """Move a schedule on and start its run; nothing where somebody else has done so."""
        from jupyter_mcp.storage.tables import workflow_schedules as table

        now = self._clock()
        here = (table.c.id == due.id) & (table.c.next == due.next)
        try:
            following = {"next": next_time(due.cron, due.timezone, now)}
        except ToolError as error:  # the zone is gone with an update of the system
            _log.warning("The schedule '%s' is switched off: %s", due.name, error)
            following = {"is_on": False}
        if not connection.execute(table.update().where(here).values(**following)).rowcount:
            return ""
        if _goes_on(connection, due.last_run):
            _log.warning("The schedule '%s' is left out: its last run goes on.", due.name)
            return ""
        run = NewRun(
            owner=due.owner,
            principal=due.principal,
            spec=due.spec,
            spec_hash=_digest(due.spec),
            name=str(due.spec.get("name", due.name)),
            parameters=due.parameters,
            priority=int(due.spec.get("priority", 0)),
        )
        try:
            insert(connection, run, now, self._most, self._home)
        except ToolError as error:
            _log.warning("The schedule '%s' is left out: %s", due.name, error)
            return ""
        told = {"last": now, "last_run": run.id}
        connection.execute(table.update().where(table.c.id == due.id).values(**told))
        return run.id


def _named(every: Sequence[Schedule], schedule: str, caller: str) -> Schedule:
    found = [each for each in every if each.id == schedule]
    found = found or [each for each in every if each.name == schedule]
    found = [each for each in found if each.owner == caller] or found
    if len(found) == 1:
        return found[0]
    name = schedule[:80]
    if found:
        ids = ", ".join(f"{each.id} (of {each.owner})" for each in found[:8])
        told = f"{len(found)} schedules of others are called '{name}'."
        raise ToolError("conflict", told, f"Say which by its identifier: {ids}.")
    names = ", ".join(each.name for each in every[:8])
    remedy = f"There is {names}." if names else "There is none."
    raise ToolError("not_found", f"There is no schedule '{name}'.", remedy)


def _from_row(row: RowMapping) -> Schedule:
    return Schedule(**{name: row[name] for name in Schedule.__slots__})


def _goes_on(connection: Connection, run: str) -> bool:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as runs

    here = select(runs.c.id).where(runs.c.id == run, runs.c.status.not_in(ENDED))
    return bool(run) and connection.execute(here).first() is not None


def _digest(spec: Mapping[str, Any]) -> str:
    from jupyter_mcp.toolsets.workflows.spec import export
    from jupyter_mcp.toolsets.workflows.spec.models import Spec

    return export.digest(Spec.model_validate(spec))
