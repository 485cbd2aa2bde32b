"""The audit: what every caller did, in an append-only chain that shows tampering.

On the event loop a record is one append to a list. A task hands them to the database's thread
twice a second at the latest, where they are redacted, hashed and written in one transaction. When
the database fails, records are kept in memory up to a bound, writes are refused where the
administrator wants that, and all is written once the database works again. What was not handed
over when the process is killed is lost: at most one interval.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.audit.reader import AuditReader
from jupyter_mcp.security.audit.records import (
    Began,
    Cleaner,
    Ended,
    Entry,
    Happened,
    Prepared,
    Recorder,
)
from jupyter_mcp.security.audit.storms import Storms
from jupyter_mcp.security.audit.writer import AuditWriter
from jupyter_mcp.security.signals import Signal, Signals
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.storage.faults import reason

if TYPE_CHECKING:
    from jupyter_mcp.storage import Storage

_log = logging.getLogger(__name__)

BATCH = 500
"""Records after which nobody waits for the interval to end."""
KEPT = 20_000
"""Records that are kept in memory while the database fails; about 1 KB each."""
RETRY_SECONDS = 1.0
"""How often a failing database is tried again."""

_OF_CALLS = frozenset({"call_denied", "approval_denied", "rate_limited"})
"""Signals that say what the record of the call says too."""


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How the audit is kept.

    Args:
        seconds: After how long at most a record is handed to the database.
        required: Whether writes are refused while it cannot be written.
        kept: How many records are kept in memory while the database fails.
        retry_seconds: How often a failing database is tried again.
    """

    seconds: float = 0.5
    required: bool = True
    kept: int = KEPT
    retry_seconds: float = RETRY_SECONDS


