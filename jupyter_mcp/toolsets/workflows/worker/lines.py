"""The lines to a server: one for each owner, used by all of their runs until its token ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.security.canonical import canonical, sha256
from jupyter_mcp.security.worker_key import read
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.toolsets.workflows.worker.book import is_passing
from jupyter_mcp.toolsets.workflows.worker.door import Away, Door, Reach, Waiting
from jupyter_mcp.toolsets.workflows.worker.granting import Granted, ask

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.storage import Storage

EARLY = 30.0
"""How many seconds before its end a token is replaced."""

AGAIN = 0.3
"""For how many seconds a server that was not found is not looked for again."""

KNOWN = 10_000
"""Of how many runs it is remembered whose they are."""


@dataclass(slots=True, eq=False)
class Line:
    """A line for one owner.

    Args:
        granted: By what right.
        door: The connection.
        users: How many calls go on.
        is_over: Whether no new call may be made.
    """

    granted: Granted
    door: Door
    users: int = 0
    is_over: bool = False


@dataclass(slots=True)
class _Owner:
    line: Line | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class Lines:
    """All lines of a worker.

    Args:
        reach: The ways to servers.
        storage: Where runs say whose they are.
        key_file: Where the worker's key lies.
        clock: Tells the Unix time.
    """

    def __init__(
        self, reach: Reach, storage: Storage, key_file: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._reach = reach
        self._storage = storage
        self._key_file = key_file
        self._clock = clock
        self._owners: dict[str, _Owner] = {}
        self._runs: OrderedDict[str, str] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._finding = asyncio.Lock()
        self._lost: tuple[float, Away] | None = None

    @contextlib.asynccontextmanager
    async def of(self, run: str) -> AsyncIterator[Line]:
        """Use the line of a run's owner.

        Raises:
            Away: No server answers.
            Waiting: The server gives no token, or the database is away, with the reason.
        """
        owner = self._owners.setdefault(await self._owner_of(run), _Owner())
        line = await self._open(owner, run)
        line.users += 1
        try:
            yield line
        finally:
            line.users -= 1
            self._close_if_done(line)

    def over(self, line: Line) -> None:
        """Use a line no more: its token is not good, or its server gone."""
        line.is_over = True
        self._close_if_done(line)

    async def close(self) -> None:
        """Let go of all."""
        for owner in self._owners.values():
            if owner.line is not None:
                await owner.line.door.close()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open(self, owner: _Owner, run: str) -> Line:
        async with owner.opening:
            line = owner.line
            if line is not None and not line.is_over:
                if line.granted.expires - EARLY > self._clock():
                    return line
                self.over(line)
            granted = await self._grant(run)
            owner.line = Line(granted, self._reach.connect(granted.base_url, granted.token))
            return owner.line

    async def _grant(self, run: str) -> Granted:
        """Return a token of the first server that gives one."""
        async with self._finding:
            if self._lost is not None and time.monotonic() - self._lost[0] < AGAIN:
                raise self._lost[1]
            try:
                return await asyncio.to_thread(self._ask, run)
            except Away as away:
                self._lost = time.monotonic(), away
                raise

    def _ask(self, run: str) -> Granted:
        try:
            key = read(self._key_file)
        except (OSError, ValueError) as error:
            raise Waiting(f"the worker's key cannot be read: {error}") from None
        if not key:
            raise Away
        reasons: list[Away | Waiting] = []
        for base_url in self._reach.find():
            try:
                return ask(base_url, key, run)
            except (Away, Waiting) as reason:
                reasons.append(reason)
        raise max(reasons, key=lambda each: isinstance(each, Waiting), default=Away())

    async def _owner_of(self, run: str) -> str:
        if run not in self._runs:
            principal = await self._principal(run)
            self._runs[run] = sha256(canonical(principal))
            while len(self._runs) > KNOWN:
                self._runs.popitem(last=False)
        return self._runs[run]

    async def _principal(self, run: str) -> Any:
        try:
            return await self._storage.run(lambda connection: _principal(connection, run))
        except Exception as error:
            if is_passing(error):
                raise Waiting(reason(error)) from None
            raise

    def _close_if_done(self, line: Line) -> None:
        if line.is_over and not line.users:
            task = asyncio.create_task(line.door.close(), name="workflow line ends")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _principal(connection: Connection, run: str) -> Any:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as runs

    return connection.execute(select(runs.c.principal).where(runs.c.id == run)).scalar()
