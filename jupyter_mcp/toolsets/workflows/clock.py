"""Looks at the clock for schedules, and goes on with what an earlier server has left.

A server that nobody uses workflows on pays nothing: a file in the state folder says that there may
be something, and it is taken away when there is nothing left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.toolsets.workflows.runs.schedules import Schedules
from jupyter_mcp.toolsets.workflows.service import WorkflowService
from jupyter_mcp.workplace import LEFT_WORK

LONGEST = 60.0
"""Seconds after which the clock is looked at in any case: clocks are set, and laptops sleep."""

WATCHFUL = 5.0
"""The same while runs go on: a worker that was killed is missed that soon."""

_log = logging.getLogger(__name__)


class Clock:
    """Starts what is due.

    Args:
        service: Where runs are started.
        schedules: All schedules.
        tasks: The owner of background tasks.
        state: The state folder.
    """

    def __init__(
        self, service: WorkflowService, schedules: Schedules, tasks: Spawner, state: Path
    ) -> None:
        self._service = service
        self._schedules = schedules
        self._tasks = tasks
        self._mark = state / LEFT_WORK
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def begin(self) -> None:
        """Look at the clock from now on; something was started or scheduled."""
        self._news.set()
        if self._task is None or self._task.done():
            with contextlib.suppress(OSError):  # a read-only disk schedules nothing
                self._mark.touch(mode=0o600)
            self._task = self._tasks.spawn("workflow clock", self._tick())

    async def _tick(self) -> None:
        """Start what is due until nothing is scheduled and nothing goes on."""
        while True:
            self._news.clear()
            try:
                started = await self._schedules.start_due()
                goes_on = await self._service.goes_on()
                due = await self._schedules.next_due()
            except Exception as error:  # noqa: BLE001 - it may be back in a minute
                _log.warning("Schedules of workflows cannot be read now: %s.", reason(error))
                due, started, goes_on = time.time() + LONGEST, [], True
            for run in started:
                self._service.attend(run)
            if goes_on and not started:
                self._service.attend()
            if due is None and not goes_on and not self._news.is_set():
                self._mark.unlink(missing_ok=True)
                return
            await self._rest(due, WATCHFUL if goes_on else LONGEST)

    async def _rest(self, due: float | None, longest: float) -> None:
        left = longest if due is None else max(0.05, due - time.time())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left, longest)):
                await self._news.wait()
