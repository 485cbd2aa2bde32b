"""Places for nodes that run at once, so that a burst of work cannot starve the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext

PLACES: Mapping[str, int] = {"nodes": 16, "cpu": 2, "memory": 2, "kernels": 4, "sandboxes": 4}
"""How many nodes of each class run at once in a worker; every working node takes one of
``nodes``."""


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
    ) -> AsyncIterator[None]:
        """Take a place of each class, always in the same order so that nobody waits in a ring.

        A class that there is not has one place.

        Args:
            names: The classes.
            tell: Told which class is waited for, and nothing once it is not any more.
        """
        async with AsyncExitStack() as held:
            for name in sorted(set(names)):
                free = self._free.setdefault(name, asyncio.Semaphore(1))
                with _told(name, tell) if free.locked() else nullcontext():
                    await held.enter_async_context(free)
            yield


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
