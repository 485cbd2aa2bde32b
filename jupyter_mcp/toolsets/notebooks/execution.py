"""Runs code in kernels: one piece at a time, each with its own outputs, cancelled for good.

Every kernel has a line: a queue of our requests, a connection that is opened at the first one, and
the displays it shows. A request is sent only when the kernel has done what other clients asked
before, so that one which is cancelled early leaves no trace. One that runs is interrupted; one that
the kernel took but has not begun is interrupted as soon as it begins, never before, for until then
the signal would hit somebody else's code.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.connection import Connection, Message, Spawn
from jupyter_mcp.toolsets.notebooks.displays import Displays
from jupyter_mcp.toolsets.notebooks.outputs import Limits, OutputArea
from jupyter_mcp.toolsets.notebooks.queueing import Queue, Ticket
from jupyter_mcp.toolsets.notebooks.run import Run, RunOutcome, Status, Work
from jupyter_mcp.toolsets.notebooks.spooling import OutputStore, Stored, TextSpool

START_SECONDS = 60.0
STOP_SECONDS = 0.25
"""How long a cancelled call waits for the kernel to obey before it returns."""
BEGIN_SECONDS = 0.05
YOUNG_SECONDS = 0.5
"""Code younger than this may lose a signal: IPython, a shell or a callback still sets it up."""
SIGNALS_TO_THE_YOUNG = 3
AGAIN_SECONDS = 0.1
RESENDS = 20


class KernelSource(Protocol):
    """Where kernels come from."""

    def manager(self, kernel_id: str) -> Any:
        """Return the `jupyter_client` manager; ToolError ``not_found`` without one."""
        ...

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt what the kernel runs, by the way its kernelspec names."""
        ...


@dataclass(frozen=True, slots=True)
class LineState:
    """What the engine knows of a kernel.

    Args:
        running: Whether code of ours runs.
        queued: How many requests of ours wait.
        interrupting: Whether the code that runs was interrupted and has not ended yet.
        others: Whether code of another client runs.
        connected: Whether the kernel answers us.
    """

    running: bool = False
    queued: int = 0
    interrupting: bool = False
    others: bool = False
    connected: bool = False


@dataclass(slots=True)
class _Line:
    kernel_id: str
    queue: Queue = field(default_factory=Queue)
    displays: Displays = field(default_factory=Displays)
    connection: Connection | None = None
    run: Run | None = None
    interrupting: bool = False


