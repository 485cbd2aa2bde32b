"""The processes that prepare files.

They start when there is enough to do. A process that crashes on a file, or takes too long for one,
costs an error of that file: what was asked together with it is asked again, file by file.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

from jupyter_mcp.toolsets.search.chunking.prepare import Job, Prepared, failed, prepare
from jupyter_mcp.toolsets.search.chunking.process import Process

_HERE = 4
_HERE_BYTES = 64 * 1024
"""So many files of this size in sum are prepared in the caller's thread: starting a process costs
more, and a larger one would keep Python's lock for too long."""

_BATCH = 32
_BATCH_BYTES = 256 * 1024
_AHEAD = 2
"""Requests that a process has: one that it works on, one that it goes on with."""

_MOST = 4
_LOOK_SECONDS = 0.1


class Pool:
    """Processes that prepare files.

    Args:
        processes: How many; 0 for as many as there are CPUs, at most 4; 1 for none besides
            this one.
        limit: Seconds that a file may take.
    """

    def __init__(self, processes: int = 0, limit: float = 10) -> None:
        self._count = processes or min(_MOST, _cpus())
        self._limit = limit
        self._processes: list[Process] = []
        self._lock = threading.Lock()

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return [process.pid for process in self._processes]

    def run(
        self, jobs: Sequence[Job], is_cancelled: Callable[[], bool] | None = None
    ) -> Generator[Prepared, None, None]:
        """Prepare files, in the order in which they get ready.

        Whoever closes it ends it: what is on its way is thrown away. One caller at a time.

        Args:
            jobs: The files.
            is_cancelled: Asked now and then; when it says yes, no more files are begun.
        """
        stops = is_cancelled or _never
        if self._count < 2 or self._is_little(jobs):  # noqa: PLR2004
            yield from self._here(jobs, stops)
            return
        with self._lock:
            run = _Run(self._processes, self._count, self._limit, batched(jobs))
            try:
                yield from run.results(stops)
            finally:
                run.settle()

    def close(self) -> None:
        """End the processes; `run` starts them again. Not while somebody runs."""
        with self._lock:
            while self._processes:
                self._processes.pop().close()

    @staticmethod
    def _is_little(jobs: Sequence[Job]) -> bool:
        return len(jobs) <= _HERE and sum(job.size for job in jobs) <= _HERE_BYTES

    @staticmethod
    def _here(jobs: Sequence[Job], stops: Callable[[], bool]) -> Iterator[Prepared]:
        for job in jobs:
            if stops():
                return
            yield prepare(job)


class _Run:
    """One run through a list of files.

    Args:
        processes: Those that there are; it changes when one has to be replaced.
        count: How many there may be.
        limit: Seconds that a file may take.
        batches: What is to be done.
    """

    def __init__(
        self,
        processes: list[Process],
        count: int,
        limit: float,
        batches: Sequence[Sequence[Job]],
    ) -> None:
        self._processes = processes
        self._count = min(count, len(batches))
        self._limit = limit
        self._waiting = deque(batches)
        self._done: deque[Prepared] = deque()
        self._suspects: set[str] = set()

    def results(self, stops: Callable[[], bool]) -> Iterator[Prepared]:
        """Yield what gets ready."""
        while not stops():
            self._feed()
            while self._done:
                yield self._done.popleft()
            if busy := [process for process in self._processes if process.unanswered]:
                self._wait(busy)
            elif not self._waiting:
                return

    def settle(self) -> None:
        """End the processes that work on what nobody waits for any more."""
        for process in [each for each in self._processes if each.unanswered]:
            self._processes.remove(process)
            process.close()

    def _feed(self) -> None:
        """Give every process enough to do, and start those that are missing."""
        while self._waiting and len(self._processes) < self._count:
            try:
                self._processes.append(Process(self._limit))
            except OSError:  # no more processes, no more memory: do it here
                if not self._processes:
                    self._done += [prepare(job) for job in self._waiting.popleft()]
                break
        for ahead in range(_AHEAD):
            for process in list(self._processes):
                if self._waiting and len(process.unanswered) <= ahead:
                    self._send(process)

    def _send(self, process: Process) -> None:
        try:
            process.send(self._waiting.popleft())
        except OSError:
            self._replace(process)

    def _wait(self, busy: list[Process]) -> None:
        poll = select.poll()  # descriptors above 1023 are common in a server, so no `select`
        by_descriptor = {process.fileno(): process for process in busy}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(_LOOK_SECONDS * 1000):
            process = by_descriptor.pop(descriptor)
            try:
                self._done += process.receive()
            except (EOFError, OSError):
                self._replace(process)
        for process in by_descriptor.values():  # an answer may have waited for us, not we for it
            if process.is_late:
                self._replace(process, "took too long to be cut")

    def _replace(self, process: Process, reason: str = "") -> None:
        """End a process and find out which of its files is to blame."""
        self._processes.remove(process)
        unanswered = process.unanswered
        process.close()
        for number, jobs in enumerate(unanswered):
            if number == 0 and len(jobs) == 1:
                self._blame(jobs[0], reason)
            elif number == 0:
                self._waiting.extendleft([job] for job in reversed(jobs))
            else:
                self._waiting.append(jobs)

    def _blame(self, job: Job, reason: str) -> None:
        """Give up on a file that takes too long, or that was alone in two crashes.

        One crash proves nothing: a process may have been killed for want of memory.
        """
        if reason or job.path in self._suspects:
            self._done.append(failed(job, reason or "could not be cut (crash)"))
        else:
            self._suspects.add(job.path)
            self._waiting.append([job])


def batched(jobs: Sequence[Job]) -> list[list[Job]]:
    """Put jobs together, so that small files do not pay for the way there and back."""
    batches: list[list[Job]] = []
    size = 0
    for job in jobs:
        if not batches or size + job.size > _BATCH_BYTES or len(batches[-1]) >= _BATCH:
            batches.append([])
            size = 0
        batches[-1].append(job)
        size += job.size
    return batches


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _never() -> bool:
    return False
