"""Who is next: takes runs from the queue for a worker, so that a burst of one owner starves nobody.

The queue is the table of runs itself. DBOS has queues too, but those count a run that waits days
for a person as one that runs, and their limits for each user are slow on several hosts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.rates import REMEDY, rate_of
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.locks import lock
from jupyter_mcp.storage.moments import moment

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from jupyter_mcp.toolsets.workflows.engine.order import Order

BATCH = 50
"""Runs that are taken at once: the rest a moment later, so that others get the database."""

LOOKED_AT = 500
"""Rows of owners who have room that are looked at: more than those of one may be the first."""

FULL = "It waits in the queue: the worker runs as many as it can."
"""Why a run waits whose owner has room, but no worker."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much begins and runs at once.

    Args:
        per_owner: How many runs of one owner run at once, in all workers together.
        rate: How many of them begin within `seconds`; 0 for any.
        seconds: The time of the rate.
    """

    per_owner: int = 20
    rate: int = 0
    seconds: float = 0.0

    @property
    def told_of_running(self) -> str:
        """Why a run waits whose owner has as many as may run."""
        return f"It waits in the queue: {self.per_owner} of its owner run (workflow_running)."

    @property
    def told_of_rate(self) -> str:
        """Why a run waits of whose owner as many have begun as may."""
        began = f"{self.rate} of its owner began within {self.seconds:g} seconds"
        return f"It waits in the queue: {began} (workflow_rate)."

    @classmethod
    def of(cls, per_owner: int, rate: str) -> Limits:
        """Return limits as settings say them, such as ``60/minute``.

        Raises:
            ToolError: ``invalid_configuration``.
        """
        try:
            return cls(per_owner, *rate_of(rate))
        except ValueError:
            told = f"workflow_rate cannot be {rate[:80]!r}."
            raise ToolError("invalid_configuration", told, REMEDY) from None


class Admission:
    """Takes runs from the queue.

    Args:
        storage: The database.
        limits: How much begins and runs at once.
        clock: Tells the Unix time.
        home: Whose runs, as `jupyter_mcp.storage.home`.
    """

    def __init__(
        self,
        storage: Storage,
        limits: Limits,
        clock: Callable[[], float] = time.time,
        home: str = "",
    ) -> None:
        self._home = home
        self._storage = storage
        self._limits = limits
        self._clock = clock

    async def claim(self, executor: str, most: int = BATCH) -> list[Order]:
        """Take runs for a worker: the highest priority first, then the oldest.

        A run that was taken belongs to the executor until it ends, or somebody releases it.

        Args:
            executor: The worker.
            most: How many runs it has room for. Where it has none, those that wait say so.
        """

        def take(connection: Connection) -> list[Order]:
            if not is_any_queued(connection, self._home):
                return []
            lock(connection, "workflows")
            return self._take(connection, executor, min(most, BATCH))

        return await self._storage.run(take if most > 0 else self._tell_full)

    def _take(self, connection: Connection, executor: str, most: int) -> list[Order]:
        from sqlalchemy import select

        from jupyter_mcp.storage.tables import workflow_runs as runs

        said: dict[str, set[str]] = {}
        for row in connection.execute(
            select(runs.c.owner, runs.c.reason).where(_queued(self._home)).distinct()
        ):
            said.setdefault(row.owner, set()).add(row.reason)
        room, why = self._room(connection, set(said))
        taken = self._next(connection, room, most)
        now = moment(connection, self._clock())
        mine = runs.c.id.in_(taken)
        if taken:
            claim = {"executor": executor, "admitted": now, "updated": now, "reason": ""}
            connection.execute(runs.update().where(mine).values(**claim))
        for reason in set(why.values()):
            owners = [each for each in said if room[each] <= 0 and why[each] == reason]
            if any(said[each] != {reason} for each in owners):
                held = _queued(self._home) & runs.c.owner.in_(owners) & (runs.c.reason != reason)
                connection.execute(runs.update().where(held).values(reason=reason, updated=now))
        if not taken:
            return []
        wanted = (runs.c.id, runs.c.spec, runs.c.parameters, runs.c.seeds)
        found = {row.id: row for row in connection.execute(select(*wanted).where(mine))}
        return [_order(found[run]) for run in taken]

    def _tell_full(self, connection: Connection) -> list[Order]:
        from sqlalchemy import select

        from jupyter_mcp.storage.tables import workflow_runs as runs

        untold = _queued(self._home) & (runs.c.reason == "")
        if connection.execute(select(runs.c.id).where(untold).limit(1)).first() is not None:
            now = moment(connection, self._clock())
            connection.execute(runs.update().where(untold).values(reason=FULL, updated=now))
        return []

    def _next(self, connection: Connection, room: dict[str, int], most: int) -> list[str]:
        """Return the runs that are next of owners who have room, and leave what room remains.

        Who has none is not looked at: however much of theirs waits, it hides nothing of others.
        """
        from sqlalchemy import select

        from jupyter_mcp.storage.tables import workflow_runs as runs

        free = [owner for owner, places in room.items() if places > 0]
        first = (
            select(runs.c.id, runs.c.owner)
            .where(_queued(self._home), runs.c.owner.in_(free))
            .order_by(runs.c.priority.desc(), runs.c.created, runs.c.id)
            .limit(LOOKED_AT)
        )
        taken: list[str] = []
        for row in connection.execute(first) if free else ():
            if room[row.owner] > 0 and len(taken) < most:
                room[row.owner] -= 1
                taken.append(row.id)
        return taken

    def _room(
        self, connection: Connection, owners: set[str]
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Return how many runs of each owner may begin now, and why there are no more."""
        from sqlalchemy import func, select

        from jupyter_mcp.storage.tables import workflow_runs as runs

        def counted(*where: Any) -> dict[str, int]:
            found = select(runs.c.owner, func.count().label("many")).group_by(runs.c.owner)
            mine = (runs.c.home == self._home) & runs.c.owner.in_(owners)
            rows = connection.execute(found.where(mine, *where))
            return {row.owner: row.many for row in rows}

        limits = self._limits
        begun = runs.c.executor != ""
        running = counted(runs.c.status.in_(("pending", "running")), begun)
        room = {owner: limits.per_owner - running.get(owner, 0) for owner in owners}
        why = dict.fromkeys(owners, limits.told_of_running)
        if limits.rate:
            now = moment(connection, self._clock())
            lately = counted(runs.c.admitted > now - limits.seconds)
            for owner in owners:
                left = limits.rate - lately.get(owner, 0)
                if left < room[owner]:
                    room[owner], why[owner] = left, limits.told_of_rate
        return room, why


def is_any_queued(connection: Connection, home: str) -> bool:
    """Tell without a lock whether a run waits: most of the time none does."""
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as runs

    waits = select(runs.c.id).where(_queued(home))
    return connection.execute(waits.limit(1)).first() is not None


def _queued(home: str) -> ColumnElement[bool]:
    from jupyter_mcp.storage.tables import workflow_runs as runs

    free = (runs.c.status == "pending") & (runs.c.executor == "") & (runs.c.wanted == "")
    return free & (runs.c.home == home)


def _order(row: Any) -> Order:
    from jupyter_mcp.toolsets.workflows.engine.order import Order

    return Order(row.id, row.spec, row.parameters, row.seeds or {})
