"""The worker's `Recorder`: what runs tell goes into the tables, what people want comes out of them.

Writing is batched, because each transaction costs as much as a whole step. Reading is one query for
all runs that go on, five times a second when something has changed, so that a thousand waiting runs
cost no more than one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.changes import Lookout
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.storage.moments import moment
from jupyter_mcp.toolsets.workflows.states import ENDED, RESTING

if TYPE_CHECKING:
    from sqlalchemy import Connection, Insert, Table

    from jupyter_mcp.storage import Storage

WRITE_SECONDS = 0.025
"""How long what was told of a run waits for more."""

NODES_SECONDS = 0.075
"""How much longer what was told of nodes alone waits: it comes often and changes little."""

LOOK_SECONDS = 0.2
"""How often wishes and answers are looked for."""

_KEPT = frozenset({"started"})
"""Columns that keep their first value: a run that is taken up tells them again."""

_log = logging.getLogger(__name__)

Json = dict[str, Any]
Runs = dict[str, Json]
Nodes = dict[tuple[str, str], Json]
R = TypeVar("R")


class Book:
    """Keeps the records of the runs of one worker.

    Args:
        storage: Where the tables are.
        clock: Tells the Unix time.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._runs: dict[str, Json] = {}
        self._nodes: dict[tuple[str, str], Json] = {}
        self._wanted: dict[str, str] = {}
        self._answers: dict[str, dict[str, Json]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._resting: set[str] = set()
        self._lookout = Lookout(storage.changes)
        self._has_runs = asyncio.Event()
        self._told = asyncio.Event()
        self._told_of_run = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._writing = asyncio.Lock()
        self._is_away = False

    @property
    def live(self) -> frozenset[str]:
        """The runs that go on in this worker."""
        return frozenset(self._news)

    @property
    def working(self) -> frozenset[str]:
        """Those of them that do not only wait."""
        return frozenset(self._news.keys() - self._resting)

    def start(self) -> None:
        """Begin to write and to look."""
        self._tasks = [
            asyncio.create_task(self._write_on(), name="workflow records"),
            asyncio.create_task(self._look_on(), name="workflow wishes"),
        ]

    async def stop(self) -> None:
        """Write what is left and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.write()

    async def take(self, run: str, executor: str) -> None:
        """Begin with a run: what was wanted and answered before is known when this returns."""
        self._news[run] = asyncio.Event()
        self._has_runs.set()
        self.run(run, executor=executor, reason="")
        await self._patiently(lambda: self.look([run]))

    def leave(self, run: str) -> None:
        """Be done with a run."""
        self._news.pop(run, None)
        self._resting.discard(run)
        self._wanted.pop(run, None)
        self._answers.pop(run, None)

    def run(self, run: str, **columns: Any) -> None:
        """Set columns of a run."""
        if "status" in columns and run in self._news:
            rests = columns["status"] in RESTING
            (self._resting.add if rests else self._resting.discard)(run)
        self._runs.setdefault(run, {}).update(columns)
        self._told.set()
        self._told_of_run.set()

    def node(self, run: str, node: str, **columns: Any) -> None:
        """Set columns of a node."""
        self._nodes.setdefault((run, node), {}).update(columns)
        self._told.set()

    async def memo(self, run: str, node: str) -> Any:
        """Return what an earlier attempt at a node has noted for the next; None for nothing."""
        await self._patiently(self.write)
        return await self._patiently(
            lambda: self._storage.run(lambda connection: _memo(connection, run, node))
        )

    async def keep_memo(self, run: str, node: str, memo: Any) -> None:
        """Note something for a later attempt; it is written when this returns."""
        self.node(run, node, memo=memo)
        await self._patiently(self.write)

    def wanted(self, run: str) -> str:
        """Return what is wanted of a run that goes on."""
        return self._wanted.get(run, "")

    def answer(self, run: str, node: str) -> Json | None:
        """Return how a person has answered an approval."""
        return self._answers.get(run, {}).get(node)

    async def changed(self, run: str) -> None:
        """Wait until something else is wanted of a run, or somebody has answered."""
        news = self._news.setdefault(run, asyncio.Event())
        self._has_runs.set()
        await news.wait()
        news.clear()

    async def write(self) -> None:
        """Write what was told; what cannot be written now is kept for the next time.

        When this returns, all that was told before is written.
        """
        async with self._writing:
            runs, self._runs = self._runs, {}
            nodes, self._nodes = self._nodes, {}
            self._told.clear()
            self._told_of_run.clear()
            if not runs and not nodes:
                return
            try:
                await self._write(runs, nodes)
            except BaseException:
                self._keep(runs, nodes)
                raise

    async def _write(self, runs: Runs, nodes: Nodes) -> None:
        now = self._clock()
        try:
            await self._storage.run(lambda connection: _write(connection, runs, nodes, now))
        except Exception as error:
            if is_passing(error):
                raise
            await self._write_each(runs, nodes, now)

    async def _write_each(self, runs: Runs, nodes: Nodes, now: float) -> None:
        """Write one after the other, so that one that cannot be written stops no others."""
        pieces: list[tuple[Runs, Nodes]] = [({}, {key: told}) for key, told in nodes.items()]
        pieces += [({run: told}, {}) for run, told in runs.items()]
        for some_runs, some_nodes in pieces:
            try:
                await self._storage.run(partial(_write_piece, some_runs, some_nodes, now))
            except Exception as error:
                if is_passing(error):
                    raise
                names = ", ".join([*some_runs, *(":".join(key) for key in some_nodes)])
                _log.warning("What '%s' told cannot be kept: %s", names, reason(error))

    def _keep(self, runs: Runs, nodes: Nodes) -> None:
        """Have what could not be written written the next time; newer words count more."""
        for run, told in self._runs.items():
            runs.setdefault(run, {}).update(told)
        for key, told in self._nodes.items():
            nodes.setdefault(key, {}).update(told)
        self._runs, self._nodes = runs, nodes
        self._told.set()

    async def look(self, runs: Sequence[str] | None = None) -> None:
        """Look what is wanted of runs that go on, by default of all, and what people answered."""
        live = list(self._news if runs is None else runs)
        if not live:
            return
        wanted, answers = await self._storage.run(lambda connection: _look(connection, live))
        for run in live:
            is_new = wanted.get(run, "") != self._wanted.get(run, "")
            if is_new or answers.get(run, {}) != self._answers.get(run, {}):
                self._wanted[run] = wanted.get(run, "")
                self._answers[run] = answers.get(run, {})
                if run in self._news:
                    self._news[run].set()

    async def _write_on(self) -> None:
        while True:
            await self._told.wait()
            with contextlib.suppress(TimeoutError):  # `wait_for` may swallow a cancel
                async with asyncio.timeout(NODES_SECONDS):
                    await self._told_of_run.wait()
            await asyncio.sleep(WRITE_SECONDS)
            with self._telling("written"):
                await self.write()
            if self._told.is_set():  # it failed, or more came
                await asyncio.sleep(WRITE_SECONDS)

    async def _look_on(self) -> None:
        while True:
            await self._has_runs.wait()
            await asyncio.sleep(LOOK_SECONDS)
            if not self._news:
                self._has_runs.clear()
            elif self._lookout.is_due():
                with self._telling("read"):
                    await self.look()

    async def _patiently(self, work: Callable[[], Awaitable[R]]) -> R:
        """Do something as soon as the database is there: no run fails because it is away."""
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_passing(error):
                    raise
                self._tell("used", error)
            await asyncio.sleep(LOOK_SECONDS)

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Go on when the database is away for a while; it is said in the log, once."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._tell(what, error)
        else:
            self._is_away = False

    def _tell(self, what: str, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("Records of workflows cannot be %s now: %s.", what, reason(error))


def is_passing(error: Exception) -> bool:
    """Whether what failed may work a moment later: the database is away, and nothing is wrong."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    if isinstance(error, ToolError):
        return error.code == "unavailable"
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError)