class Audit:
    """Takes records, writes them in batches, finds and verifies them.

    Args:
        storage: The database.
        tasks: The owner of the task that writes.
        signals: Where a failure is told, and whose signals are recorded.
        options: How the audit is kept.
        cleaner: Takes known secrets out.
        clock: Returns the Unix time.
    """

    def __init__(
        self,
        storage: Storage,
        tasks: Spawner,
        signals: Signals,
        *,
        options: AuditOptions | None = None,
        cleaner: Cleaner | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options or AuditOptions()
        self.failing = ""
        """Why the audit cannot be written; empty while it can."""
        self.dropped = 0
        """Records that were lost because too many were kept already; told once they can be."""
        self.written = 0
        """Records that this process has written."""
        self.reader = AuditReader(storage)
        self.listeners: list[Callable[[Sequence[Prepared]], Awaitable[None]]] = []
        """Called on the event loop with each batch, after it was redacted."""
        self.on_written: Callable[[int], None] | None = None
        """Called with the number of records after each transaction."""
        self._storage, self._tasks, self._signals = storage, tasks, signals
        self._recorder, self._writer, self._clock = Recorder(cleaner), AuditWriter(), clock
        self._storms = Storms(self.event, clock)
        self._pending: list[Entry] = []
        self._running: dict[str, Began] = {}
        self._in_hand = 0
        self._kept: list[Prepared] = []
        self._wake, self._full = asyncio.Event(), asyncio.Event()
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._stopping = False
        self._flushing: asyncio.Task[None] | None = None
        signals.subscribe(self._on_signal)

    @property
    def backlog(self) -> int:
        """How many records wait to be written."""
        return len(self._pending) + self._in_hand + len(self._kept)

    @property
    def is_proven(self) -> bool:
        """Whether a record was written and nothing failed since."""
        return self.written > 0 and not self.failing

    async def start(self) -> None:
        """Begin to write."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._tasks.spawn("audit", self._write_for_ever())
        if self._pending:
            self._wake.set()

    async def stop(self) -> None:
        """Write all that is there; what cannot be written now is lost, and the log says so."""
        self._stopping = True
        self._wake.set()
        self._full.set()
        self._storms.settle(everything=True)
        await self.flush()
        if self.backlog:
            _log.error("%d records of the audit are lost: %s.", self.backlog, self.failing)

    def began(self, call: Any, arguments: Mapping[str, Any]) -> None:
        """Remember a call that changes something, for a record of its own if it takes long.

        A server that is killed in the middle of it has then told what it was doing.
        """
        if not self._running:
            self._wake.set()
        self._running[call.id] = Began(call, arguments)

    def ended(self, entry: Ended) -> None:
        """Take the record of a call that ended; on the event loop's thread only."""
        self._running.pop(entry.call.id, None)
        self.append(entry)

    def append(self, entry: Entry) -> None:
        """Take a record; on the event loop's thread only."""
        pending = self._pending
        pending.append(entry)
        waiting = len(pending)
        if waiting == 1:
            self._wake.set()
        elif waiting == BATCH:
            self._full.set()
        elif waiting > self.options.kept:
            del pending[-1]
            self.dropped += 1

    def event(self, kind: str, /, **details: Any) -> None:
        """Record something that is no call, from any thread.

        Args:
            kind: What happened, such as ``token_created``.
            details: JSON-able facts, never a credential; ``principal``, ``client``, ``door``,
                ``operation`` and ``outcome`` can be searched by.
        """
        entry = Happened(self._clock(), kind, details)
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread:
            self.append(entry)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self.append, entry)

    async def check(self) -> None:
        """Let a write go on, unless it could not be recorded.

        The first write of a process waits until the audit has proven to work.

        Raises:
            ToolError: ``unavailable`` while the audit cannot be written and has to be.
        """
        if not self.options.required or self.is_proven:
            return
        if not self.failing:
            self.event("audit_opened")
            await self.flush()
        if self.failing:
            raise ToolError(
                "unavailable",
                f"The audit cannot be written: {self.failing}. Reading goes on.",
                "Whoever runs this server has to make room or give access to its database; it then "
                "goes on by itself. JupyterMCP.audit_required=False allows writes without.",
                data={"transient": True},
            )

    async def flush(self) -> None:
        """Write what is there now; a failure is told by `failing`."""
        async with self._turn:
            if self._flushing is not None:  # whoever waited for it was cancelled
                await asyncio.wait({self._flushing})
            if not self.backlog:
                return
            flushing = asyncio.get_running_loop().create_task(self._flush(), name="audit flush")
            self._flushing = flushing
            await asyncio.shield(flushing)

    async def _write_for_ever(self) -> None:
        while not self._stopping:
            await self._wait()
            self._storms.settle()
            self._tell_running()
            await self.flush()

    async def _wait(self) -> None:
        """Wait for the first record and then for more: an interval, or until there are many."""
        if not self._kept and not self._pending:
            self._wake.clear()
            await self._until_woken()
        if len(self._pending) < BATCH or self.failing:
            self._full.clear()
            seconds = self.options.retry_seconds if self.failing else self.options.seconds
            await _wait_for(self._full, seconds)

    async def _until_woken(self) -> None:
        while not await _wait_for(self._wake, self._patience()):
            self._storms.settle()
            self._tell_running()

    def _patience(self) -> float | None:
        """Return after how many seconds there may be something to record by itself."""
        if self._running:
            return self.options.seconds
        return 1.0 if self._storms.busy else None

    def _tell_running(self) -> None:
        latest = self._clock() - self.options.seconds
        due = [entry for entry in self._running.values() if entry.call.started <= latest]
        for entry in due:
            del self._running[entry.call.id]
            self.append(entry)

    async def _flush(self) -> None:
        batch, self._pending = self._pending, []
        self._in_hand = len(batch)
        fresh: list[Prepared] = []
        try:
            fresh = await self._storage.aside(self._prepare, batch)
            self._in_hand = 0
            self._keep(fresh)
            kept = self._kept
            await self._storage.run(lambda connection: self._writer.append(connection, kept))
        except Exception as error:  # noqa: BLE001 - whatever fails, records are kept and it is told
            self._fail(error)
        else:
            self._succeed()
        for listener in self.listeners if fresh else ():
            await self._tell(listener, fresh)

    def _prepare(self, batch: Sequence[Entry]) -> list[Prepared]:
        return [self._recorder.prepare(entry) for entry in batch]

    def _keep(self, fresh: Sequence[Prepared]) -> None:
        """Keep the oldest: those tell how it came about."""
        room = max(0, self.options.kept - len(self._kept))
        self._kept.extend(fresh[:room])
        self.dropped += max(0, len(fresh) - room)

    def _succeed(self) -> None:
        self._writer.written()
        self.written += len(self._kept)
        if self.on_written is not None:
            self.on_written(len(self._kept))
        self._kept = []
        failed, self.failing = self.failing, ""
        if failed:
            lost, self.dropped = self.dropped, 0
            _log.warning("The audit is written again; %d records were lost.", lost)
            self.event("audit_recovered", reason=failed, lost=lost)
        elif self.dropped:
            lost, self.dropped = self.dropped, 0
            _log.error("%d records of the audit were lost: the database is too slow.", lost)
            self.event("audit_overflowed", lost=lost)

    def _fail(self, error: BaseException) -> None:
        why = reason(error)
        is_new, self.failing = not self.failing, why
        if is_new:
            _log.error("The audit cannot be written: %s. Records are kept in memory.", why)
            self._signals.note("audit_failed", reason=why)

    async def _tell(
        self, listener: Callable[[Sequence[Prepared]], Awaitable[None]], fresh: Sequence[Prepared]
    ) -> None:
        try:
            await listener(fresh)
        except Exception:  # noqa: BLE001 - a bad listener must not stop the audit
            _log.exception("A listener of the audit failed; the audit goes on.")

    def _on_signal(self, signal: Signal) -> None:
        if signal.kind in _OF_CALLS and signal.details.get("operation"):
            return
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread:
            self._storms.note(signal.kind, signal.details)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self._storms.note, signal.kind, signal.details)


async def _wait_for(event: asyncio.Event, seconds: float | None) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
