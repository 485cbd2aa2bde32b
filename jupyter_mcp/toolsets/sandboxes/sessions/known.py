"""The sandboxes that a server knows of, kept in step with the engines and with other servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.sessions.engines import Engines
from jupyter_mcp.toolsets.sandboxes.sessions.outfit import Worn
from jupyter_mcp.toolsets.sandboxes.sessions.quota import Quota
from jupyter_mcp.toolsets.sandboxes.sessions.session import Session
from jupyter_mcp.toolsets.sandboxes.sessions.store import Record, Records
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link

NEW_SECONDS = 10.0
"""For how long what is lost, and was never known, may be what another server is just making."""

SAVED_SHARE = 0.05
"""A use is told to other servers when it puts the end off by this share of the timeout."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Known:
    """A sandbox as this server holds it.

    Args:
        engine: The name of its backend in the settings.
        backend: Its backend.
        capabilities: What that really enforces.
        handle: How the backend finds it.
        record: Its promises.
        link: Its agent, when it is attached.
        worn: What came with the agent: variables and a way out.
        users: How much is going on inside, each of which keeps it from ending.
        lock: Held while it is attached, paused, resumed or destroyed.
        saved: The end of idleness that other servers know of.
    """

    engine: str
    backend: Backend
    capabilities: Capabilities
    handle: Handle
    record: Record
    link: Link | None = None
    worn: Worn | None = None
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    saved: float = 0.0

    @property
    def id(self) -> str:
        """Its identifier."""
        return self.handle.spec.id

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.handle.spec.owner

    @property
    def is_attached(self) -> bool:
        """Whether its agent is connected to this server."""
        return self.link is not None and not self.link.is_closed and not self.handle.is_lost

    def grace(self) -> float:
        """How many seconds later than it is known here its idleness may end: it may be in use."""
        return 0.0 if self.is_attached else SAVED_SHARE * self.record.timeout

    def session(self) -> Session:
        """Return it as its owner sees it."""
        record, is_paused = self.record, self.record.paused is not None
        return Session(
            handle=self.handle,
            capabilities=self.capabilities,
            idle_ends=None if is_paused else record.idle_ends,
            ends=None if is_paused else record.ends,
            timeout=record.timeout,
            has_network=record.has_network,
            status="paused" if is_paused else "running" if self.is_attached else "detached",
            reattached=record.attached > 1,
            is_full=record.is_full,
            is_bare=self.link is not None and not self.link.hello.python,
        )


