"""The threads of one widget: they follow the sandbox and carry input there, and end with it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

JOIN_SECONDS = 5.0


class Caller(Protocol):
    """A client that can call tools (`jupyter_mcp.Client`)."""

    def call(self, tool: str, /, **arguments: Any) -> Any:
        """Call a tool."""
        ...


class Background:
    """Threads that end together."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` until it returns; it has to look at `stopped`."""
        thread = threading.Thread(target=work, name=f"jupyter-mcp {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Tell the threads to end and wait for them, unless one of them is asking."""
        self.stopped.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_SECONDS)


class Inputs:
    """What a person did, in order, on its way to the sandbox: a slow call delays no other view."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()

    def put(self, message: Mapping[str, Any]) -> None:
        """Add a message."""
        self._waiting.put(message)

    def end(self) -> None:
        """Let `batch` return nothing once all before it was taken."""
        self._waiting.put(None)

    def batch(self) -> list[Mapping[str, Any]] | None:
        """Wait for messages and return all that are there; None after the end."""
        taken = [self._waiting.get()]
        while not self._waiting.empty():
            taken.append(self._waiting.get())
        if taken[-1] is None:
            self._waiting.put(None)  # for the next time
        return [message for message in taken if message is not None] or None
