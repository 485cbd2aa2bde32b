"""One process that prepares files, seen from the server."""

from __future__ import annotations

import os
import pickle
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from jupyter_mcp.toolsets.search import child
from jupyter_mcp.toolsets.search.chunking.prepare import Job, Prepared
from jupyter_mcp.toolsets.search.chunking.worker import HEADER

_PROGRAM = "from jupyter_mcp.toolsets.search.chunking.worker import main; main(float(sys.argv[2]))"


class Process:
    """A process that answers requests one after the other.

    Args:
        limit: Seconds that a request may take.

    Raises:
        OSError: It could not be started.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._child = child.start(_PROGRAM, str(limit), stream=subprocess.PIPE)
        self._buffer = bytearray()
        self._number = 0
        self._sent: dict[int, Sequence[Job]] = {}
        self._since = time.monotonic()

    @property
    def pid(self) -> int:
        """The process."""
        return self._child.pid

    @property
    def unanswered(self) -> list[Sequence[Job]]:
        """Requests without an answer, the one that is worked on first."""
        return list(self._sent.values())

    @property
    def is_late(self) -> bool:
        """Whether the request that is worked on takes longer than it may."""
        return bool(self._sent) and time.monotonic() - self._since > self._limit

    def fileno(self) -> int:
        """Return what can be waited for until there is something to receive."""
        assert self._child.stdout is not None  # noqa: S101 - for the type checker
        return self._child.stdout.fileno()

    def send(self, jobs: Sequence[Job]) -> None:
        """Ask for some files. A request is small, so that this does not wait.

        Raises:
            OSError: The process has ended.
        """
        assert self._child.stdin is not None  # noqa: S101
        if not self._sent:
            self._since = time.monotonic()
        self._number += 1
        self._sent[self._number] = jobs
        data = pickle.dumps(list(jobs), pickle.HIGHEST_PROTOCOL)
        self._child.stdin.write(HEADER.pack(self._number, len(data)) + data)
        self._child.stdin.flush()

    def receive(self) -> list[Prepared]:
        """Return what has come by now; nothing when an answer is not whole yet.

        Raises:
            EOFError: The process has ended.
        """
        data = os.read(self.fileno(), 1 << 20)
        if not data:
            raise EOFError
        self._since = time.monotonic()  # it answers, so it does not hang
        self._buffer += data
        found: list[Prepared] = []
        while len(self._buffer) >= HEADER.size:
            number, size = HEADER.unpack_from(self._buffer)
            if len(self._buffer) < HEADER.size + size:
                break
            with memoryview(self._buffer) as view:
                found += pickle.loads(view[HEADER.size : HEADER.size + size])  # noqa: S301
            del self._buffer[: HEADER.size + size]
            self._sent.pop(number, None)
        return found

    def close(self) -> None:
        """End it, whatever it does."""
        self._child.kill()
        for stream in (self._child.stdin, self._child.stdout):
            with suppress(OSError):  # what was not sent yet has nowhere to go
                if stream is not None:
                    stream.close()
        self._child.wait()
