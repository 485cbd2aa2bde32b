"""A small store of expiring values that several servers can share: cached results, keys, leases.

It is a table of the database; where Redis is configured, `jupyter_mcp.storage.redis` has the same
methods. Values are bytes under a space (what they are for) and a key, and every one has an end. All
methods fail with
``unavailable`` while the store cannot be reached: whoever can go on without it does.

Statements are made in the database's thread: SQLAlchemy is imported there once, and the event loop
waits for nothing.

What different servers keep is kept apart by a namespace: the root folder and, below JupyterHub,
whose server it is. Replicas of one server share all; the servers of two people share nothing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.engine import Storage

if TYPE_CHECKING:
    from sqlalchemy import Connection

R = TypeVar("R")

SWEEP_SECONDS = 600.0
"""How often at most expired entries are taken out of the table; it happens beside a write."""

_HUB_VARIABLES = ("JUPYTERHUB_BASE_URL", "JUPYTERHUB_USER", "JUPYTERHUB_SERVER_NAME")


def namespace_of(state: Path) -> str:
    """Return what stands for all replicas of the server whose state folder is `state`."""
    whose = "\n".join(os.environ.get(name, "") for name in _HUB_VARIABLES)
    return hashlib.sha256(f"{state.name}\n{whose}".encode()).hexdigest()[:16]


class SqlStore:
    """The table ``entries``.

    Args:
        storage: The database.
        namespace: What keeps one server's entries from those of others in the same database.
        clock: Tells the time.
    """

    def __init__(
        self, storage: Storage, namespace: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._namespace = namespace
        self._clock = clock
        self._swept = -SWEEP_SECONDS

    async def get(self, space: str, key: str) -> bytes | None:
        """Return a value; None when there is none or it has expired."""
        return await self._run(lambda connection: self._value(connection, space, key))

    async def set(self, space: str, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for so many seconds, whatever was there before."""
        await self._run(lambda c: self._put(c, space, key, value, seconds, over_living=True))

    async def set_if_absent(self, space: str, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value unless there is one already; return whether it was kept (atomic)."""
        return await self._run(
            lambda c: self._put(c, space, key, value, seconds, over_living=False)
        )

    async def delete(self, space: str, key: str, value: bytes | None = None) -> bool:
        """Take a value out, or only just that `value`; return whether it was there."""
        return await self._run(lambda connection: self._delete(connection, space, key, value))

    async def clear(self, space: str) -> None:
        """Take out all values of a space."""
        await self._run(lambda connection: self._clear(connection, space))

    async def sweep(self) -> int:
        """Take out everybody's expired entries and return how many there were."""
        return await self._run(self._sweep)

    async def _run(self, work: Callable[[Connection], R]) -> R:
        with _reaching():
            return await self._storage.run(work)

    def _value(self, connection: Connection, space: str, key: str) -> bytes | None:
        from sqlalchemy import select

        from jupyter_mcp.storage.tables import entries

        living = entries.c.expires > self._clock()
        value = select(entries.c.value).where(*self._entry(space, key), living)
        found: bytes | None = connection.execute(value).scalar_one_or_none()
        return found

    def _delete(self, connection: Connection, space: str, key: str, value: bytes | None) -> bool:
        from jupyter_mcp.storage.tables import entries

        gone = entries.delete().where(*self._entry(space, key))
        if value is not None:
            gone = gone.where(entries.c.value == value)
        return connection.execute(gone).rowcount > 0

    def _clear(self, connection: Connection, space: str) -> None:
        from jupyter_mcp.storage.tables import entries

        mine = entries.c.key.startswith(f"{self._namespace}:", autoescape=True)
        connection.execute(entries.delete().where(entries.c.space == space, mine))

    def _put(  # noqa: PLR0917 - an entry and how
        self,
        connection: Connection,
        space: str,
        key: str,
        value: bytes,
        seconds: float,
        over_living: bool,
    ) -> bool:
        from sqlalchemy.dialects import postgresql, sqlite

        from jupyter_mcp.storage.tables import entries

        self._sweep_now_and_then(connection)
        now = self._clock()
        insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
        new = {"value": value, "expires": now + seconds}
        put = insert(entries).values(space=space, key=f"{self._namespace}:{key}", **new)
        put = put.on_conflict_do_update(
            index_elements=["space", "key"],
            set_=new,
            where=None if over_living else entries.c.expires <= now,
        )
        # Of an insert SQLAlchemy keeps no count unless it is told to: on Postgres it says -1.
        counted = put.execution_options(preserve_rowcount=True)
        return connection.execute(counted).rowcount > 0

    def _sweep_now_and_then(self, connection: Connection) -> None:
        if time.monotonic() - self._swept >= SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._sweep(connection)

    def _sweep(self, connection: Connection) -> int:
        from jupyter_mcp.storage.tables import entries

        return connection.execute(
            entries.delete().where(entries.c.expires <= self._clock())
        ).rowcount

    def _entry(self, space: str, key: str) -> tuple[Any, Any]:
        from jupyter_mcp.storage.tables import entries

        return entries.c.space == space, entries.c.key == f"{self._namespace}:{key}"


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError  # loaded by the storage's thread meanwhile

        from jupyter_mcp.storage.faults import reason

        if not isinstance(error, SQLAlchemyError):
            raise
        raise unreachable(f"The database cannot be used: {reason(error)}.") from error


def unreachable(message: str) -> ToolError:
    """Return the error of a store that cannot be used now."""
    return ToolError(
        "unavailable",
        message,
        "Try again in a few seconds.",
        data={"transient": True, "retry_after": 5},
    )
