"""The process that keeps vectors, seen from the server.

Chroma lives there because of what it does to a server: it holds Python's lock while it adds
(measured with 1.5.9: 50 ms to 1 s), its import takes 2 s and 78 MB, and a damaged folder may end
its process. The process starts when it is first needed, and again when it has died.
"""

from __future__ import annotations

import importlib.util
import queue
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search import child
from jupyter_mcp.toolsets.search.vectors import client, soundness
from jupyter_mcp.toolsets.search.vectors.chroma import collection_name
from jupyter_mcp.toolsets.search.vectors.lane import Lane

_PROGRAM = (
    "from jupyter_mcp.toolsets.search.vectors.worker import main; main(*map(int, sys.argv[2:]))"
)

_READERS = 4
"""So many searches may be asked at once; a server of Chroma's answers them side by side."""

_LIMIT = 120.0
"""Seconds for an answer: the first one after a crash comes when all vectors were looked at."""

_GRACE = 0.8
"""Seconds for a batch that is being written, when it is closed."""

_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a collection lies.

    Args:
        where: A folder or the URL of a Chroma server.
        collection: Its name.
        dimensions: Length of a vector.
    """

    where: Path | str
    collection: str
    dimensions: int

    @property
    def folder(self) -> Path | None:
        """The folder of its own that it has, unless it is on a server."""
        return (
            None if isinstance(self.where, str) else self.where / collection_name(self.collection)
        )


class ChromaProcess:
    """A process that keeps any number of collections. Thread-safe.

    Args:
        limit: Seconds that an answer may take.
    """

    def __init__(self, limit: float = _LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        running = self._running
        return running.pid if running is not None else None

    def read(self, place: Place, method: str, *given: Any) -> Any:
        """Ask something of a collection; does not wait for more than one batch of a `write`.

        Raises:
            ToolError: What the collection raised; ``unavailable`` when the process cannot be
                started or has died, ``corrupt`` when it dies of what lies on the disk.
        """
        running = self._started()
        return self._answer(running, running.readers, place, (method, given), self._limit)

    def write(self, place: Place, method: str, *given: Any, is_long: bool = False) -> Any:
        """Change a collection; one change at a time.

        Raises:
            ToolError: As in `read`.
        """
        running, limit = self._started(), None if is_long else self._limit
        return self._answer(running, running.writers, place, (method, given), limit)

    def close(self) -> None:
        """End it for good, within a second; who waits for an answer gets an error."""
        with self._lock:
            self._is_closed = True
            running, self._running = self._running, None
        if running is not None:
            running.end(_GRACE if running.has_answered else 0)

    def _started(self) -> _Running:
        with self._lock:
            if self._is_closed:
                raise _closed()
            if self._running is None:
                if importlib.util.find_spec("chromadb") is None:
                    raise client.missing("No module named 'chromadb'")
                try:
                    self._running = _Running()
                except OSError as error:
                    raise _ended(str(error)) from error
            return self._running

    def _answer(
        self,
        running: _Running,
        lanes: queue.SimpleQueue[Lane],
        place: Place,
        request: tuple[str, tuple[Any, ...]],
        limit: float | None,
    ) -> Any:
        lane = lanes.get()
        try:
            is_fine, told = lane.ask((place, *request), limit)
            running.has_answered = True
        except (OSError, EOFError) as error:
            raise self._lost(running, place, is_late=isinstance(error, TimeoutError)) from error
        except BaseException:  # Ctrl-C: the answer would be taken for that of the next question
            self._lost(running, place, is_late=False)
            raise
        finally:
            lanes.put(lane)
        if not is_fine:
            raise ToolError(*told)
        return told

    def _lost(self, running: _Running, place: Place, *, is_late: bool) -> ToolError:
        """Say why there is no answer. Of all who waited for one, one is told of damage."""
        with self._lock:
            if self._is_closed:
                return _closed()
            is_first = self._running is running
            if is_first:
                self._running = None
        code = running.end(0 if is_late else _GRACE)
        reason = "it did not answer" if is_late else f"exit {code}"
        folder = place.folder
        if is_first and folder is not None and (is_late or -code in _CRASHES):
            if not soundness.is_sealed(folder):
                return soundness.unsound(folder, reason)
            soundness.unseal(folder)  # so that all of it is looked at when it is next opened
        return _ended(reason)


class _Running:
    """The process from its start to its end."""

    def __init__(self) -> None:
        pairs = [socket.socketpair() for _ in range(1 + _READERS)]
        theirs = [pair[1].fileno() for pair in pairs]
        try:
            self._child = child.start(_PROGRAM, *map(str, theirs), descriptors=theirs)
        except BaseException:
            for pair in pairs:
                pair[0].close()
            raise
        finally:
            for pair in pairs:
                pair[1].close()
        self._lanes = [Lane(ours) for ours, _ in pairs]
        self.writers: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        self.readers: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        self.writers.put(self._lanes[0])
        for lane in self._lanes[1:]:
            self.readers.put(lane)
        self.has_answered = False

    @property
    def pid(self) -> int:
        return self._child.pid

    def end(self, seconds: float) -> int:
        """End it, by force when it takes too long; return how it ended."""
        for lane in self._lanes:
            lane.end()
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
        code = self._child.wait()
        for lane in self._lanes:
            lane.close()
        return code


def _closed() -> ToolError:
    return ToolError("unavailable", "This index is closed.", "Open it again.")


def _ended(reason: str) -> ToolError:
    return ToolError(
        "unavailable",
        f"The process that keeps the vectors is gone ({reason}).",
        "It starts again when it is next needed; words are searched meanwhile.",
    )
