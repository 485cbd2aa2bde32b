"""Whose turn it is at a kernel, among the requests of ours.

A kernel works on one thing at a time and cannot give back a request that it was sent, so ours wait
here: one that is cancelled before its turn simply leaves. Nothing here knows about kernels.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Ticket:
    """A place in the queue; whoever holds it has the turn until it leaves."""

    __slots__ = ("_queue", "turn")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """Give the turn to the next one. Leaving twice does no harm."""
        self._queue._leave(self)  # noqa: SLF001 - a ticket is the queue's own other half


class Queue:
    """First come, first served."""

    def __init__(self) -> None:
        self._holder: Ticket | None = None
        self._waiting: deque[Ticket] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether somebody has the turn."""
        return self._holder is not None

    async def enter(self) -> Ticket:
        """Wait for the turn and return the ticket that holds it."""
        ticket = Ticket(self)
        if self._holder is None:
            self._holder = ticket
            return ticket
        self._waiting.append(ticket)
        try:
            await ticket.turn
        except asyncio.CancelledError:
            self._leave(ticket)
            raise
        return ticket

    def _leave(self, ticket: Ticket) -> None:
        if self._holder is ticket:
            self._holder = self._next()
        elif ticket in self._waiting:
            self._waiting.remove(ticket)

    def _next(self) -> Ticket | None:
        while self._waiting:
            ticket = self._waiting.popleft()
            if not ticket.turn.cancelled():
                ticket.turn.set_result(None)
                return ticket
        return None
