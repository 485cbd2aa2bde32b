"""What goes on in the worker's process: runs are taken from the queue, done, and looked after.

The process is made to be killed: SIGTERM and SIGKILL both leave its runs where they are, and the
next worker goes on with them. So there is no end that waits for anything.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.secrets.secrets import REFERENCE
from jupyter_mcp.security.secrets.vault import Vault
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.changes import Lookout
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.toolsets.workflows.engine.dbos_engine import DbosEngine, sqlite_engine
from jupyter_mcp.toolsets.workflows.engine.kinds import KINDS
from jupyter_mcp.toolsets.workflows.engine.resources import Resources
from jupyter_mcp.toolsets.workflows.engine.running import Sender, Services
from jupyter_mcp.toolsets.workflows.engine.senders import senders
from jupyter_mcp.toolsets.workflows.runs.admission import Admission, Limits, is_any_queued
from jupyter_mcp.toolsets.workflows.runs.schedules import Schedules
from jupyter_mcp.toolsets.workflows.worker.bell import Bell
from jupyter_mcp.toolsets.workflows.worker.book import Book
from jupyter_mcp.toolsets.workflows.worker.deliveries import Deliveries
from jupyter_mcp.toolsets.workflows.worker.door import Reach
from jupyter_mcp.toolsets.workflows.worker.journal import Journal
from jupyter_mcp.toolsets.workflows.worker.leases import Leases
from jupyter_mcp.toolsets.workflows.worker.lines import Lines
from jupyter_mcp.toolsets.workflows.worker.options import Options
from jupyter_mcp.toolsets.workflows.worker.tools import ServerTools
from jupyter_mcp.toolsets.workflows.worker.upkeep import Upkeep

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from jupyter_mcp.toolsets.workflows.engine.order import Order

DATABASE = "workflows.db"
"""DBOS' own SQLite file in the state folder."""

QUEUE_SECONDS = 0.05
"""How often the queue is looked at while runs go on, and by a worker that nobody can wake."""

APART_SECONDS = 0.01
"""How far apart two looks at it are at least, however often the bell is rung."""

REST_SECONDS = 0.25
"""How often a worker looks at most seldom where another host's server may fill the queue."""

BUSY_SECONDS = 2.0
"""For how long after its last run a worker counts as busy."""

FRESH_SECONDS = 5.0
"""After how long the queue is read although nothing seems to have changed."""

CLOCK_SECONDS = 1.0
"""How often it is looked which schedules are due."""

CALENDAR_SECONDS = 10.0
"""After how long schedules are read again although nothing seems to have changed."""

FLUSH_SECONDS = 1.0
"""For how long a worker that is stopped still writes what was told."""

Why = Literal["idle", "stopped", "lost"]
"""Why a worker ended: nothing to do, somebody stopped it, or others took its runs."""

R = TypeVar("R")

_log = logging.getLogger(__name__)