class Execution:
    """The engine.

    Args:
        source: Where kernels come from.
        spawn: Runs a named task owned by somebody who ends it (`Supervisor.spawn`).
        store: Where whole outputs go that are too much for a notebook.
        limits: How much of a flood a notebook takes.
        start_seconds: How long a kernel may take to answer for the first time.
    """

    def __init__(
        self,
        source: KernelSource,
        spawn: Spawn,
        store: OutputStore | None = None,
        limits: Limits | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._source = source
        self._spawn = spawn
        self._store = store
        self._limits = limits
        self._start_seconds = start_seconds
        self._lines: dict[str, _Line] = {}
        self._context: Any = None

    async def run(self, kernel_id: str, work: Work, seconds: float | None = None) -> RunOutcome:
        """Run `work` in its turn and return what became of it.

        Cancelling the call takes the code out of the queue, or interrupts it.

        Args:
            kernel_id: The kernel.
            work: What to run.
            seconds: How long this may take, waiting included; then it is interrupted and the
                outcome's status is ``timeout``.

        Raises:
            ToolError: ``not_found`` without such a kernel, ``kernel_dead`` when it was dead
                before, ``timeout`` when it never started.
        """
        line = self._line(kernel_id)
        spools: list[TextSpool] = []
        run = Run(work, self._area(line, work, spools))
        status: Status | None = None
        full: Stored | None = None
        try:
            async with asyncio.timeout(seconds):
                await self._in_turn(line, run)
        except TimeoutError:
            status = None if run.dead else "timeout"
        finally:
            if spools:
                full = await spools[0].close()
        return run.outcome(status, full)

    async def language(self, kernel_id: str) -> str:
        """Return the name of the kernel's language, connecting to it if need be."""
        line = self._line(kernel_id)
        if line.connection is None or line.connection.closed:
            ticket = await line.queue.enter()
            try:
                await self._connect(line)
            finally:
                ticket.leave()
        info = line.connection.info if line.connection is not None else {}
        return str(info.get("language_info", {}).get("name", ""))

    async def interrupt(self, kernel_id: str, patience: float) -> None:
        """Interrupt whatever runs, whosever it is, and wait for the kernel to be free.

        Args:
            kernel_id: The kernel.
            patience: Seconds to wait for that.
        """
        line = self._line(kernel_id)
        if line.run is not None and line.run.sent:
            await self._interrupt(line, line.run)
        else:  # what waits here for the end of others' code is not to be hit
            await self._source.interrupt(kernel_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.settle(kernel_id)

    async def settle(self, kernel_id: str) -> None:
        """Wait until the kernel has done what it was asked before now."""
        line = self._line(kernel_id)
        await self.language(kernel_id)
        if line.connection is not None:
            await line.connection.settle()
        if line.run is not None:
            await line.run.done.wait()

    def state(self, kernel_id: str) -> LineState:
        """Return what is known of a kernel, without asking it."""
        line = self._lines.get(kernel_id)
        if line is None:
            return LineState()
        connection = line.connection
        others = connection is not None and bool(connection.others)
        running = line.run is not None and not line.run.done.is_set()
        connected = connection is not None and connection.knows
        return LineState(running, line.queue.waiting, line.interrupting, others, connected)

    async def drop(self, kernel_id: str, *, restarted: bool = False) -> None:
        """Close the connection to a kernel that is being restarted or stopped."""
        line = self._lines.get(kernel_id)
        if line is not None and line.connection is not None:
            if restarted:
                line.connection.expect_restart()
            await line.connection.close()

    def expect_restart(self, kernel_id: str) -> None:
        """Learn that a kernel is about to be restarted, so that its run is told so."""
        line = self._lines.get(kernel_id)
        if line is not None and line.connection is not None:
            line.connection.expect_restart()

    async def stop(self) -> None:
        """Close every connection. What still runs in kernels goes on there."""
        for line in list(self._lines.values()):
            if line.connection is not None:
                await line.connection.close()
        self._lines.clear()
        context, self._context = self._context, None
        if context is not None:
            context.destroy(linger=0)

    def _line(self, kernel_id: str) -> _Line:
        self._source.manager(kernel_id)
        line = self._lines.get(kernel_id)
        if line is None:
            self._prune()
            line = self._lines[kernel_id] = _Line(kernel_id)
        return line

    def _prune(self) -> None:
        for kernel_id, line in list(self._lines.items()):
            if line.connection is None and not line.queue.busy:
                del self._lines[kernel_id]

    def _area(self, line: _Line, work: Work, spools: list[TextSpool]) -> OutputArea:
        def open_spool() -> TextSpool:
            assert self._store is not None  # noqa: S101 - passed below only with a store
            spools.append(self._store.open_text())
            return spools[-1]

        return OutputArea(
            line.displays,
            work.writer,
            work.on_output,
            open_spool if self._store is not None else None,
            self._limits,
            code=work.code,
            place=work.place,
        )

    async def _in_turn(self, line: _Line, run: Run) -> None:
        if line.queue.busy and run.work.on_wait is not None:
            run.work.on_wait(_why_waiting(line))
        ticket = await line.queue.enter()
        line.run = run
        input_task = asyncio.create_task(run.serve_input()) if run.work.ask_input else None
        handed_over = False
        try:
            await self._send(line, run)
        except asyncio.CancelledError:
            handed_over = run.sent and not run.done.is_set()
            if handed_over:
                await self._let_go(line, run, ticket)
            raise
        finally:
            if input_task is not None:
                input_task.cancel()
                await asyncio.gather(input_task, return_exceptions=True)
            if not handed_over:
                self._release(line, run, ticket)

    async def _send(self, line: _Line, run: Run) -> None:
        connection = await self._connect(line)
        for _ in range(RESENDS):
            if connection.busy_with_others:
                if run.work.on_wait is not None:
                    run.work.on_wait("The kernel is busy with code of another client.")
                await connection.settle()
            if not run.sent and not run.work.silent:
                run.area.begin()
            run.send(connection)
            await run.done.wait()
            if not run.aborted:
                break

    def _release(self, line: _Line, run: Run, ticket: Ticket) -> None:
        if run.sent and not run.work.silent:
            run.area.end()
        if line.run is run:
            line.run = None
        ticket.leave()

    async def _let_go(self, line: _Line, run: Run, ticket: Ticket) -> None:
        """Interrupt a run in a task of its own and wait a little for it to end."""
        line.interrupting = True
        stopping = self._spawn("kernel interrupt", self._stop_run(line, run, ticket))
        await asyncio.wait({stopping}, timeout=STOP_SECONDS)
        run.abandoned = not stopping.done()

    async def _stop_run(self, line: _Line, run: Run, ticket: Ticket) -> None:
        try:
            await _first(run.begun, run.done)
            if not run.done.is_set():
                await self._interrupt(line, run)
                await run.done.wait()
        finally:
            line.interrupting = False
            self._release(line, run, ticket)
        if run.abandoned and run.work.on_late_end is not None:
            await run.work.on_late_end()

    async def _interrupt(self, line: _Line, run: Run) -> None:
        # A signal before the code itself runs would be ignored or hit the kernel's own work.
        # `asyncio.wait_for` may swallow that somebody gave up in the moment in which it comes.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_SECONDS):
                await _first(run.executing, run.done)
        if run.done.is_set():
            return
        young = run.age < YOUNG_SECONDS
        for _ in range(SIGNALS_TO_THE_YOUNG if young else 1):
            await self._source.interrupt(line.kernel_id)
            self._wake(line)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await run.done.wait()
            if run.done.is_set():
                break

    def _wake(self, line: _Line) -> None:
        """Send anything on the shell: a cell that awaits takes a signal only when it wakes up."""
        if line.connection is not None and not line.connection.closed:
            line.connection.request("shell", "kernel_info_request", {})

    async def _connect(self, line: _Line) -> Connection:
        if line.connection is not None and not line.connection.closed:
            return line.connection
        connection = Connection(
            self._source.manager(line.kernel_id),
            self._shared_context(),
            self._spawn,
            on_foreign=_forward(line),
            on_lost=lambda: self._lost(line, connection),
        )
        try:
            await connection.open(self._start_seconds)
        except BaseException:
            await connection.close()
            raise
        line.connection = connection
        return connection

    def _shared_context(self) -> Any:
        if self._context is None:
            import zmq.asyncio

            self._context = zmq.asyncio.Context()
        return self._context

    def _lost(self, line: _Line, connection: Connection) -> None:
        if line.connection is connection:
            line.connection = None
            line.displays = Displays()


def _forward(line: _Line) -> Callable[[Message], None]:
    def take(message: Message) -> None:
        if message["header"]["msg_type"] == "execute_input":
            line.displays.forget_code(str(message["content"].get("code", "")))
        else:
            line.displays.update(message["content"])

    return take


def _why_waiting(line: _Line) -> str:
    if line.interrupting:
        return (
            "The kernel is still interrupting the code before; "
            "kernel_restart ends it if it does not stop."
        )
    return f"Waiting for {line.queue.waiting + 1} earlier run(s) in this kernel."


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of `events` is set."""
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def no_kernel(kernel_id: str) -> ToolError:
    """Return the error for an id that names no kernel."""
    return ToolError(
        "not_found",
        f"There is no kernel {kernel_id!r}.",
        "Call kernel_list for those that run, or kernel_start for a new one.",
    )
