"""Which workers of a shared database live: each renews a lease, and who does not is dead.

The database's own clock counts, because hosts' clocks differ. A worker whose lease was taken away,
as after its host stood still for a while, has to leave everything at once: others do it now.
"""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING, Any

from jupyter_mcp.storage.moments import moment
from jupyter_mcp.toolsets.workflows.engine.dbos_engine import VERSION

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.storage import Storage


class Leases:
    """The leases of workers.

    Args:
        storage: The database.
        executor: This worker's identifier.
        seconds: How long a lease is good without being renewed.
        home: Whose runs it does, as `jupyter_mcp.storage.home`.
    """

    def __init__(self, storage: Storage, executor: str, seconds: float, home: str = "") -> None:
        self._home = home
        self._storage = storage
        self._executor = executor
        self._seconds = seconds

    async def take(self) -> None:
        """Take a lease, before anything is begun."""

        def take(connection: Connection) -> None:
            now = _now(connection)
            row = {
                "executor": self._executor,
                "host": platform.node()[:200],
                "pid": os.getpid(),
                "version": VERSION,
                "started": now,
                "expires": now + self._seconds,
                "home": self._home,
            }
            connection.execute(_table().insert().values(row))

        await self._storage.run(take)

    async def renew(self) -> bool:
        """Say that this worker lives; False when others have given it up."""

        def renew(connection: Connection) -> bool:
            leases = _table()
            mine = leases.update().where(leases.c.executor == self._executor)
            later = mine.values(expires=_now(connection) + self._seconds)
            return connection.execute(later).rowcount > 0

        return await self._storage.run(renew)

    async def give_back(self) -> None:
        """End the lease, so that others need not wait until it expires."""

        def end(connection: Connection) -> None:
            leases = _table()
            connection.execute(leases.delete().where(leases.c.executor == self._executor))

        await self._storage.run(end)


def living(connection: Connection, me: str) -> frozenset[str]:
    """Return the executors that live; whoever asks does."""
    from sqlalchemy import select

    leases = _table()
    good = select(leases.c.executor).where(leases.c.expires > _now(connection))
    return frozenset(connection.execute(good).scalars()) | {me}


def is_any_living(connection: Connection, home: str) -> bool:
    """Return whether a worker lives that does the runs of a home."""
    from sqlalchemy import select

    leases = _table()
    good = (leases.c.home == home) & (leases.c.expires > _now(connection))
    return connection.execute(select(leases.c.executor).where(good)).first() is not None


def bury(connection: Connection, me: str) -> int:
    """Take the leases of others away that have expired, and return how many."""
    leases = _table()
    dead = (leases.c.expires <= _now(connection)) & (leases.c.executor != me)
    return connection.execute(leases.delete().where(dead)).rowcount


def _now(connection: Connection) -> Any:
    return moment(connection, time.time())


def _table() -> Any:
    from jupyter_mcp.storage.tables import workflow_leases

    return workflow_leases
