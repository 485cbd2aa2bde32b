"""Takes out of DBOS' journal the runs that have ended: their records tell all that stays of them.

DBOS itself keeps each run for ever, with the inputs and outputs of its steps. So what somebody
deletes, or what is too old, would be gone from the records and lie in the journal still.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import closing
from typing import TYPE_CHECKING

from jupyter_mcp.toolsets.workflows.states import ENDED
from jupyter_mcp.toolsets.workflows.worker import ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from jupyter_mcp.storage import Storage

AT_ONCE = 200
"""Runs that are taken out in one go."""

EMPTY = 0.5
"""The part of a SQLite file that may be empty before it is made smaller."""


class Journal:
    """The journal of one worker.

    Args:
        storage: Where the records are.
        engine: The engine of DBOS' SQLite file; None for Postgres, which cleans up by itself.
        seconds: For how long after its end a run stays: until then another worker that is slow may
            still begin it, and must find that it is done.
        clock: Tells the Unix time.
    """

    def __init__(
        self,
        storage: Storage,
        engine: Engine | None,
        seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._storage = storage
        self._engine = engine
        self._seconds = seconds
        self._clock = clock

    async def clean(self) -> None:
        """Take out the runs whose records have ended or are gone."""
        is_changed = False
        while runs := await ledger.ended(self._clock() - self._seconds, AT_ONCE):
            going = await self._storage.run(lambda connection: _going(connection, runs))
            over = [run for run in runs if run not in going]
            await ledger.forget(over)
            is_changed = is_changed or bool(over)
            if len(over) < AT_ONCE:  # the rest comes when its records have ended
                break
        if is_changed and self._engine is not None:
            await asyncio.to_thread(_shrink, self._engine)


def _going(connection: Connection, runs: Collection[str]) -> set[str]:
    """Return those whose records still lack the end, which they get from the journal."""
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as records

    lacking = records.c.id.in_(runs) & records.c.status.not_in(ENDED)
    return set(connection.execute(select(records.c.id).where(lacking)).scalars())


def _shrink(engine: Engine) -> None:
    """Give back what is empty, and let nothing of what was taken out lie in the log."""
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        [empty] = cursor.execute("PRAGMA freelist_count").fetchone()
        [pages] = cursor.execute("PRAGMA page_count").fetchone()
        if empty > pages * EMPTY:
            cursor.executescript("PRAGMA incremental_vacuum")  # a step for each page, to the end
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
