"""Remembers which workflows have read what strangers wrote, for as long as they are kept.

Sessions forget it after half an hour (`taints`). A run shows its outputs for weeks, to whoever
looks at it and at whatever server, and what it has read is then as untrusted as it was.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.storage import Storage

KNOWN = 10_000
"""Of how many runs it is remembered that their record says it already."""

LONGEST = 200


class RunMarks:
    """The marks in the records of runs.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: OrderedDict[str, None] = OrderedDict()

    async def mark(self, run: str, origin: str) -> None:
        """Note what brought a run something untrusted; the first counts."""
        if run in self._known:
            return
        await self._storage.run(lambda connection: _mark(connection, run, origin[:LONGEST]))
        self._known[run] = None
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)


def _mark(connection: Connection, run: str, origin: str) -> None:
    from jupyter_mcp.storage.tables import workflow_runs as runs

    here = (runs.c.id == run) & (runs.c.untrusted == "")
    connection.execute(runs.update().where(here).values(untrusted=origin))
