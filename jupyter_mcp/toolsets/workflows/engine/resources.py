"""Places for nodes that run at once, so that a burst of work cannot starve the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext

EVERY = "nodes"
"""The class of which every working node takes a place."""

PLACES: Mapping[str, int] = {EVERY: 16, "cpu": 2, "memory": 2, "kernels": 4, "sandboxes": 4}
"""How many nodes of each class run at once in a worker."""

TOLD_AFTER = 1.0
"""Seconds after which somebody who waits for a place says so: most have it sooner."""


class Resources:
    """Counts the places of each class.

    Args:
        places: How many there are by class; those of `PLACES` where it says nothing.
    """

    def __init__(self, places: Mapping[str, int] | None = None) -> None:
        self._places = {**PLACES, **(places or {})}
        self._free = {name: asyncio.Semaphore(count) for name, count in self._places.items()}

    @property
    def names(self) -> frozenset[str]:
        """The classes that there are."""
        return frozenset(self._places)

    @asynccontextmanager
    async def hold(
        self, names: Iterable[str], tell: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[Held]:
        """Take a place of each class, which may be given back meanwhile.

        A class that there is not has one place.

        Args:
            names: The classes.
            tell: Told which class is waited for, and nothing once it is not any more.
        """
        wanted = sorted(set(names), key=lambda name: (name == EVERY, name))
        free = {name: self._free.setdefault(name, asyncio.Semaphore(1)) for name in wanted}
        held = Held(free, tell)
        try:
            await held.take()
            yield held
        finally:
            held.leave()


class Held:
    """The places of one node, which it gives back while it only waits for others.

    Args:
        free: What counts the places of its classes, by their names in order.
        tell: Told which class is waited for, and nothing once it is not any more.
    """

    def __init__(self, free: Mapping[str, asyncio.Semaphore], tell: Callable[[str], None]) -> None:
        self._free = free
        self._tell = tell
        self._held: list[str] = []

    async def take(self) -> None:
        """Have all of them, taken always in the same order so that nobody waits in a ring.

        That of `EVERY` comes last: whoever has it waits for no other.
        """
        for name, free in self._free.items():
            if name in self._held:
                continue
            with _told(name, self._tell) if free.locked() else nullcontext():
                await free.acquire()
            self._held.append(name)

    def leave(self, *names: str) -> None:
        """Give back those of some classes, or all."""
        for name in [each for each in self._held if not names or each in names]:
            self._held.remove(name)
            self._free[name].release()


@contextmanager
def _told(name: str, tell: Callable[[str], None]) -> Iterator[None]:
    is_told = False

    def say() -> None:
        nonlocal is_told
        is_told = True
        tell(name)

    later = asyncio.get_running_loop().call_later(TOLD_AFTER, say)
    try:
        yield
    finally:
        later.cancel()
        if is_told:
            tell("")
