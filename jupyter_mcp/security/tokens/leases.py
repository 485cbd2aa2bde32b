"""Ends what goes on for a principal whose access has ended.

A request is checked at the door once; a stream, a WebSocket or a running call goes on after that.
Each of them takes a lease here and is told when it is over: when the access token expires, or when
somebody ended the access behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.tokens.family import names_that_end

Why = Literal["ended", "expired"]
IsEnded = Callable[[Principal], bool]


@dataclass(slots=True, eq=False)
class Lease:
    """The leave to go on until the access ends.

    Args:
        principal: Whose access it hangs on.
        over: Called once, with why, when it is over.
    """

    principal: Principal
    over: Callable[[Why], object]
    timer: asyncio.TimerHandle | None = None


class Leases:
    """All leases of a runtime.

    Args:
        clock: Tells the Unix time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._held: set[Lease] = set()
        self._listeners: list[Callable[[IsEnded], object]] = []

    def __len__(self) -> int:
        return len(self._held)

    def take(self, principal: Principal, over: Callable[[Why], object]) -> Lease:
        """Return a lease; `over` is called on the event loop when it is over."""
        lease = Lease(principal, over)
        self._held.add(lease)
        self._set_timer(lease)
        return lease

    def renew(self, lease: Lease, principal: Principal) -> None:
        """Let a lease go on for as long as a newer token of the same family is good."""
        lease.principal = principal
        self._set_timer(lease)

    def give_back(self, lease: Lease) -> None:
        """Forget a lease, because what it was for has ended by itself."""
        self._held.discard(lease)
        if lease.timer is not None:
            lease.timer.cancel()

    def subscribe(self, listener: Callable[[IsEnded], object]) -> None:
        """Call `listener` with a test of principals whenever some of them lost their access."""
        self._listeners.append(listener)

    def end(self, name: str) -> None:
        """End everything of the principals with this identifier, credential or token."""

        def is_ended(principal: Principal) -> bool:
            return name in names_that_end(principal)

        for lease in [lease for lease in self._held if is_ended(lease.principal)]:
            self._over(lease, "ended")
        for listener in self._listeners:
            listener(is_ended)

    def stop(self) -> None:
        """Forget all leases; whoever holds one ends by itself."""
        for lease in list(self._held):
            self.give_back(lease)

    def _set_timer(self, lease: Lease) -> None:
        if lease.timer is not None:
            lease.timer.cancel()
            lease.timer = None
        if lease.principal.expires is not None:
            left = max(0.0, lease.principal.expires - self._clock())
            loop = asyncio.get_running_loop()
            lease.timer = loop.call_later(left, self._over, lease, "expired")

    def _over(self, lease: Lease, why: Why) -> None:
        if lease in self._held:
            self.give_back(lease)
            lease.over(why)
