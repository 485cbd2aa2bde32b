"""Keeps records and engine in step, whatever was killed between the two.

A run that was taken from the queue and never begun goes back to it. One that has ended in the
engine, and whose end nobody wrote down, gets its end; so does one that had begun and that the
engine does not know any more. One that goes on for a dead worker is put into the engine's queue,
where the next worker finds it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mcp.storage.locks import lock
from jupyter_mcp.storage.moments import moment
from jupyter_mcp.toolsets.workflows.engine.dbos_engine import VERSION
from jupyter_mcp.toolsets.workflows.engine.undoing import undo_name
from jupyter_mcp.toolsets.workflows.states import ENDED
from jupyter_mcp.toolsets.workflows.worker import ledger
from jupyter_mcp.toolsets.workflows.worker.leases import bury, living

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.storage import Storage
    from jupyter_mcp.toolsets.workflows.worker.book import Book

AT_ONCE = 200
"""Runs that are looked at in one go."""

_log = logging.getLogger(__name__)


class Upkeep:
    """The upkeep of one worker.

    Args:
        storage: Where the records are.
        book: This worker's records.
        executor: Its identifier.
        is_alone: Whether there can be no other worker.
        clock: Tells the Unix time.
        home: Whose runs, as `jupyter_mcp.storage.home`.
    """

    def __init__(
        self,
        storage: Storage,
        book: Book,
        executor: str,
        *,
        is_alone: bool,
        clock: Callable[[], float],
        home: str = "",
    ) -> None:
        self._home = home
        self._storage = storage
        self._book = book
        self._executor = executor
        self._is_alone = is_alone
        self._clock = clock
        self.begun: set[str] = set()
        """Runs that were taken from the queue and are just being begun."""

    async def reap(self) -> int:
        """Put the runs of dead workers into the queue; return how many.

        One worker at a time: what one has put back and another has begun must not be put back
        again.
        """

        def reap(connection: Connection) -> int:
            me = self._executor
            if self._is_alone:
                return self._put_back({me})
            if not ledger.orphans(living(connection, me)):
                bury(connection, me)
                return 0
            lock(connection, "workflows")
            bury(connection, me)  # who wakes up now finds out
            return self._put_back(living(connection, me))

        found = await self._storage.run(reap)
        if found:
            _log.info("%d workflows of workers that are gone go on here or elsewhere.", found)
        return found

    @staticmethod
    def _put_back(alive: Collection[str]) -> int:
        runs = ledger.orphans(alive)
        ledger.put_back(runs)
        return len(runs)

    async def reconcile(self) -> None:
        """Bring the records of runs in step that have no living worker."""
        adrift = await self._storage.run(self._adrift)
        while adrift:
            some, adrift = adrift[:AT_ONCE], adrift[AT_ONCE:]
            known = await ledger.entries([each.id for each in some])
            lost = [each for each in some if each.id not in known]
            await self._storage.run(partial(self._mend, lost))
            for each in some:
                if each.id in known and each.id not in self._book.live:
                    await self._settle(each.id, known[each.id], each.wanted)

    def _adrift(self, connection: Connection) -> Sequence[Any]:
        """Return the runs that have begun and not ended, and of which no worker tells, as rows."""
        from sqlalchemy import select

        from jupyter_mcp.storage.tables import workflow_runs as runs

        others = set() if self._is_alone else living(connection, self._executor) - {self._executor}
        going = select(runs.c.id, runs.c.executor, runs.c.status, runs.c.wanted).where(
            runs.c.home == self._home, runs.c.status.not_in(ENDED), runs.c.executor != ""
        )
        mine = self._book.live | self.begun
        rows = connection.execute(going.order_by(runs.c.created))
        return [row for row in rows if row.id not in mine and row.executor not in others]

    def _mend(self, lost: Sequence[Any], connection: Connection) -> None:
        """Put runs that the engine does not know into the queue, or end those that had begun.

        Of a pending one nothing was done: who took it was killed before the engine had it. Nothing
        becomes of one of which somebody has told something meanwhile.
        """
        from jupyter_mcp.storage.tables import workflow_runs as runs

        now = moment(connection, self._clock())
        for run in lost:
            told: dict[str, Any] = {"status": "failed", "error": _lost(), "ended": self._clock()}
            if run.wanted == "cancelled":
                told = {"status": "cancelled", "ended": self._clock()}
            elif run.status == "pending":
                told = {"executor": ""}
            seen = (runs.c.executor == run.executor) & (runs.c.status == run.status)
            change = runs.update().where(runs.c.id == run.id, seen)
            changed = connection.execute(change.values(**told, reason="", updated=now)).rowcount
            if changed and "ended" in told:
                _close(connection, run.id, told["ended"])

    async def _settle(self, run: str, entry: ledger.Entry, wanted: str) -> None:
        if entry.status == "SUCCESS":
            await self._tell_nodes(run)
            self._tell_end(run, entry.output)
        elif entry.status == "CANCELLED":
            self._tell_end(run, {"status": "cancelled"})
        elif entry.status in ledger.FAILED:
            self._tell_end(run, {"status": "failed", "error": _broken()})
        elif entry.version != VERSION and wanted == "cancelled":
            await ledger.cancel(run)
            await self._storage.run(partial(_close, run=run, now=self._clock()))
            self._tell_end(run, {"status": "cancelled"})
        elif entry.version != VERSION:
            self._book.run(run, status="waiting", reason=_other_version(entry.version))

    def _tell_end(self, run: str, output: Any) -> None:
        told = output if isinstance(output, Mapping) else {"status": "failed", "error": _broken()}
        self._book.run(
            run, status=told["status"], error=told.get("error"), ended=self._clock(), reason=""
        )

    async def _tell_nodes(self, run: str) -> None:
        """Tell how the nodes ended; a worker that was killed may not have come to that."""
        known = await ledger.steps(run)
        for node, outcome in known.items():
            if isinstance(outcome, Mapping) and "status" in outcome and ":" not in node:
                undone = known.get(undo_name(node), {}).get("status") == "succeeded"
                told = {**outcome, "status": "compensated"} if undone else outcome
                self._book.node(run, node, **told)


def _close(connection: Connection, run: str, now: float) -> None:
    """Write down that the nodes of a run that had not ended are cancelled."""
    from jupyter_mcp.storage.tables import workflow_nodes as nodes

    here = (nodes.c.run == run) & nodes.c.status.in_(("pending", "running", "waiting"))
    connection.execute(nodes.update().where(here).values(status="cancelled", ended=now))


def _broken() -> dict[str, str]:
    return {
        "code": "internal",
        "message": "The workflow was given up by the engine.",
        "remedy": "The worker's log says why; workflow_retry goes on from what was done.",
    }


def _lost() -> dict[str, str]:
    return {
        "code": "internal",
        "message": "The workflow was lost by the engine.",
        "remedy": "workflow_retry goes on from what was done.",
    }


def _other_version(version: str) -> str:
    newer = version.isdigit() and VERSION.isdigit() and int(version) > int(VERSION)
    remedy = (
        "update jupyter_mcp where the worker runs"
        if newer
        else "cancel it and start it again: workflow_retry keeps what was done"
    )
    return f"it was begun by version {version} of the interpreter, this worker has {VERSION}: " + (
        remedy
    )
