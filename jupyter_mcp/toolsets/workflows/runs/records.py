"""The tables of runs as the server uses them: it writes what is wanted and reads what was done.

A row that is pending and has no executor is the queue itself: a worker takes it from there. So a
server that is killed after it has written the row has lost nothing, and it needs no engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.locks import lock
from jupyter_mcp.storage.moments import moment
from jupyter_mcp.toolsets.workflows.runs.run import NewRun, NodeState, Run, RunQuery
from jupyter_mcp.toolsets.workflows.states import ENDED

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_LISTED = (
    "id",
    "owner",
    "name",
    "status",
    "created",
    "updated",
    "template",
    "parent",
    "priority",
    "wanted",
    "executor",
    "started",
    "ended",
    "reason",
    "error",
    "untrusted",
)
_WHOLE = (*_LISTED, "spec", "spec_hash", "parameters", "principal", "deduplication")
_NODE = ("node", "status", "started", "ended", "attempts", "output", "error", "progress")
_WHOLE_NODE = (*_NODE, "input", "log")


class RunRecords:
    """The records of runs.

    Args:
        storage: The database.
        clock: Tells the Unix time.
        home: Whose runs, as `jupyter_mcp.storage.home`; those of others are not there.
    """

    def __init__(
        self, storage: Storage, clock: Callable[[], float] = time.time, home: str = ""
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._home = home

    async def add(self, run: NewRun, most: int) -> tuple[str, bool]:
        """Put a run into the queue.

        Args:
            run: The run.
            most: How many runs of its owner may be there that have not ended.

        Returns:
            Its identifier and True, or that of the run that goes on with its deduplication.

        Raises:
            ToolError: ``too_many``.
        """

        def write(connection: Connection) -> tuple[str, bool]:
            lock(connection, "workflows")
            return insert(connection, run, self._clock(), most, self._home)

        return await self._storage.run(write)

    async def find(self, run: str) -> Run | None:
        """Return a run with its spec; None for none."""

        def read(connection: Connection) -> Run | None:
            from jupyter_mcp.storage.tables import workflow_runs as runs

            row = _first(connection, runs, self._is(run), _WHOLE)
            return None if row is None else Run(**row)

        return await self._storage.read(read, None)

    async def brief(self, run: str) -> Run | None:
        """Return a run without its spec; None for none."""

        def read(connection: Connection) -> Run | None:
            from jupyter_mcp.storage.tables import workflow_runs as runs

            row = _first(connection, runs, self._is(run), _LISTED)
            return None if row is None else Run(**row)

        return await self._storage.read(read, None)

    async def nodes(self, run: str, *, memos: bool = False) -> dict[str, NodeState]:
        """Return what is known of the nodes of a run, but neither inputs nor logs.

        Args:
            run: The run.
            memos: Also what attempts have noted for the next, which may be much.
        """

        def read(connection: Connection) -> dict[str, NodeState]:
            from sqlalchemy import select

            from jupyter_mcp.storage.tables import workflow_nodes as nodes

            wanted = (*_NODE, "memo") if memos else _NODE
            found = select(*(nodes.c[name] for name in wanted)).where(nodes.c.run == run)
            rows = connection.execute(found).mappings()
            return {row["node"]: NodeState(**row) for row in rows}

        nothing: dict[str, NodeState] = {}
        return await self._storage.read(read, nothing)

    async def node(self, run: str, node: str) -> NodeState | None:
        """Return a node with its input and its log; None while nothing is known of it."""

        def read(connection: Connection) -> NodeState | None:
            from jupyter_mcp.storage.tables import workflow_nodes as nodes

            here = (nodes.c.run == run) & (nodes.c.node == node)
            row = _first(connection, nodes, here, _WHOLE_NODE)
            return None if row is None else NodeState(**row)

        return await self._storage.read(read, None)

    async def listed(self, query: RunQuery) -> list[Run]:
        """Return runs without their specs, the newest first."""

        def read(connection: Connection) -> list[Run]:
            from sqlalchemy import select

            from jupyter_mcp.storage.tables import workflow_runs as runs

            found = (
                select(*(runs.c[name] for name in _LISTED))
                .where(runs.c.home == self._home, *_asked(query, runs))
                .order_by(runs.c.created.desc(), runs.c.id.desc())
                .limit(query.limit)
            )
            return [Run(**row) for row in connection.execute(found).mappings()]

        nothing: list[Run] = []
        return await self._storage.read(read, nothing)

    async def going(self, runs: Collection[str]) -> dict[str, list[NodeState]]:
        """Return the nodes at which runs are, without what they have given."""

        def read(connection: Connection) -> dict[str, list[NodeState]]:
            from sqlalchemy import select

            from jupyter_mcp.storage.tables import workflow_nodes as nodes

            at = nodes.c.run.in_(runs) & nodes.c.status.in_(("running", "waiting"))
            wanted = (nodes.c.run, nodes.c.node, nodes.c.status, nodes.c.progress)
            found: dict[str, list[NodeState]] = {}
            for row in connection.execute(select(*wanted).where(at).order_by(nodes.c.node)):
                state = NodeState(row.node, row.status, progress=row.progress)
                found.setdefault(row.run, []).append(state)
            return found

        nothing: dict[str, list[NodeState]] = {}
        return await self._storage.read(read, nothing) if runs else nothing

    async def want(self, run: str, wanted: str) -> bool:
        """Say what is wanted of a run; whether it had not ended.

        One that no worker has taken is ended at once when it is to be cancelled.
        """

        def write(connection: Connection) -> bool:
            from jupyter_mcp.storage.tables import workflow_runs as runs

            now = self._clock()
            told = {"wanted": wanted, "updated": moment(connection, now)}
            here = self._is(run) & runs.c.status.not_in(ENDED)
            if wanted:  # one that no worker has waits for nothing any more
                waits = here & (runs.c.status == "pending") & (runs.c.executor == "")
                ended = {"status": "cancelled", "ended": now} if wanted == "cancelled" else {}
                change = runs.update().where(waits)
                if connection.execute(change.values(**told, **ended, reason="")).rowcount:
                    return True
            change = runs.update().where(here)
            return connection.execute(change.values(**told)).rowcount > 0

        return await self._storage.run(write)

    async def explain(self, reason: str, is_attended: Callable[[Connection], bool]) -> None:
        """Say of all runs that have not ended that nobody does them, and why.

        Args:
            reason: Why.
            is_attended: Returns whether a worker is there after all, which then tells itself.
        """

        def write(connection: Connection) -> None:
            from jupyter_mcp.storage.tables import workflow_runs as runs

            if is_attended(connection):
                return
            going = (runs.c.home == self._home) & runs.c.status.not_in(ENDED)
            change = runs.update().where(going, runs.c.reason != reason)
            now = moment(connection, self._clock())
            connection.execute(change.values(reason=reason, updated=now))

        await self._storage.run(write)

    async def answer(self, run: str, node: str, answer: Mapping[str, Any], by: str) -> bool:
        """Keep the answer to an approval; whether it is the first.

        Args:
            run: The run.
            node: The approval.
            answer: ``approved``, and the fields that were filled in.
            by: Who answered.
        """

        def write(connection: Connection) -> bool:
            from sqlalchemy.exc import IntegrityError

            from jupyter_mcp.storage.tables import workflow_answers as given
            from jupyter_mcp.storage.tables import workflow_runs as runs

            now = self._clock()
            row = {"run": run, "node": node, "answer": dict(answer), "by": by, "at": now}
            try:
                with connection.begin_nested():
                    connection.execute(given.insert().values(**row))
            except IntegrityError:
                return False
            updated = moment(connection, now)
            connection.execute(runs.update().where(runs.c.id == run).values(updated=updated))
            return True

        return await self._storage.run(write)

    async def is_answered(self, run: str, node: str) -> bool:
        """Return whether somebody has answered an approval."""

        def read(connection: Connection) -> bool:
            from jupyter_mcp.storage.tables import workflow_answers as given

            here = (given.c.run == run) & (given.c.node == node)
            return connection.execute(given.select().where(here)).first() is not None

        return await self._storage.run(read)

    async def delete(self, run: str) -> bool:
        """Forget a run that has ended; whether there was one."""

        def write(connection: Connection) -> bool:
            from jupyter_mcp.storage.tables import workflow_answers, workflow_nodes, workflow_runs

            here = self._is(run) & workflow_runs.c.status.in_(ENDED)
            if not connection.execute(workflow_runs.delete().where(here)).rowcount:
                return False
            for table in (workflow_nodes, workflow_answers):
                connection.execute(table.delete().where(table.c.run == run))
            return True

        return await self._storage.run(write)

    async def changed_within(self, seconds: float) -> tuple[list[tuple[str, float]], int]:
        """Return the runs of which something was told lately, and how many have not ended."""

        def read(connection: Connection) -> tuple[list[tuple[str, float]], int]:
            from sqlalchemy import func, select

            from jupyter_mcp.storage.tables import workflow_runs as runs

            mine = runs.c.home == self._home
            since = moment(connection, self._clock()) - seconds
            told = select(runs.c.id, runs.c.updated).where(mine, runs.c.updated >= since)
            found = [(row.id, row.updated) for row in connection.execute(told)]
            going = select(func.count()).where(mine, runs.c.status.not_in(ENDED))
            return found, connection.execute(going).scalar_one()

        return await self._storage.read(read, ([], 0))

    def _is(self, run: str) -> ColumnElement[bool]:
        from jupyter_mcp.storage.tables import workflow_runs as runs

        return (runs.c.id == run) & (runs.c.home == self._home)


def insert(
    connection: Connection, run: NewRun, now: float, most: int, home: str
) -> tuple[str, bool]:
    """Put a run into the queue, as `RunRecords.add`, within a transaction that has the lock."""
    from sqlalchemy import func, select

    from jupyter_mcp.storage.tables import workflow_nodes as nodes
    from jupyter_mcp.storage.tables import workflow_runs as runs

    owned = (runs.c.owner == run.owner) & (runs.c.home == home)
    mine = owned & runs.c.status.not_in(ENDED)
    if run.deduplication:
        same = select(runs.c.id).where(mine, runs.c.deduplication == run.deduplication)
        if (there := connection.execute(same).scalar()) is not None:
            return str(there), False
    if connection.execute(select(func.count()).where(mine)).scalar_one() >= most:
        raise ToolError(
            "too_many",
            f"There are {most} of your workflows that have not ended.",
            "Wait for some to end or cancel them; workflow_list(status='active') shows them.",
        )
    columns = {name: getattr(run, name) for name in NewRun.__slots__ if name != "memos"}
    told = {"status": "pending", "created": now, "home": home, "updated": moment(connection, now)}
    connection.execute(runs.insert().values(**columns, **told))
    rows = [{"run": run.id, "node": node, "memo": memo} for node, memo in run.memos.items()]
    if rows:
        connection.execute(nodes.insert().values(status="pending"), rows)
    return run.id, True


def _first(
    connection: Connection, table: Any, here: ColumnElement[bool], names: Sequence[str]
) -> dict[str, Any] | None:
    from sqlalchemy import select

    found = select(*(table.c[name] for name in names)).where(here)
    row = connection.execute(found).mappings().first()
    return None if row is None else dict(row)


def _asked(query: RunQuery, runs: Any) -> list[ColumnElement[bool]]:
    from sqlalchemy import and_, or_

    asked: list[ColumnElement[bool]] = []
    if query.owner is not None:
        asked.append(runs.c.owner == query.owner)
    if query.statuses:
        asked.append(_shown(query.statuses, runs))
    if query.name:
        asked.append(runs.c.name == query.name)
    if query.template:
        exact = runs.c.template == query.template
        older = runs.c.template.startswith(f"{query.template}@", autoescape=True)
        asked.append(exact if "@" in query.template else or_(exact, older))
    if query.before is not None:
        created, run = query.before
        earlier = and_(runs.c.created == created, runs.c.id < run)
        asked.append(or_(runs.c.created < created, earlier))
    return asked


def _shown(statuses: frozenset[str], runs: Any) -> ColumnElement[bool]:
    """Return which runs are told to be in one of some states (`telling.shown_status`)."""
    from sqlalchemy import and_, not_, or_

    is_paused = and_(runs.c.wanted == "paused", runs.c.status.not_in(ENDED))
    stored = statuses - {"paused"} | ({"paused"} if "running" in statuses else set())
    others = and_(runs.c.status.in_(stored), not_(is_paused))
    return or_(is_paused, others) if "paused" in statuses else others
