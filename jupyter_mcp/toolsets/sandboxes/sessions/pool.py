"""Sandboxes that wait ready, each for its first and only owner.

A member has an agent, nobody's identity and no secrets, and is frozen where its backend can do
that. There is none before somebody wants a sandbox; it is filled again when no sandbox has been
asked for during a quiet time, so that it never competes with one that is; it is drained when nobody
has come for long. A member is never used twice: what its owner leaves behind would be the next
one's to find.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link

QUIET_SECONDS = 2.0
"""For how long nothing has to be asked for before the pool is filled."""

IDLE_SECONDS = 600.0
"""After how long without a sandbox being asked for it is drained."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """A sandbox that waits.

    Args:
        engine: The name of its backend in the settings.
        backend: Its backend.
        capabilities: What that enforces.
        handle: How the backend finds it.
        link: Its agent.
    """

    engine: str
    backend: Backend
    capabilities: Capabilities
    handle: Handle
    link: Link

    async def discard(self) -> None:
        """Destroy it."""
        await self.link.close()
        await self.backend.destroy(self.handle)


class Pool:
    """The members of one server.

    Args:
        make: Makes a member on a backend of the settings.
        tasks: The owner of background tasks.
        size: How many wait.
        quiet: Seconds, see `QUIET_SECONDS`.
        idle: Seconds, see `IDLE_SECONDS`.
    """

    def __init__(
        self,
        make: Callable[[str], Awaitable[Member]],
        tasks: Spawner,
        size: int,
        *,
        quiet: float = QUIET_SECONDS,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._make = make
        self._tasks = tasks
        self._size = size
        self._quiet = quiet
        self._idle = idle
        self._members: list[Member] = []
        self._engine = ""
        self._running = 0
        self._is_stopped = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._members)

    def owns(self, sandbox_id: str) -> bool:
        """Whether a sandbox waits here."""
        return any(each.handle.spec.id == sandbox_id for each in self._members)

    @asynccontextmanager
    async def in_use(self, engine: str) -> AsyncIterator[None]:
        """Keep the pool from filling while a sandbox is made, and fill it some time after."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._engine = engine
            self._changed.set()
            if self._size and not self._is_stopped and (self._task is None or self._task.done()):
                self._task = self._tasks.spawn("sandbox pool", self._tend())

    def take(self, engine: str, image: str) -> Member | None:
        """Return a member that nobody else gets; None when none fits."""
        for member in self._members:
            spec = member.handle.spec
            if member.engine == engine and spec.image == image and not member.link.is_closed:
                self._members.remove(member)
                self.filled.clear()
                return member
        return None

    def put_back(self, member: Member) -> None:
        """Have a member wait on that was taken and given to nobody."""
        self._members.append(member)

    async def stop(self) -> None:
        """Destroy all members."""
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._drain()

    async def _tend(self) -> None:
        """Fill the pool after a quiet time and drain it after an idle one, then leave."""
        while not self._is_stopped:
            if await self._is_disturbed(self._quiet) or self._running:
                continue
            await self._discard_the_dead()
            try:
                while len(self._members) < self._size and not self._running:
                    self._members.append(await self._make(self._engine))
            except ToolError as error:
                _log.warning("No sandbox waits ready: %s", error)
            if len(self._members) >= self._size:
                self.filled.set()
            if not await self._is_disturbed(self._idle):
                await self._drain()
                return

    async def _is_disturbed(self, seconds: float) -> bool:
        """Wait until a sandbox is asked for, or until nobody has for so long."""
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):  # `wait_for` may swallow that it is cancelled
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _discard_the_dead(self) -> None:
        dead = [
            each for each in self._members if each.link.is_closed or each.engine != self._engine
        ]
        for member in dead:
            self._members.remove(member)
            await self._discard(member)

    async def _drain(self) -> None:
        self.filled.clear()
        while self._members:
            await self._discard(self._members.pop())

    async def _discard(self, member: Member) -> None:
        try:
            await member.discard()
        except ToolError as error:
            _log.warning("A sandbox that waited cannot be destroyed: %s", error)