def _memo(connection: Connection, run: str, node: str) -> Any:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_nodes as nodes

    here = (nodes.c.run == run) & (nodes.c.node == node)
    return connection.execute(select(nodes.c.memo).where(here)).scalar()


def _write(
    connection: Connection,
    runs: Mapping[str, Json],
    nodes: Mapping[tuple[str, str], Json],
    now: float,
) -> None:
    from jupyter_mcp.storage.tables import workflow_runs

    _upsert_nodes(connection, nodes)
    for run, told in runs.items():
        here = workflow_runs.c.id == run
        if told.get("status") not in ENDED:  # a run that was ended by somebody else stays so
            here &= workflow_runs.c.status.not_in(ENDED)
        values = {name: _value(workflow_runs, name, value) for name, value in told.items()}
        values["updated"] = moment(connection, now)
        connection.execute(workflow_runs.update().where(here).values(**values))


def _write_piece(runs: Runs, nodes: Nodes, now: float, connection: Connection) -> None:
    _write(connection, runs, nodes, now)


def _upsert_nodes(connection: Connection, nodes: Mapping[tuple[str, str], Json]) -> None:
    """Write what nodes told, those that told of the same columns in one go."""
    alike: dict[tuple[str, ...], list[Json]] = {}
    for (run, node), told in nodes.items():
        row = {"status": "pending", **told, "run": run, "node": node}
        alike.setdefault(tuple(sorted(told)), []).append(row)
    for columns, rows in alike.items():
        connection.execute(_upsert(connection.dialect.name, columns), rows)


@lru_cache(maxsize=128)
def _upsert(dialect: str, columns: tuple[str, ...]) -> Insert:
    """Return what sets columns of nodes; making it costs as much as doing it."""
    from sqlalchemy.dialects import postgresql, sqlite

    from jupyter_mcp.storage.tables import workflow_nodes as nodes

    statement = (postgresql if dialect == "postgresql" else sqlite).insert(nodes)
    values = {name: _value(nodes, name, statement.excluded[name]) for name in columns}
    key = ["run", "node"]
    done: Insert = (
        statement.on_conflict_do_update(index_elements=key, set_=values)
        if values
        else statement.on_conflict_do_nothing(index_elements=key)
    )
    return done


def _value(table: Table, name: str, value: Any) -> Any:
    """Return what a column is set to."""
    from sqlalchemy import func

    if name in _KEPT:
        return func.coalesce(table.c[name], value)
    return value


def _look(
    connection: Connection, live: list[str]
) -> tuple[dict[str, str], dict[str, dict[str, Json]]]:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_answers as given
    from jupyter_mcp.storage.tables import workflow_runs as runs

    rows = connection.execute(
        select(runs.c.id, runs.c.wanted).where(runs.c.id.in_(live), runs.c.wanted != "")
    )
    wanted = {row.id: row.wanted for row in rows}
    answers: dict[str, dict[str, Json]] = {}
    for row in connection.execute(given.select().where(given.c.run.in_(live))):
        told = {"answer": row.answer, "by": row.by, "at": row.at}
        answers.setdefault(row.run, {})[row.node] = told
    return wanted, answers
