"""Stores jobs while they run: soon when they told something, and now and then when they did not."""

from __future__ import annotations

import asyncio
import logging

from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.jobs.job import Job
from jupyter_mcp.toolsets.jobs.records import SILENT_SECONDS, JobRecords

STORE_SECONDS = 2.0
"""How often at most what a running job tells is stored."""

SIGN_SECONDS = SILENT_SECONDS / 5
"""How often one that tells nothing is stored, so that servers elsewhere see that this one lives."""

_log = logging.getLogger(__name__)


class JobWriter:
    """Stores running jobs in passing.

    Args:
        records: The table of jobs.
        tasks: The owner of the tasks that write.
    """

    def __init__(self, records: JobRecords, tasks: Spawner) -> None:
        self._records = records
        self._tasks = tasks

    async def store(self, job: Job) -> None:
        """Store a job; what cannot be stored now is so later, or at its end."""
        try:
            await self._records.store(job)
        except Exception as error:  # noqa: BLE001 - a full disk must not end the work
            _log.warning("What job %s tells could not be stored: %s", job.id, error)

    def soon(self, job: Job) -> None:
        """Have a job stored that told something."""
        self._within(job, STORE_SECONDS)

    def keep(self, job: Job) -> None:
        """Have a job stored from time to time until it ends."""
        self._within(job, SIGN_SECONDS)

    def leave(self, job: Job) -> None:
        """Leave the rest to whoever stores its end."""
        if job.flush is not None:
            job.flush.cancel()

    def _within(self, job: Job, seconds: float) -> None:
        if job.ended is not None:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if job.flush is not None:
            if job.flush.when() <= when:
                return
            job.flush.cancel()
        job.flush = loop.call_at(when, self._flush, job)

    def _flush(self, job: Job) -> None:
        job.flush = None
        if job.ended is None:
            self._tasks.spawn(f"record of {job.id}", self.store(job))
            self.keep(job)
