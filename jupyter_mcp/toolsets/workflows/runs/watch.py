"""Notices what workers tell of runs, so that those who wait and listen need not poll.

Workers are other processes, which share nothing with the server but the database. It is looked at
while there are runs that have not ended, and less and less often while nothing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords

SOONEST = 0.1
LATEST = 1.0
"""Seconds between two looks."""

OVERLAP = 5.0
"""Seconds that are looked at again: what was told earlier may come later."""

_log = logging.getLogger(__name__)


class Watch:
    """Watches the records of runs.

    Args:
        records: The records.
        tasks: The owner of background tasks.
        changed: Called with the identifier of a run of which something was told.
    """

    def __init__(self, records: RunRecords, tasks: Spawner, changed: Callable[[str], None]) -> None:
        self._records = records
        self._tasks = tasks
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._told: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self._hurry = asyncio.Event()

    def begin(self) -> None:
        """Watch from now on, until no run is left."""
        self._hurry.set()
        if self._task is None or self._task.done():
            self._task = self._tasks.spawn("workflow watch", self._watch())

    async def change(self, run: str, seconds: float) -> None:
        """Wait until something is told of a run, at most some seconds."""
        self.begin()
        event = self._waiting.setdefault(run, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    async def _watch(self) -> None:
        pause = SOONEST
        since = time.time()  # which goes on while the machine sleeps
        while True:
            self._hurry.clear()
            looked = time.time()
            try:
                passed = max(0.0, looked - since)
                found, going = await self._records.changed_within(passed + OVERLAP)
            except Exception as error:  # noqa: BLE001 - it may be back soon
                _log.warning("Workflows cannot be looked at now: %s.", reason(error))
                found, going = [], 1
            else:
                since = looked
            news = [run for run, updated in found if self._told.get(run) != updated]
            self._told = dict(found)
            for run in news:
                self._tell(run)
            if not going and not self._hurry.is_set():
                return
            pause = SOONEST if news else min(pause * 1.3, LATEST)
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
            await asyncio.sleep(SOONEST)  # somebody began something: look soon, but not at once

    def _tell(self, run: str) -> None:
        event = self._waiting.pop(run, None)
        if event is not None:
            event.set()
        self._changed(run)
