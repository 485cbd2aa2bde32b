"""One request to the agent: its answer, its events, and a stream of bytes in each direction.

Each direction starts with a window of credit. Who receives gives it back as the bytes are taken,
so that a slow reader holds up its own stream and nobody else's, and what a hostile agent can make
us keep is bounded by the window.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol, Self

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.link.frames import (
    MAX_PAYLOAD,
    WINDOW,
    BrokenFrameError,
    Frame,
    Kind,
    credit_frame,
    encode,
)

_MAX_EVENTS = 256
_PIECE = 1 << 16
_MAX_TEXT = 500
_CODES = frozenset(
    {
        "busy",
        "cancelled",
        "conflict",
        "forbidden",
        "internal",
        "invalid_arguments",
        "not_found",
        "timeout",
        "too_large",
        "unavailable",
        "unsupported",
    }
)


class Carrier(Protocol):
    """What requests travel on (`link.Link`), as those see it that belong to one request."""

    def post(self, frame: bytes) -> None:
        """Put a frame into the queue of the writer."""
        ...

    async def send(self, frame: bytes) -> None:
        """Put a frame into the queue and wait while the queue is long."""
        ...

    def exchange(self, op: str, parameters: Mapping[str, Any], payload: bytes = b"") -> Exchange:
        """Begin a request."""
        ...

    async def request(self, op: str, **parameters: Any) -> dict[str, Any]:
        """Ask for one answer."""
        ...

    async def first(self, exchange: Exchange, name: str, most: int) -> int:
        """Return the number that the first event of a request tells, from 1 to `most`."""
        ...

    def break_off(self, error: Exception) -> ToolError:
        """Close the channel because of what came, and return the error to raise."""
        ...


class Exchange:
    """A request under way. Leaving it as a context before its answer cancels it inside too.

    Args:
        link: The channel.
        number: The number of the request on it.

    Attributes:
        is_released: Whether nobody wants its answer any more.
    """

    def __init__(self, link: Carrier, number: int) -> None:
        self._link = link
        self.number = number
        self._answer: Frame | None = None
        self._failure: ToolError | None = None
        self._events: deque[dict[str, Any]] = deque()
        self._inbox: deque[tuple[int, bytearray]] = deque()
        self._dropped = 0  # events that came after nobody wanted them any more
        self._allowed = WINDOW  # bytes that the agent may send yet
        self._owed = 0  # bytes that were taken and not yet allowed again
        self._credit = WINDOW  # bytes that we may send yet
        self._ended: set[int] = set()
        self._has_ended = False
        self.is_released = False
        self._waiters: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()

    @property
    def is_over(self) -> bool:
        """Whether the agent has answered, or the link is closed."""
        return self._answer is not None or self._failure is not None

    def release(self) -> None:
        """Cancel it inside, if it is not over; what still arrives is thrown away."""
        self.is_released = True
        self._inbox.clear()
        self._events.clear()
        if not self.is_over:
            self._link.post(encode(Kind.CANCEL, self.number))

    async def answer(self) -> Frame:
        """Wait for the answer.

        Raises:
            ToolError: What went wrong inside, or ``unavailable`` when the link is closed.
        """
        while self._answer is None:
            self._check()
            await self._change()
        return self._answer

    async def event(self) -> dict[str, Any]:
        """Wait for the next event.

        Raises:
            ToolError: Likewise, or ``unavailable`` when it ended without one.
        """
        while not self._events:
            self._check()
            if self._answer is not None:
                raise ToolError("unavailable", "It has ended in the sandbox.")
            await self._change()
        return self._events.popleft()

    async def receive(self) -> tuple[int, bytes] | None:
        """Return the next bytes and their lane; None when all is received.

        Raises:
            ToolError: As `answer`.
        """
        while not self._inbox:
            self._check()
            if self._answer is not None:
                return None
            await self._change()
        lane, data = self._inbox.popleft()
        if data:
            self._took(len(data))
        return lane, bytes(data)

    async def collect(self, most: int) -> bytes:
        """Return all that comes until the answer.

        Raises:
            ToolError: As `answer`; ``too_large`` after `most` bytes.
        """
        parts = bytearray()
        while (piece := await self.receive()) is not None:
            parts += piece[1]
            if len(parts) > most:
                raise ToolError("too_large", "The sandbox answered too much.", "Ask for less.")
        return bytes(parts)

    async def send(self, data: bytes) -> None:
        """Send bytes as fast as the other side takes them.

        Raises:
            ToolError: As `answer`; ``conflict`` when it is over.
        """
        view = memoryview(data)
        while view:
            while self._credit <= 0 and not self.is_over:
                await self._change()
            self._check()
            if self._answer is not None:
                raise ToolError("conflict", "It has ended in the sandbox and takes no more input.")
            piece = bytes(view[: min(self._credit, MAX_PAYLOAD)])
            self._credit -= len(piece)
            view = view[len(piece) :]
            await self._link.send(encode(Kind.DATA, self.number, payload=piece))

    def end(self) -> None:
        """Say that nothing more will be sent."""
        if not self._has_ended and not self.is_over:
            self._has_ended = True
            self._link.post(encode(Kind.END, self.number))

    def take(self, frame: Frame) -> None:
        """Take a frame of the agent.

        Raises:
            BrokenFrameError: When it is not what may come now.
        """
        if frame.kind is Kind.DATA or frame.kind is Kind.END:
            self._take_data(frame)
        elif frame.kind is Kind.CREDIT:
            self._credit += frame.credit
            if self._credit > WINDOW:
                raise BrokenFrameError("more credit than there is")
        elif frame.kind is Kind.EVENT:
            if max(len(self._events), self._dropped) >= _MAX_EVENTS:
                raise BrokenFrameError("too many events")
            if self.is_released:
                self._dropped += 1
            else:
                self._events.append(frame.head)
        elif frame.kind is Kind.ANSWER:
            self._answer = frame
        elif frame.kind is Kind.FAILURE:
            self._failure = failure_of(frame.head)
        else:
            raise BrokenFrameError("not now")
        self._wake()

    def fail(self, error: ToolError) -> None:
        """End it because the link is closed."""
        if not self.is_over:
            self._failure = error
            self._wake()

    def _take_data(self, frame: Frame) -> None:
        if frame.lane in self._ended:
            raise BrokenFrameError("data after the end")
        if frame.kind is Kind.END:
            self._ended.add(frame.lane)
            if not self.is_released:
                self._inbox.append((frame.lane, bytearray()))
            return
        self._allowed -= len(frame.payload)
        if self._allowed < 0 or not frame.payload:
            raise BrokenFrameError("more data than allowed")
        if self.is_released:
            return
        last = self._inbox[-1] if self._inbox else None
        if last and last[0] == frame.lane and 0 < len(last[1]) < _PIECE:
            last[1].extend(frame.payload)  # byte by byte they would take a hundred times the memory
        else:
            self._inbox.append((frame.lane, bytearray(frame.payload)))

    def _took(self, count: int) -> None:
        self._owed += count
        if self._owed >= WINDOW // 4 and not self.is_over:
            self._allowed += self._owed
            self._link.post(credit_frame(self.number, self._owed))
            self._owed = 0

    def _check(self) -> None:
        if self._failure is not None:
            failure = self._failure
            raise ToolError(failure.code, failure.message, failure.remedy)

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


def failure_of(head: dict[str, Any]) -> ToolError:
    """Return the error that an agent tells; its words are a stranger's and are kept short.

    Raises:
        BrokenFrameError: When it tells none.
    """
    code, message, remedy = (head.get(name) for name in ("code", "message", "remedy"))
    if not (isinstance(code, str) and isinstance(message, str) and isinstance(remedy, str)):
        raise BrokenFrameError("a failure without words")
    code = code if code in _CODES else "internal"
    return ToolError(code, printable(message), printable(remedy))


def printable(text: str, limit: int = _MAX_TEXT) -> str:
    """Return text without control characters and half characters, cut to a length."""
    clean = "".join(each if each.isprintable() else " " for each in text[:limit])
    return clean.encode("utf-8", "backslashreplace").decode()