class Register:
    """All sandboxes that this server knows of.

    Args:
        engines: The backends.
        records: What is remembered of sessions.
        quota: Slots and names.
        namespace: Which servers share sandboxes.
        clock: Tells the time.
        timeout: Seconds without use for a session that the store forgot.
    """

    def __init__(
        self,
        engines: Engines,
        records: Records,
        quota: Quota,
        *,
        namespace: str,
        clock: Callable[[], float],
        timeout: float,
    ) -> None:
        self._engines = engines
        self._records = records
        self._quota = quota
        self._namespace = namespace
        self._clock = clock
        self._timeout = timeout
        self._known: dict[str, Known] = {}
        self._looked: set[str] = set()
        self._dropped: set[str] = set()
        self._looking = asyncio.Lock()
        self.making: set[str] = set()
        self.on_gone: Callable[[Known], Awaitable[None]] | None = None

    def __iter__(self) -> Iterator[Known]:
        return iter(list(self._known.values()))

    def add(self, known: Known) -> None:
        """Keep a sandbox that was made here."""
        known.saved = known.record.idle_ends
        self._known[known.id] = known

    async def tell_gone(self, known: Known) -> None:
        """Have whoever holds a sandbox let go of it: it is not on its engine any more."""
        if self.on_gone is not None:
            await self.on_gone(known)

    def drop(self, sandbox_id: str) -> None:
        """Forget a sandbox that is no more."""
        self._known.pop(sandbox_id, None)
        self._dropped.add(sandbox_id)

    def get(self, sandbox_id: str) -> Known | None:
        """Return a sandbox by its identifier."""
        return self._known.get(sandbox_id)

    def of(self, owner: str) -> dict[str, str]:
        """Return somebody's sandboxes and their names."""
        return {each.id: each.handle.spec.name for each in self if each.owner == owner}

    def named(self, sandbox: str, owner: str | None) -> Known | None:
        """Return a sandbox by identifier or name, among those of an owner or, for None, of all.

        Raises:
            ToolError: ``conflict`` when several people's have the name.
        """
        known = self._known.get(sandbox)
        if known is not None:
            return known if owner in {None, known.owner} else None
        found = [
            each
            for each in self
            if each.handle.spec.name == sandbox and owner in {None, each.owner} and sandbox
        ]
        if len(found) > 1:
            raise ToolError(
                "conflict",
                f"Several people have a sandbox with the name '{sandbox[:80]}'.",
                f"Use the identifier: {', '.join(each.id for each in found[:5])}.",
            )
        return found[0] if found else None

    async def look_once(self, engine: str) -> None:
        """Learn what there is on an engine, unless that was done before."""
        if engine not in self._looked:
            async with self._looking:
                if engine not in self._looked:
                    await self._look(engine)

    async def refresh(self, engines: Iterable[str]) -> list[tuple[str, Handle]]:
        """Learn what there is now, and return the members of pools with their engines.

        An engine that cannot be reached is passed over: what is known of it stays.
        """
        members: list[tuple[str, Handle]] = []
        async with self._looking:
            for engine in engines:
                try:
                    members += [(engine, handle) for handle in await self._look(engine)]
                except ToolError as error:
                    _log.debug("Sandboxes on %s cannot be listed: %s", engine, error)
        return members

    async def _look(self, engine: str) -> list[Handle]:
        backend = await self._engines.backend(engine)
        capabilities = await backend.probe()
        before = {each.id for each in self if each.engine == engine}
        self._dropped.clear()
        handles = [
            each for each in await backend.list(self._namespace) if not self._is_passing(each)
        ]
        self._looked.add(engine)
        for handle in handles:
            spec = handle.spec
            if spec.is_member or spec.id in self.making:
                continue
            known = self._known.get(spec.id)
            if known is None:
                await self._adopt(engine, backend, capabilities, handle)
            elif not known.lock.locked():
                await self._follow(known, handle)
        for gone in before - {handle.spec.id for handle in handles}:
            lost = self._known.get(gone)
            if lost is not None and not lost.lock.locked():
                await self.tell_gone(lost)
        return [handle for handle in handles if handle.spec.is_member]

    def _is_passing(self, handle: Handle) -> bool:
        """Whether a sandbox was destroyed while the engine listed it, or is just being made."""
        spec = handle.spec
        is_new = self._clock() < spec.created + NEW_SECONDS
        unknown = spec.id not in self._known
        return spec.id in self._dropped or (handle.is_lost and is_new and unknown)

    async def _adopt(
        self, engine: str, backend: Backend, capabilities: Capabilities, handle: Handle
    ) -> None:
        """Take in a sandbox of another server or of an earlier one."""
        spec, now = handle.spec, self._clock()
        record = await self._records.get(spec.id)
        if record is None:
            record = self._made_again(handle, now)
            await self._quota.restore(spec.owner, spec.id, spec.name)
            await self._records.put(spec.id, record, now)
        known = Known(engine, backend, capabilities, handle, _agreeing(record, handle, now))
        if spec.id not in self._known and spec.id not in self.making:
            self.add(known)

    async def _follow(self, known: Known, handle: Handle) -> None:
        """Take over what other servers did with a sandbox."""
        stored, now = await self._records.get(known.id), self._clock()
        if known.lock.locked():
            return
        known.handle = handle
        record = known.record
        if stored is not None:
            record = _merged(record, stored, handle, is_ours=known.is_attached)
        known.record = _agreeing(record, handle, now)

    def _made_again(self, handle: Handle, now: float) -> Record:
        spec = handle.spec
        timeout, ends = spec.timeout or self._timeout, spec.expires
        record = Record(
            timeout, min(now + timeout, ends), ends, has_network=spec.has_network, attached=1
        )
        if handle.is_paused:  # since when, nobody knows
            left = max(timeout, ends - now)
            return replace(record, paused=now, idle_ends=timeout, ends=left)
        return record


def _merged(ours: Record, stored: Record, handle: Handle, *, is_ours: bool) -> Record:
    """Return what holds when two servers used a sandbox: the later end of each."""
    if (ours.paused is None) != (stored.paused is None):
        if handle.is_lost:
            return stored
        return stored if (stored.paused is not None) == handle.is_paused else ours
    if ours.paused is not None:
        return stored
    return replace(
        stored,
        idle_ends=max(ours.idle_ends, stored.idle_ends),
        ends=max(ours.ends, stored.ends),
        busy=max(ours.busy, stored.busy),
        attached=max(ours.attached, stored.attached),
        is_full=ours.is_full if is_ours else stored.is_full,
    )


def _agreeing(record: Record, handle: Handle, now: float) -> Record:
    """Return a record that says of pausing what the engine says, as long as it knows."""
    if handle.is_lost:
        return record
    return record.stopped(now) if handle.is_paused else record.going(now)
