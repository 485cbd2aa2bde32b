"""Waiting for a call in plain code: progress and questions come to the thread that waits.

A question has to be asked, and a progress bar drawn, by the thread that runs the person's cell;
the call itself runs on the portal's loop. A queue lies between them. Ctrl-C cancels the call and
then waits until the server was told.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar

from jupyter_mcp.ipython.asking import CANCEL
from jupyter_mcp.ipython.failure import cancelled
from jupyter_mcp.ipython.portal import Portal

T = TypeVar("T")

TICK_SECONDS = 0.25
CANCEL_SECONDS = 5.0
"""How long the cancelling of a call may take before the person gets the prompt back."""


class Watcher:
    """What a waiting thread does meanwhile; this one does nothing."""

    def progress(self, done: float, total: float | None, message: str) -> None:
        """Take note of progress."""

    def tick(self, seconds: float) -> None:
        """Take note that the call has run for so many seconds."""

    def ask(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer an elicitation."""
        del params
        return CANCEL


@dataclass(frozen=True, slots=True)
class _Progress:
    done: float
    total: float | None
    message: str


@dataclass(frozen=True, slots=True)
class _Question:
    params: Mapping[str, Any]
    answer: asyncio.Future[Mapping[str, Any]]


class _End:
    """The call has ended, its cancelling included."""


class Desk:
    """Where the portal's side of a call leaves what the waiting thread has to do."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Progress | _Question | _End] = queue.SimpleQueue()

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Hand over progress."""
        self._queue.put(_Progress(done, total, message))

    async def ask(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Hand over a question and wait for the answer."""
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._queue.put(_Question(params, answer))
        return await answer

    def wait(self, portal: Portal, work: Coroutine[Any, Any, T], watcher: Watcher) -> T:
        """Run `work` on the portal and serve it until it ends.

        Raises:
            ToolError: What the work raises; ``cancelled`` after Ctrl-C.
        """
        future = portal.start(self._until_end(work))
        try:
            self._serve(watcher)
        except BaseException as error:
            future.cancel()
            self._drain()
            if not isinstance(error, KeyboardInterrupt):
                raise
        if future.cancelled():
            raise cancelled()
        try:
            return future.result(CANCEL_SECONDS)
        except CancelledError:
            pass
        raise cancelled()

    async def _until_end(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        finally:
            self._queue.put(_End())

    def _serve(self, watcher: Watcher) -> None:
        started = ticked = time.monotonic()
        while True:
            event = self._next(TICK_SECONDS)
            match event:
                case _Progress(done, total, message):
                    watcher.progress(done, total, message)
                case _Question(params, answer):
                    _settle(answer, watcher.ask(params))
                case _End():
                    return
            if (now := time.monotonic()) - ticked >= TICK_SECONDS:
                watcher.tick(now - started)
                ticked = now

    def _next(self, seconds: float) -> _Progress | _Question | _End | None:
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return None

    def _drain(self) -> None:
        """Wait until the cancelled call has ended, so that the server knows of it."""
        deadline = time.monotonic() + CANCEL_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            if isinstance(self._next(left), _End):
                return


def _settle(future: asyncio.Future[Mapping[str, Any]], answer: Mapping[str, Any]) -> None:
    def settle() -> None:
        if not future.done():
            future.set_result(answer)

    future.get_loop().call_soon_threadsafe(settle)
