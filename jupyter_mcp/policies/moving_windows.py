"""Moving windows: how often something happened in the last so many seconds.

The library ``limits`` reads what a limit says, and counts in Redis. Its own memory for asyncio
starts a task and two turns of a thread for each hit, so the memory here is ours: the same rule over
the times of the hits, of which only those are kept that still count.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import MovingWindowRateLimiter

HITS = 500_000
"""How many hits are remembered in all (16 MB); the windows used longest ago are forgotten first."""

WINDOWS = 20_000
"""How many windows are remembered."""

Key = tuple[str, ...]
"""What is counted together: whose calls of what."""


class Link(Protocol):
    """A Redis that may be away; `jupyter_mcp.storage.redis.RedisLink` is one."""

    is_up: bool
    prefix: str
    pool: Any

    async def ask(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do `work` with Redis, or raise ToolError ``unavailable``."""
        ...


class MemoryWindows:
    """Windows of this process.

    Args:
        clock: Tells the time in seconds.
        hits: How many hits are remembered in all.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, hits: int = HITS) -> None:
        self._clock = clock
        self._most = hits
        self._windows: OrderedDict[tuple[Key, int, int], deque[float]] = OrderedDict()
        self._hits = 0

    @property
    def hits(self) -> int:
        """How many hits are remembered."""
        return self._hits

    @property
    def windows(self) -> int:
        """How many windows are remembered."""
        return len(self._windows)

    def hit(self, limits: Iterable[RateLimitItem], key: Key) -> float | None:
        """Note a hit where all `limits` have room for it, else return the seconds to wait."""
        now = self._clock()
        windows = []
        for limit in limits:
            seconds = limit.get_expiry()
            window = self._recent((key, limit.amount, seconds), now - seconds)
            if len(window) >= limit.amount:
                return window[0] + seconds - now if window else float(seconds)
            windows.append(window)
        for window in windows:
            window.append(now)
        self._hits += len(windows)
        self._make_room(key)
        return None

    def _recent(self, name: tuple[Key, int, int], since: float) -> deque[float]:
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = deque()
            self._make_room(name[0])
            return window
        self._windows.move_to_end(name)
        while window and window[0] < since:
            window.popleft()
            self._hits -= 1
        return window

    def _make_room(self, used: Key) -> None:
        while self._hits > self._most or len(self._windows) > WINDOWS:
            oldest = next(iter(self._windows))
            if oldest[0] == used:
                return
            self._hits -= len(self._windows.pop(oldest))


class MovingWindows:
    """Windows in Redis while it is up, else in this process; what was counted stays where it was.

    Args:
        link: Redis; None for this process alone.
        clock: Tells the time of the windows in this process.
    """

    def __init__(
        self, link: Link | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._link = link
        self._memory = MemoryWindows(clock)
        self._redis = None if link is None else _in_redis(link)

    async def hit(self, limits: tuple[RateLimitItem, ...], *key: str) -> float | None:
        """Note a hit in the windows of `limits`; return the seconds to wait when there is no room.

        With several limits a hit is noted only where all of them have room.
        """
        if self._link is not None and self._redis is not None and self._link.is_up:
            strategy = self._redis
            with contextlib.suppress(ToolError):  # it has just gone, and the link has said so
                wait: float | None = await self._link.ask(lambda: _hit(strategy, limits, key))
                return wait
        return self._memory.hit(limits, key)


async def _hit(
    strategy: MovingWindowRateLimiter, limits: tuple[RateLimitItem, ...], key: Key
) -> float | None:
    if len(limits) > 1:
        for limit in limits:
            if not await strategy.test(limit, *key):
                return await _seconds(strategy, limit, key)
    for limit in limits:
        if not await strategy.hit(limit, *key):
            return await _seconds(strategy, limit, key)
    return None


async def _seconds(strategy: MovingWindowRateLimiter, limit: RateLimitItem, key: Key) -> float:
    stats = await strategy.get_window_stats(limit, *key)
    return max(0.0, min(stats.reset_time - time.time(), float(limit.get_expiry())))


def _in_redis(link: Link) -> MovingWindowRateLimiter:
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import MovingWindowRateLimiter

    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=f"{link.prefix}:limits",
        connection_pool=link.pool,
    )
    return MovingWindowRateLimiter(storage)
