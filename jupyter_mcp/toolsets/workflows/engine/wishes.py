"""What people want of a run while it goes on: that it rests, that it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from jupyter_mcp.toolsets.workflows.engine.durable import RunCancelled
from jupyter_mcp.toolsets.workflows.engine.standing import Standing


class Wishes:
    """What is wanted of one run.

    Args:
        run: The run.
        standing: Its recorder.
    """

    def __init__(self, run: str, standing: Standing) -> None:
        self._run = run
        self._standing = standing
        loop = asyncio.get_running_loop()
        self._cancelled: asyncio.Future[None] = loop.create_future()
        self._resumed: asyncio.Future[None] = loop.create_future()
        self.is_paused = False

    async def watch(self) -> None:
        """Look what is wanted, until the run is to end."""
        while not self._cancelled.done():
            self.look()
            await self._standing.changed(self._run)

    def look(self) -> None:
        """Look what is wanted now."""
        wanted = self._standing.wanted(self._run)
        if wanted == "cancelled" and not self._cancelled.done():
            self._cancelled.set_result(None)
        is_paused = wanted == "paused"
        if is_paused == self.is_paused:
            return
        self.is_paused = is_paused
        self._standing.pause(is_paused=is_paused)
        if is_paused:
            self._resumed = asyncio.get_running_loop().create_future()
        else:
            self._resumed.set_result(None)

    async def wait(self, news: Iterable[asyncio.Future[Any]]) -> None:
        """Wait until one of these is done, or something else is wanted.

        Raises:
            RunCancelled: The run was cancelled meanwhile.
        """
        resumed = [self._resumed] if self.is_paused else []
        await asyncio.wait({*news, self._cancelled, *resumed}, return_when=asyncio.FIRST_COMPLETED)
        if self._cancelled.done():
            raise RunCancelled
