"""Threads for blocking work, bounded and our own.

anyio's and asyncio's default pools are not used: under Tornado's loop anyio starts and stops one
thread for each call, which costs about 0.4 ms of CPU, and the default pool is shared with Jupyter.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Executor:
    """A bounded pool of named threads.

    Args:
        threads: How many pieces of blocking work run at once; further ones wait.
        name: The prefix of the threads' names.
    """

    def __init__(self, threads: int, name: str = "jupyter-mcp") -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._is_stopped = False

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` in a thread, with the caller's context variables, and await its result.

        When the interpreter ends it takes the threads before anybody could stop; what is left to
        do then runs here.
        """
        context = contextvars.copy_context()
        work = partial(context.run, function, *args, **kwargs)
        try:
            begun = asyncio.get_running_loop().run_in_executor(self._pool, work)
        except RuntimeError:
            if self._is_stopped:
                raise
            return work()
        return await begun

    def stop(self) -> None:
        """Refuse further work, drop what has not begun and end the threads."""
        self._is_stopped = True
        self._pool.shutdown(wait=True, cancel_futures=True)
