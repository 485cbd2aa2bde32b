"""DBOS Transact as the durable engine (https://docs.dbos.dev/python).

DBOS is one for a process, so this module is used by the worker alone. Values are kept as JSON and
never pickled: who can write the database must not be able to run code by it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from jupyter_mcp.storage.journals import set_journal
from jupyter_mcp.toolsets.workflows.engine.durable import RunCancelled, Slot
from jupyter_mcp.toolsets.workflows.engine.interpreter import Interpreter
from jupyter_mcp.toolsets.workflows.engine.order import SCHEMA, Order
from jupyter_mcp.toolsets.workflows.engine.reconnecting import wait_for_postgres
from jupyter_mcp.toolsets.workflows.engine.running import Services
from jupyter_mcp.toolsets.workflows.engine.unpickled import refuse_pickles

if TYPE_CHECKING:
    from dbos import StepReservation
    from sqlalchemy import Engine

APPLICATION = "jupyter-mcp"
WORKFLOW = "jupyter_mcp.run"
VERSION = str(SCHEMA)
"""DBOS takes up only what its own version began: ours is that of the interpreter's schema."""

QUEUE = "_dbos_internal_queue"
"""DBOS' own queue: through it go the runs that are taken over, and no others."""

RECOVERIES = 1_000
"""How often a run is taken up before it is given up."""

BUSY_SECONDS = 30
"""How long a SQLite file that others keep locked is waited for."""

THREADS = 16
"""Threads in which DBOS writes."""

NOTICE_SECONDS = 0.2
"""How often DBOS looks for messages, which nobody here sends; as long as stopping takes."""

EXPECTED = ("Asyncio task cancelled for workflow or step",)
"""How warnings begin that DBOS logs when a run is cancelled or left."""


def serializer() -> Any:
    """Return how values are kept; the client has to use the same."""
    from dbos import DBOSPortableJSONSerializer

    return DBOSPortableJSONSerializer()


def sqlite_engine(file: str, *, is_safe_from_power_loss: bool = False) -> Engine:
    """Return an engine for DBOS' tables in a SQLite file.

    With a write-ahead log a step costs a fifth of what it does without. What a killed process has
    committed is kept; a loss of power may take the last commits unless `is_safe_from_power_loss`.
    What is deleted is overwritten, and a new file can become smaller.
    """
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{file}")
    synchronous = "FULL" if is_safe_from_power_loss else "NORMAL"

    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"  # as DBOS sets it for engines of its own
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before anything is written
        set_journal(connection, "WAL", BUSY_SECONDS)
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")

    event.listen(engine, "connect", prepare)
    return engine


_is_new: ContextVar[bool] = ContextVar("is_new", default=False)
"""Whether a run begins here for the first time, so that nobody has to look what is done of it.

It goes with the task that `DbosEngine.begin` makes; those that are taken over come from elsewhere.
"""


class DbosSlot:
    """A reserved step.

    Args:
        name: The step's name.
        reservation: Its place.
    """

    def __init__(self, name: str, reservation: StepReservation) -> None:
        self._name = name
        self._reservation = reservation

    async def run(self, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Do the step, or return what it returned before a crash."""
        from dbos import error

        async def step() -> dict[str, Any]:
            return await work()

        try:
            return await self._reservation.run_async({"name": self._name}, step)
        except error.DBOSWorkflowCancelledError:
            raise RunCancelled from None


class DbosSteps:
    """The steps of a run.

    Args:
        run: The run's identifier, which is the workflow's.
    """

    def __init__(self, run: str) -> None:
        self._run = run

    def reserve(self, name: str) -> Slot:
        """Return the next place."""
        from dbos import DBOS

        return DbosSlot(name, DBOS.reserve_step())

    async def known(self) -> Mapping[str, dict[str, Any]]:
        """Return what is done already."""
        from dbos import DBOS

        if _is_new.get():
            return {}
        steps = await DBOS.list_workflow_steps_async(self._run)
        return {step["function_name"]: step["output"] for step in steps if step["output"]}


class DbosEngine:
    """Interprets runs, in the running event loop.

    Which run begins when is not decided here: how many there may be at once, and of whom, is said
    by who calls `begin`.

    Args:
        executor: This worker's identifier, unique for each start.
        services: What all runs share.
        engine: The engine of DBOS' database; None for `url`.
        url: A Postgres URL, where DBOS makes its own engine and keeps its schema.
        home: Whose runs, as `jupyter_mcp.storage.home`: each home has a schema of its own there,
            because DBOS gives the runs of a schema to any of its workers.
    """

    def __init__(
        self,
        executor: str,
        services: Services,
        *,
        engine: Engine | None = None,
        url: str = "",
        home: str = "",
    ) -> None:
        self._executor = executor
        self._services = services
        self._engine = engine
        self._url = url
        self._schema = f"dbos_{home}" if home else "dbos"
        self._workflow: Any = None
        self._runs: set[asyncio.Task[Any]] = set()
        self._is_stopping = False

    async def start(self) -> None:
        """Make DBOS' tables where there are none, and be ready."""
        from dbos import DBOS, DBOSConfig

        refuse_pickles()
        config = DBOSConfig(
            name=APPLICATION,
            application_version=VERSION,
            executor_id=self._executor,
            serializer=serializer(),
            log_level="WARNING",
            system_database_url=self._url or "sqlite:///unused.sqlite",
            system_database_engine=self._engine,
            dbos_system_schema=self._schema,
            max_executor_threads=THREADS,
            notification_listener_polling_interval_sec=NOTICE_SECONDS,
        )
        DBOS(config=config)

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RECOVERIES)
        async def run(order: dict[str, Any]) -> dict[str, Any]:
            return await self._run(Order(**order))

        self._workflow = run
        logging.getLogger("dbos").addFilter(_is_news)
        if self._url:
            wait_for_postgres()
        DBOS.launch()

    @property
    def live(self) -> int:
        """How many runs go on here."""
        return len(self._runs)

    async def begin(self, order: Order) -> None:
        """Begin a run; nothing happens when it has begun before, here or elsewhere."""
        from dbos import DBOS, SetWorkflowID

        token = _is_new.set(True)
        try:
            with SetWorkflowID(order.run):
                await DBOS.start_workflow_async(self._workflow, order.to_json())
        finally:
            _is_new.reset(token)

    async def stop(self) -> None:
        """Take no more runs and leave those that go on; another start takes them up.

        They are ended before DBOS is, or it would record what becomes of them without it.
        """
        from dbos import DBOS

        self._is_stopping = True
        for task in self._runs:
            task.cancel()
        while self._runs:
            await asyncio.wait(set(self._runs))
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        logging.getLogger("dbos").removeFilter(_is_news)

    async def _run(self, order: Order) -> dict[str, Any]:
        task = asyncio.current_task()
        if task is None or self._is_stopping:
            raise asyncio.CancelledError
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        recorder = self._services.recorder
        await recorder.take(order.run, self._executor)
        try:
            return await Interpreter(order, DbosSteps(order.run), self._services).run()
        finally:
            recorder.leave(order.run)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether something that DBOS logs is no part of cancelling a run or of stopping."""
    return not record.getMessage().startswith(EXPECTED)
