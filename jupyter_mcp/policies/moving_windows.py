"""Moving windows: how often something happened in the last so many seconds.

The library ``limits`` does the counting and talks to Redis. Its own memory for asyncio starts a
task and two turns of a thread for each hit, so the memory here is ours: the same rule over the
times of the hits, of which only those are kept that still count.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from limits import RateLimitItem
from limits.aio.storage import MovingWindowSupport, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter

from jupyter_mcp.errors import ToolError

HITS = 500_000
"""How many hits are remembered in all (16 MB); the windows used longest ago are forgotten first."""

WINDOWS = 20_000
"""How many windows are remembered."""


class Link(Protocol):
    """A Redis that may be away; `jupyter_mcp.storage.redis.RedisLink` is one."""

    is_up: bool
    prefix: str
    pool: Any

    async def ask(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do `work` with Redis, or raise ToolError ``unavailable``."""
        ...


class MemoryWindows(Storage, MovingWindowSupport):
    """Windows of this process.

    Args:
        clock: Tells the time in seconds.
        hits: How many hits are remembered in all.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float] = time.monotonic, hits: int = HITS) -> None:
        super().__init__()
        self._clock = clock
        self._most = hits
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()
        self._hits = 0

    @property
    def hits(self) -> int:
        """How many hits are remembered."""
        return self._hits

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note `amount` hits, unless they would be more than `limit` in `expiry` seconds."""
        now = self._clock()
        window = self._recent(key, now - expiry)
        if len(window) + amount > limit:
            return False
        window.extend([now] * amount)
        self._hits += amount
        self._make_room(key)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the oldest hit that counts was, and how many count."""
        del limit
        now = self._clock()
        window = self._recent(key, now - expiry)
        return (window[0] if window else now), len(window)

    def _recent(self, key: str, since: float) -> deque[float]:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = deque()
            return window
        self._windows.move_to_end(key)
        while window and window[0] < since:
            window.popleft()
            self._hits -= 1
        return window

    def _make_room(self, used: str) -> None:
        while self._hits > self._most or len(self._windows) > WINDOWS:
            oldest = next(iter(self._windows))
            if oldest == used:
                return
            self._hits -= len(self._windows.pop(oldest))

    @property
    def base_exceptions(self) -> type[Exception]:
        """What can go wrong: nothing."""
        return ValueError

    async def clear(self, key: str) -> None:
        """Forget one window."""
        self._hits -= len(self._windows.pop(key, ()))

    async def reset(self) -> int:
        """Forget all."""
        forgotten = len(self._windows)
        self._windows.clear()
        self._hits = 0
        return forgotten

    async def check(self) -> bool:
        """Tell that it works."""
        return True

    async def get(self, key: str) -> int:
        """Return how many hits are remembered of a window."""
        return len(self._windows.get(key, ()))

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in fixed windows: not offered."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """Return when a fixed window ends: not offered."""
        raise NotImplementedError


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
        self._clock = clock
        self._memory = MovingWindowRateLimiter(MemoryWindows(clock))
        self._redis = None if link is None else _in_redis(link)

    async def hit(self, limits: tuple[RateLimitItem, ...], *key: str) -> float | None:
        """Note a hit in the windows of `limits`; return the seconds to wait when there is no room.

        With several limits a hit is noted only where all of them have room.
        """
        if self._link is not None and self._redis is not None and self._link.is_up:
            strategy = self._redis
            with contextlib.suppress(ToolError):  # it has just gone, and the link has said so
                wait: float | None = await self._link.ask(
                    lambda: _hit(strategy, time.time, limits, key)
                )
                return wait
        return await _hit(self._memory, self._clock, limits, key)


async def _hit(
    strategy: MovingWindowRateLimiter,
    clock: Callable[[], float],
    limits: tuple[RateLimitItem, ...],
    key: tuple[str, ...],
) -> float | None:
    if len(limits) > 1:
        for limit in limits:
            if not await strategy.test(limit, *key):
                return await _seconds(strategy, clock, limit, key)
    for limit in limits:
        if not await strategy.hit(limit, *key):
            return await _seconds(strategy, clock, limit, key)
    return None


async def _seconds(
    strategy: MovingWindowRateLimiter,
    clock: Callable[[], float],
    limit: RateLimitItem,
    key: tuple[str, ...],
) -> float:
    stats = await strategy.get_window_stats(limit, *key)
    return max(0.0, min(stats.reset_time - clock(), float(limit.get_expiry())))


def _in_redis(link: Link) -> MovingWindowRateLimiter:
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=f"{link.prefix}:limits",
        connection_pool=link.pool,
    )
    return MovingWindowRateLimiter(storage)
