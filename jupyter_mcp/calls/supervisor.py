"""One owner of background work.

Whatever runs beside a call is spawned here under a name, so that nothing outlives `stop` and a
failure is logged where it happens rather than when the garbage collector meets it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")

AGAIN_SECONDS = 5.0
"""After how long a task that was cancelled and goes on is cancelled again."""

_log = logging.getLogger(__name__)


class Supervisor:
    """Spawns named tasks and awaits them all at stop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, name: str, work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """Run `work` in a task of the running loop and keep it until it is done."""
        task = asyncio.get_running_loop().create_task(work, name=f"jupyter-mcp {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    @property
    def names(self) -> list[str]:
        """The names of the tasks that run now, for diagnostics."""
        return sorted(task.get_name() for task in self._tasks)

    async def stop(self) -> None:
        """Cancel every task and wait until the last one is gone.

        What still runs after a moment is cancelled again: a library may have swallowed it.
        """
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            gone, _ = await asyncio.wait(tasks, timeout=AGAIN_SECONDS)
            self._tasks.difference_update(gone)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Background task %r failed.", task.get_name(), exc_info=error)
