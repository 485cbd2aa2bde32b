"""How much one principal may ask for: so often in a while, and so many things at once.

Each tool is counted for itself, by the first limit whose glob fits its name. Calls that a tool
makes are counted as a client's own are, or else one tool could be used to call another without
end; but they never wait for a turn, because the call they belong to holds one already. Neither
does what only looks, and what changes nothing when repeated: interrupting, cancelling and reading
work however much else is going on.

Limits are read when a call first comes to which they may apply. The owner, who has none by default,
then never pays for the library ``limits``, which costs 25 ms and 1.4 MiB.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.bulkhead import Bulkhead
from jupyter_mcp.policies.deadline import granted
from jupyter_mcp.policies.moving_windows import Link, MovingWindows
from jupyter_mcp.security.signals import Signals

if TYPE_CHECKING:
    from limits import RateLimitItem

DEFAULT = "6000/minute"
"""What stands for a limit that cannot be read: none at all would be what nobody meant."""

OWNERS = frozenset({"owner", "person"})
"""The kinds of principals that the owner's limits are for."""

Pairs = Sequence[tuple[str, str]]
Rules = tuple[tuple[str, "tuple[RateLimitItem, ...]"], ...]

_log = logging.getLogger(__name__)


class LimitSettings(Protocol):
    """The settings that this policy reads; `jupyter_mcp.config.Settings` has them."""

    @property
    def rate_limits(self) -> Pairs:
        """Globs and limits for everybody but the owner."""
        ...

    @property
    def owner_rate_limits(self) -> Pairs:
        """Globs and limits for the owner."""
        ...

    @property
    def max_running(self) -> int:
        """How many calls of one principal run at once."""
        ...

    @property
    def max_waiting(self) -> int:
        """How many more may wait."""
        ...


class Limit:
    """The policy.

    Args:
        settings: The limits.
        signals: Where refusals are told.
        clock: Tells the time in seconds, for what is counted in this process.
    """

    def __init__(
        self,
        settings: LimitSettings,
        signals: Signals,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._problems: list[str] = []
        self._rules: dict[bool, Rules] = {}
        self._fitting: dict[tuple[bool, str], tuple[RateLimitItem, ...]] = {}
        self._most = settings.max_running
        self._waiting = settings.max_waiting
        self._clock = clock
        self._windows = MovingWindows(None, clock)
        self._bulkheads: dict[str, Bulkhead] = {}
        self._signals = signals

    def share(self, link: Link | None) -> None:
        """Count in Redis together with other servers, while it is there."""
        self._windows = MovingWindows(link, self._clock)

    @property
    def problems(self) -> list[str]:
        """The limits that cannot be read."""
        for is_owner in (True, False):
            self._rules_of(is_owner)
        return self._problems

    @property
    def bulkheads(self) -> dict[str, tuple[int, int]]:
        """How many calls run and how many wait, by principal; for diagnostics."""
        return {
            who: (bulkhead.running, bulkhead.waiting) for who, bulkhead in self._bulkheads.items()
        }

    async def __call__(self, call: Call, following: Following) -> Result:
        """Let a call pass in its turn, or refuse it with ``rate_limited`` or ``busy``."""
        operation = call.operation
        limits = self._limits(call.principal.kind in OWNERS, operation.name)
        if limits:
            await self._check(call, limits)
        if operation.read_only or operation.idempotent or call.parent:
            return await following(call)
        return await self._in_turn(call, following)

    async def _check(self, call: Call, limits: tuple[RateLimitItem, ...]) -> None:
        operation, who = call.operation, call.principal.id
        wait = await self._windows.hit(limits, who, operation.kind, operation.name)
        if wait is None:
            return
        seconds = max(1, math.ceil(wait))
        told = "; ".join(str(limit) for limit in limits)
        self._refused(call, "rate")
        raise ToolError(
            "rate_limited",
            f"'{operation.name}' was called too often: {told} is the limit.",
            f"Try again in {seconds} s.",
            data={"retry_after": seconds},
        )

    async def _in_turn(self, call: Call, following: Following) -> Result:
        who = call.principal.id
        bulkhead = self._bulkheads.get(who)
        if bulkhead is None:
            bulkhead = self._bulkheads[who] = Bulkhead(self._most, self._waiting, self._clock)
        try:
            began = bulkhead.begin() if bulkhead.is_free else await self._wait(call, bulkhead)
            try:
                return await following(call)
            finally:
                bulkhead.end(began)
        finally:
            if bulkhead.is_empty:
                self._bulkheads.pop(who, None)

    async def _wait(self, call: Call, bulkhead: Bulkhead) -> float:
        asked = self._clock()
        try:
            async with granted(call):
                began = await bulkhead.wait()
        except ToolError as error:
            if error.code == "busy":
                self._refused(call, "queue")
            raise
        call.notes["waited"] = round(began - asked, 3)
        return began

    def _refused(self, call: Call, reason: str) -> None:
        who, name = call.principal.id, call.operation.name
        self._signals.note(
            "rate_limited", principal=who, client=call.client, operation=name, reason=reason
        )

    def _limits(self, is_owner: bool, name: str) -> tuple[RateLimitItem, ...]:
        key = (is_owner, name)
        found = self._fitting.get(key)
        if found is None:
            fitting = (
                limits for glob, limits in self._rules_of(is_owner) if fnmatchcase(name, glob)
            )
            found = self._fitting[key] = next(fitting, ())
        return found

    def _rules_of(self, is_owner: bool) -> Rules:
        found = self._rules.get(is_owner)
        if found is None:
            settings = self._settings
            if is_owner:
                found = self._read("owner_rate_limits", settings.owner_rate_limits)
            else:
                found = self._read("rate_limits", settings.rate_limits)
            self._rules[is_owner] = found
        return found

    def _read(self, setting: str, pairs: Iterable[tuple[Any, Any]]) -> Rules:
        return tuple((str(glob), self._parse(setting, glob, text)) for glob, text in pairs)

    def _parse(self, setting: str, glob: Any, text: Any) -> tuple[RateLimitItem, ...]:
        from limits import parse_many

        try:
            return tuple(parse_many(text))
        except ValueError:
            problem = (
                f"JupyterMCP.{setting}: '{text}' for '{glob}' is no limit such as '100/minute'; "
                f"{DEFAULT} is taken."
            )
            _log.warning(problem)
            self._problems.append(problem)
            return tuple(parse_many(DEFAULT))
