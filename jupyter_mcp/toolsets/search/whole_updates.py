"""Updates of a whole folder: one at a time, for all who ask for one meanwhile.

Whoever stops waiting ends it, unless somebody else waits for the same: an agent's cancelled call
must not take away what a person waits for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.model import Progress, Report
from jupyter_mcp.toolsets.search.workers import Spawn

Work = Callable[[Callable[[Progress], None], Callable[[], bool]], Coroutine[Any, Any, Report]]


@dataclass(eq=False, slots=True)
class _Run:
    """An update that goes on, for all who wait for it."""

    task: asyncio.Task[Report | ToolError] = field(init=False)
    waiting: int = 0
    is_cancelled: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None


class WholeUpdates:
    """The updates of one folder.

    Args:
        name: What the task of one is called.
        work: Does one; is given what to tell of progress and what to ask whether to end.
        spawn: Starts a background task under a name.
        is_stopping: Whether all of them have to end.
    """

    def __init__(
        self, name: str, work: Work, spawn: Spawn, is_stopping: Callable[[], bool]
    ) -> None:
        self._name, self._work, self._spawn, self._is_stopping = name, work, spawn, is_stopping
        self._run: _Run | None = None
        self.is_cut = False
        """Whether the last one was ended before it was done."""

    @property
    def is_running(self) -> bool:
        """Whether one goes on."""
        return self._run is not None

    @property
    def progress(self) -> Progress | None:
        """How far the one is that goes on."""
        return self._run.progress if self._run else None

    @property
    def task(self) -> asyncio.Task[Report | ToolError] | None:
        """The task of the one that goes on."""
        return self._run.task if self._run else None

    async def join(self, *, counts: bool) -> Report:
        """Await the one that goes on, or a new one.

        Args:
            counts: Whether it goes on for the sake of this caller.

        Raises:
            ToolError: What went wrong in it.
        """
        run = self._run
        if run is None:
            run = self._run = _Run()
            run.task = self._spawn(self._name, self._do(run))
        run.waiting += counts
        try:
            done = await asyncio.shield(run.task)
        except asyncio.CancelledError:
            if run.waiting == counts:
                run.is_cancelled.set()
            raise
        finally:
            run.waiting -= counts
        if isinstance(done, ToolError):
            raise done
        return done

    async def _do(self, run: _Run) -> Report | ToolError:
        def tell(progress: Progress) -> None:
            run.progress = progress

        def is_over() -> bool:
            return run.is_cancelled.is_set() or self._is_stopping()

        try:
            report = await self._work(tell, is_over)
        except ToolError as error:  # for who waits, and no failure of the task
            return error
        finally:
            self._run = None
        self.is_cut = report.is_cancelled
        return report
