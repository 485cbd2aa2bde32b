"""Redis, for what several servers share: the connection, and the store of expiring values on it.

Redis is never waited for. A command that fails or takes longer than a second ends the connection's
good days: everybody is told ``unavailable`` at once from then on, one line goes to the log, and a
task asks every second until Redis can be read and written again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.storage.sql_store import unreachable

if TYPE_CHECKING:
    from redis.asyncio import BlockingConnectionPool, Redis

R = TypeVar("R")

CONNECTIONS = 16
"""How many connections are held at most; a command takes one for less than a millisecond."""

PATIENCE_SECONDS = 1.0
"""How long a command may take."""

PROBE_SECONDS = 1.0
"""How often a Redis that went away is asked for."""

_DELETE_IF = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"

_log = logging.getLogger(__name__)


class RedisLink:
    """One Redis, which may be there or not.

    Args:
        url: Its URL, ``redis://``, ``rediss://`` or ``unix://``; it may hold a password and is
            told to nobody.
        namespace: What the keys of this server and its replicas begin with.
        tasks: The owner of background tasks.
    """

    redis: Redis
    """The client; there once `prepare` was called."""
    pool: BlockingConnectionPool
    """Its connections, for a library that wants a client of its own."""

    def __init__(self, url: str, namespace: str, tasks: Spawner) -> None:
        self.prefix = f"jupyter_mcp:{namespace}"
        self.is_up = False
        self._url = url
        self._tasks = tasks
        self._errors: tuple[type[BaseException], ...] = (OSError,)

    def prepare(self) -> None:
        """Import the client and read the URL; to be called in a thread.

        Raises:
            ToolError: ``unavailable`` when the package is missing, ``invalid_arguments`` when the
                URL is none.
        """
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
        except ImportError as error:
            raise ToolError(
                "unavailable",
                "The setting 'redis_url' needs the package 'redis', which is not installed.",
                "Run: pip install 'jupyter-mcp-workbench[redis]'",
            ) from error
        self._errors = (RedisError, OSError)
        try:
            self.pool = BlockingConnectionPool.from_url(
                self._url,
                max_connections=CONNECTIONS,
                timeout=PATIENCE_SECONDS,
                socket_timeout=PATIENCE_SECONDS,
                socket_connect_timeout=PATIENCE_SECONDS,
                retry=Retry(NoBackoff(), 1),  # a kept connection may be from before a restart
            )
        except ValueError as error:
            raise ToolError(
                "invalid_arguments",
                "The setting 'redis_url' is not the URL of a Redis.",
                "Write it as 'redis://host:6379/0', 'rediss://…' or 'unix:///path/to.sock'.",
            ) from error
        self.redis = Redis(connection_pool=self.pool)

    async def start(self) -> None:
        """Look whether Redis is there."""
        try:
            await self._probe()
            self.is_up = True
        except self._errors as error:
            self._went(error)

    async def stop(self) -> None:
        """Close the connections."""
        self.is_up = False
        await self.redis.aclose()
        await self.pool.disconnect()

    async def ask(self, work: Callable[[], Awaitable[R]]) -> R:
        """Do `work` with Redis.

        Raises:
            ToolError: ``unavailable`` when Redis is away.
        """
        if not self.is_up:
            raise unreachable("Redis cannot be reached.")
        try:
            return await _cancellable(work)
        except self._errors as error:
            if self.is_up:
                self.is_up = False
                self._went(error)
            raise unreachable("Redis cannot be reached.") from error

    def _went(self, error: BaseException) -> None:
        _log.warning(
            "Redis cannot be used (%s); until it is back, limits count in this server alone.",
            type(error).__name__,
        )
        self._tasks.spawn("redis", self._wait_until_back())

    async def _wait_until_back(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                await self._probe()
            except self._errors:
                continue
            self.is_up = True
            _log.warning("Redis is back.")
            return

    async def _probe(self) -> None:
        """Write, because a Redis that is full or a replica can still be read."""
        await self.redis.set(f"{self.prefix}:probe", b"1", ex=5)


async def _cancellable(work: Callable[[], Awaitable[R]]) -> R:
    """Do `work`, and end as cancelled when that was asked for meanwhile.

    redis-py sends with `asyncio.wait_for`, which before Python 3.12 returns the result of what it
    waits for and forgets that its task was cancelled when both come at once.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    done = await work()
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return done


class RedisStore:
    """Expiring values in Redis.

    Args:
        link: The Redis.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def get(self, space: str, key: str) -> bytes | None:
        """Return a value; None when there is none or it has expired."""
        name = self._name(space, key)
        found: Any = await self._link.ask(lambda: self._link.redis.get(name))
        return None if found is None else bytes(found)

    async def set(self, space: str, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for so many seconds, whatever was there before."""
        name, life = self._name(space, key), _milliseconds(seconds)
        await self._link.ask(lambda: self._link.redis.set(name, value, px=life))

    async def set_if_absent(self, space: str, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value unless there is one already; return whether it was kept."""
        name, life = self._name(space, key), _milliseconds(seconds)
        return bool(
            await self._link.ask(lambda: self._link.redis.set(name, value, px=life, nx=True))
        )

    async def delete(self, space: str, key: str, value: bytes | None = None) -> bool:
        """Take a value out, or only just that `value`; return whether it was there."""
        name, redis = self._name(space, key), self._link.redis
        if value is None:
            return bool(await self._link.ask(lambda: redis.delete(name)))
        return bool(await self._link.ask(lambda: redis.eval(_DELETE_IF, 1, name, value)))

    async def clear(self, space: str) -> None:
        """Take out all values of a space."""
        await self._link.ask(lambda: self._clear(self._name(space, "*")))

    async def _clear(self, pattern: str) -> None:
        redis = self._link.redis
        cursor, first = 0, True
        while first or cursor:
            cursor, names = await redis.scan(cursor, match=pattern, count=1000)
            first = False
            if names:
                await redis.unlink(*names)

    def _name(self, space: str, key: str) -> str:
        return f"{self._link.prefix}:{space}:{key}"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