class Worker:
    """A worker.

    Args:
        options: What it has to know.
        reach: The ways to its server.
        executor: Its identifier, unique for each start.
    """

    def __init__(self, options: Options, reach: Reach, executor: str) -> None:
        self._options = options
        self._executor = executor
        self._storage = storage = Storage(options.folder, options.database_url)
        self._book = Book(storage, time.time)
        self._lines = Lines(reach, storage, options.key)
        self._leases = Leases(storage, executor, options.lease_seconds, options.home)
        limits = Limits.of(options.running, options.rate)
        self._admission = Admission(storage, limits, home=options.home)
        self._lookout = Lookout(storage.changes, FRESH_SECONDS)
        self._bell = Bell(options.folder)
        self._schedules = Schedules(storage, options.waiting, home=options.home)
        self._calendar = Lookout(storage.changes, CALENDAR_SECONDS)
        self._next_due = 0.0
        is_alone = not options.is_distributed
        self._upkeep = Upkeep(
            storage, self._book, executor, is_alone=is_alone, clock=time.time, home=options.home
        )
        self._deliveries = Deliveries(storage, self, is_required=options.audit_required)
        services = Services(
            ServerTools(self._lines),
            self._book,
            KINDS,
            Resources(dict(options.places)),
            senders=_senders(options),
            witness=self._deliveries.recorded,
        )
        sqlite = None if options.is_distributed else _sqlite(options)
        self._journal = Journal(storage, sqlite, options.forget_seconds)
        self._engine = DbosEngine(
            executor,
            services,
            engine=sqlite,
            url=options.database_url if options.is_distributed else "",
            home=options.home,
        )
        self._ended: asyncio.Future[Why] | None = None
        self._busy_at = time.monotonic()
        self._failing: set[str] = set()
        self._tasks: list[asyncio.Task[Any]] = []

    async def run(self, stop: asyncio.Event) -> Why:
        """Work until there is nothing to do for long, or `stop` is set.

        When this returns, the process has to end at once: DBOS' threads and what was begun stay.

        Raises:
            ToolError: The database cannot be opened, or is of a newer schema.
        """
        self._ended = asyncio.get_running_loop().create_future()
        await self._start()
        for work, seconds in self._duties():
            self._begin_again(work, seconds)
        self.spawn("stop", self._until(stop))
        why = await self._ended
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave(why)
        return why

    def spawn(self, name: str, work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """Run `work` in a named task until the worker ends."""
        task = asyncio.create_task(work, name=f"worker {name}")
        self._tasks.append(task)
        return task

    async def _start(self) -> None:
        await self._storage.run(lambda _: None)  # it is opened, or it is said why not
        await asyncio.to_thread(import_module, "dbos")  # it takes half a second
        if self._options.is_distributed:
            await self._leases.take()
            self._begin_again(self._live, self._options.beat_seconds)
        if not self._options.server:  # one on another host cannot ring
            self._bell.listen()
        self._book.start()
        await self._deliveries.start()
        await self._open_journal()
        await self._upkeep.reap()
        await self._upkeep.reconcile()
        self._busy_at = time.monotonic()
        gc.freeze()  # what was imported is never garbage: a collection need not walk it
        gc.enable()

    async def _open_journal(self) -> None:
        from sqlalchemy.exc import DBAPIError

        try:
            await self._engine.start()
        except DBAPIError as error:
            where = "of the database" if self._options.is_distributed else DATABASE
            raise ToolError(
                "unavailable",
                f"The journal of workflows, {where}, cannot be opened: {reason(error)}.",
                "Move a damaged one away: what went on then ends, and workflow_retry goes on.",
            ) from error

    async def _until(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._end("stopped")

    def _duties(self) -> list[tuple[Callable[[], Awaitable[object]], float]]:
        """Return what is done again and again, and how often."""
        options = self._options
        duties: list[tuple[Callable[[], Awaitable[object]], float]] = [
            (self._take, APART_SECONDS),
            (self._start_due, CLOCK_SECONDS),
            (self._upkeep.reconcile, options.look_seconds),
            (self._journal.clean, options.forget_seconds / 4),
            (self._rest, CLOCK_SECONDS),
        ]
        if options.is_distributed:
            duties.append((self._upkeep.reap, options.look_seconds))
        return duties

    def _begin_again(self, work: Callable[[], Awaitable[object]], seconds: float) -> None:
        self.spawn(work.__name__, self._again(work, seconds))

    async def _again(self, work: Callable[[], Awaitable[object]], seconds: float) -> None:
        """Do a duty for ever; a database that is away for a while is said once."""
        name = work.__name__
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                if name not in self._failing:
                    self._failing.add(name)
                    _log.warning("The worker cannot '%s' now: %s.", name.strip("_"), reason(error))
            else:
                self._failing.discard(name)
            await asyncio.sleep(seconds)

    async def _take(self) -> None:
        """Begin runs that wait in the queue, as soon as somebody rings or it is time to look."""
        await self._bell.wait(self._pause())
        if not self._lookout.is_due():
            return
        room = self._options.at_once - len(self._book.working | self._upkeep.begun)
        orders = await self._admission.claim(self._executor, room)
        self._upkeep.begun |= {order.run for order in orders}
        await asyncio.gather(*(self._begin(order) for order in orders))

    def _pause(self) -> float:
        """Return after how many seconds the queue is looked at although nobody has rung."""
        options = self._options
        is_busy = self._book.live or time.monotonic() - self._busy_at < BUSY_SECONDS
        if is_busy or not self._bell.is_heard:
            return QUEUE_SECONDS
        if options.is_distributed:
            return min(REST_SECONDS, options.rest_seconds)
        return options.rest_seconds

    async def _begin(self, order: Order) -> None:
        """Begin a run; where that fails, `Upkeep` puts it back into the queue."""
        try:
            await self._engine.begin(order)
        except Exception as error:  # noqa: BLE001 - the others are begun all the same
            _log.warning("The workflow %s could not be begun: %s.", order.run, reason(error))
        finally:
            self._upkeep.begun.discard(order.run)

    async def _start_due(self) -> None:
        """Start what is due by the clock; nothing is read while nothing is and none has changed."""
        if not self._calendar.is_due() and time.time() < self._next_due:
            return
        self._next_due = 0.0  # when this fails it is tried again
        if await self._schedules.start_due():
            self._bell.ring()
        following = await self._schedules.next_due()
        self._next_due = math.inf if following is None else following

    async def _rest(self) -> None:
        """End when there was nothing to do for long."""
        if self._book.live or self._upkeep.begun:
            self._busy_at = time.monotonic()
        elif time.monotonic() - self._busy_at >= self._options.idle_seconds:
            self._end("idle")

    async def _live(self) -> None:
        """Renew the lease; without it others do what this worker did."""
        if not await self._leases.renew():
            _log.warning("Other workers took this one for dead; it leaves its runs to them.")
            self._end("lost")

    def _end(self, why: Why) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(why)

    async def _leave(self, why: Why) -> None:
        """Write what was told; of runs that were lost, nothing more."""
        if why == "lost":
            return
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._book.stop()
                await self._deliveries.stop()
                if self._options.is_distributed:
                    await self._leases.give_back()
        except Exception as error:  # noqa: BLE001 - the next worker tells it again
            _log.warning("The worker's last records are not written: %s.", reason(error))

    async def has_work(self) -> bool:
        """Return whether something waits in the queue."""
        home = self._options.home
        return await self._storage.run(lambda connection: is_any_queued(connection, home))


def _sqlite(options: Options) -> Engine:
    file = options.folder / DATABASE
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite_engine(str(file), is_safe_from_power_loss=options.survives_power_loss)


def _senders(options: Options) -> Mapping[str, Sender]:
    vault = Vault(Path(options.secrets or options.folder), options.secret_store)

    def smtp() -> str:
        return REFERENCE.sub(lambda found: quote(vault.get(found[2]), safe=""), options.smtp)

    return senders(options.webhook_hosts, smtp if options.smtp else None, options.mail_to)
