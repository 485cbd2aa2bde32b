"""What is remembered of a session beside what its engine knows: until when, and for how long.

It lies in the store that servers share and is a cache: an engine's labels are the truth about which
sandboxes there are, when they end at the latest and after how long without use. What is lost is
made again from them. While the store cannot be reached a server goes on with what it has in memory.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError

SPACE = "sandbox"

MARGIN_SECONDS = 30 * 86_400.0
"""For how long an entry is kept at least: longer than any pause."""

ENDED_SECONDS = 86_400.0
"""For how long is known why a sandbox ended."""

_log = logging.getLogger(__name__)


class Store(Protocol):
    """Expiring values (`jupyter_mcp.storage.sql_store.SqlStore`, or Redis)."""

    async def get(self, space: str, key: str) -> bytes | None:
        """Return a value."""
        ...

    async def set(self, space: str, key: str, value: bytes, seconds: float) -> None:
        """Keep a value."""
        ...

    async def set_if_absent(self, space: str, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value unless there is one."""
        ...

    async def delete(self, space: str, key: str, value: bytes | None = None) -> bool:
        """Take a value out, or only just that one."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """The promises of a session.

    Args:
        timeout: Seconds without use after which it ends.
        idle_ends: Unix time of that end; while paused the seconds that are left.
        ends: Unix time of the absolute end; while paused the seconds that are left.
        has_network: Whether the egress proxy lets something out.
        paused: Unix time since when both clocks stand still; None while they run.
        attached: How often an agent was attached by any server.
        busy: Unix time until which something runs in it, for all that is known.
        is_full: Whether its workspace holds more than it may.
    """

    timeout: float
    idle_ends: float
    ends: float
    has_network: bool = False
    paused: float | None = None
    attached: int = 0
    busy: float = 0.0
    is_full: bool = False

    def used(self, now: float) -> Record:
        """Return it after a use, which keeps it for its timeout."""
        later = min(now + self.timeout, self.ends)
        return self if later <= self.idle_ends else replace(self, idle_ends=later)

    def extended(self, now: float, seconds: float) -> Record:
        """Return it with its end put off to `seconds` from now, within the absolute limit."""
        return replace(self, idle_ends=min(max(self.idle_ends, now + seconds), self.ends))

    def stopped(self, now: float) -> Record:
        """Return it with both clocks stopped."""
        if self.paused is not None:
            return self
        idle, left = max(0.0, self.idle_ends - now), max(0.0, self.ends - now)
        return replace(self, paused=now, idle_ends=idle, ends=left)

    def going(self, now: float) -> Record:
        """Return it with both clocks running, from what was left."""
        if self.paused is None:
            return self
        ends = now + self.ends
        # resuming is a use, and gives at least its timeout within the absolute limit
        return replace(
            self, paused=None, ends=ends, idle_ends=min(now + max(self.idle_ends, 1.0), ends)
        )

    @property
    def expires(self) -> float | None:
        """Unix time at which it ends; None while paused."""
        return None if self.paused is not None else min(self.idle_ends, self.ends)

    def to_bytes(self) -> bytes:
        """Return it as the store keeps it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Record | None:
        """Return what the store kept; None for what is no record, as after a change of version."""
        try:
            found: Any = json.loads(data)
            return cls(**found)
        except (ValueError, TypeError):
            return None


class Records:
    """The sessions' records in the store.

    Args:
        store: Returns the store; which one is known only when the server has started.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._told = False

    async def get(self, sandbox_id: str) -> Record | None:
        """Return a record; None when there is none, or the store cannot be reached."""
        try:
            found = await self._store().get(SPACE, f"session:{sandbox_id}")
        except ToolError as error:
            self._tell(error)
            return None
        self._told = False
        return None if found is None else Record.from_bytes(found)

    async def put(self, sandbox_id: str, record: Record, now: float) -> None:
        """Keep a record."""
        left = record.ends if record.paused is not None else record.ends - now
        seconds = max(0.0, left) + MARGIN_SECONDS
        try:
            await self._store().set(SPACE, f"session:{sandbox_id}", record.to_bytes(), seconds)
        except ToolError as error:
            self._tell(error)

    async def forget(self, sandbox_id: str) -> None:
        """Forget a record of what never came to be."""
        with suppress(ToolError):
            await self._store().delete(SPACE, f"session:{sandbox_id}")

    async def end(self, sandbox_id: str, owner: str, reason: str) -> None:
        """Forget a record, and remember for a day why there is none."""
        told = json.dumps([owner, reason]).encode()
        try:
            await self._store().delete(SPACE, f"session:{sandbox_id}")
            await self._store().set(SPACE, f"ended:{sandbox_id}", told, ENDED_SECONDS)
        except ToolError as error:
            self._tell(error)

    async def reason(self, sandbox_id: str, owner: str | None) -> str:
        """Return why somebody's sandbox has ended; empty when that is not known."""
        try:
            found = await self._store().get(SPACE, f"ended:{sandbox_id}")
            whose, reason = json.loads(found) if found else ("", "")
        except (ToolError, ValueError):
            return ""
        return str(reason) if owner in {None, whose} else ""

    def _tell(self, error: ToolError) -> None:
        if not self._told:
            _log.warning("Sandboxes go on without the store: %s", error.message)
        self._told = True
