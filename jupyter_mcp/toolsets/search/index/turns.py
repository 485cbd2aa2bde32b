"""Whose turn it is to work on an index: one thread for each kind of work, and nobody once it ends.

What is waited for may hang, such as a service of embeddings. So who waits looks often whether to
end, and work that hangs is left behind in a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

IsEnded = Callable[[], bool]
T = TypeVar("T")

_LOOK_SECONDS = 0.05

_GRACE_SECONDS = 0.5
"""How long is waited for work that should end: a model in this process is done by then."""


class EndedError(Exception):
    """The work was left behind, as it took longer than it should go on."""


class Turns:
    """The turns of one index. Thread-safe."""

    def __init__(self) -> None:
        self.updating, self.embedding, self.putting = (threading.Lock() for _ in range(3))
        self._ending = threading.Event()
        self._is_over = False

    def is_ending(self) -> bool:
        """Return whether all that runs has to end."""
        return self._is_over or self._ending.is_set()

    @contextmanager
    def take(self, lock: threading.Lock, is_cancelled: IsEnded | None = None) -> Iterator[IsEnded]:
        """Wait for what runs; lend what tells whether to end."""

        def is_ended() -> bool:
            return self.is_ending() or (is_cancelled is not None and is_cancelled())

        is_mine = acquired(lock, is_ended)
        try:
            yield is_ended if is_mine else lambda: True
        finally:
            if is_mine:
                lock.release()

    @contextmanager
    def alone(self, *, for_good: bool = False) -> Iterator[None]:
        """End what runs and keep others from beginning; afterwards too when it is for good."""
        self._is_over = self._is_over or for_good
        self._ending.set()
        with ExitStack() as stack:
            try:
                for lock in (self.updating, self.embedding, self.putting):
                    stack.enter_context(lock)
            finally:
                self._ending.clear()
            yield


def acquired(lock: threading.Lock, is_ended: IsEnded) -> bool:
    """Wait for a lock; return whether it is ours, which it is not once we have to end."""
    is_mine = lock.acquire(timeout=_LOOK_SECONDS)
    while not is_mine and not is_ended():
        is_mine = lock.acquire(timeout=_LOOK_SECONDS)
    return is_mine


def unless_ended(work: Callable[[], T], is_ended: IsEnded) -> T:
    """Return what `work` returns, which is done in a thread of its own.

    Raises:
        EndedError: It hangs, and is left behind.
    """
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised by who waits
            failed.append(error)

    thread = threading.Thread(target=run, name="jupyter-mcp-search-embedding", daemon=True)
    thread.start()
    while thread.is_alive() and not is_ended():
        thread.join(_LOOK_SECONDS)
    thread.join(_GRACE_SECONDS)
    if failed:
        raise failed[0]
    if not found:
        raise EndedError
    return found[0]
