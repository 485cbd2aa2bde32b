"""The processes that prepare files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jupyter_mcp.toolsets.search.chunking.prepare import Job, Prepared, prepare


class Pool:
    """Processes that prepare files; they start when there is enough to do.

    Args:
        processes: How many; 0 for as many as there are CPUs, at most 4; 1 for none besides
            this one.
        limit: Seconds that a file may take.
    """

    def __init__(self, processes: int = 0, limit: float = 10) -> None:
        self._processes = processes
        self._limit = limit

    def run(
        self, jobs: Sequence[Job], is_cancelled: Callable[[], bool] | None = None
    ) -> Iterator[Prepared]:
        """Prepare files, in the order in which they get ready.

        Whoever stops asking ends it: what is on its way is thrown away.

        Args:
            jobs: The files.
            is_cancelled: Asked now and then; when it says yes, no more files are begun.
        """
        for job in jobs:
            if is_cancelled is not None and is_cancelled():
                return
            yield prepare(job)

    def close(self) -> None:
        """End the processes; `run` starts them again."""
