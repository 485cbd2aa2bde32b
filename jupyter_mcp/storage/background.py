"""What runs work beside a call, as the ground sees it: tasks of the event loop, and threads.

The runtime owns both (`jupyter_mcp.calls.supervisor`, `jupyter_mcp.calls.executor`) and hands them
down, so that nothing here has tasks or threads of its own that would outlive it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Spawner(Protocol):
    """The owner of background tasks."""

    def spawn(self, name: str, work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """Run `work` in a named task."""
        ...


class Threads(Protocol):
    """Threads for blocking work."""

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` in a thread and return what it returns."""
        ...
