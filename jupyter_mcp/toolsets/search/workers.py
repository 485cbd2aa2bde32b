"""Who does the work of search: threads for what blocks, and tasks in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

R = TypeVar("R")


class Threads(Protocol):
    """Runs blocking work."""

    async def run(self, function: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        """Run `function` in a thread and await its result."""
        ...


Spawn = Callable[[str, Coroutine[Any, Any, Any]], asyncio.Task[Any]]


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the work.

    Args:
        quick: Threads for questions.
        slow: Threads for what takes long.
        spawn: Starts a background task under a name.
    """

    quick: Threads
    slow: Threads
    spawn: Spawn
