"""The service of sandboxes: sessions on backends, with limits, a pool and a reaper."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.sql_store import namespace_of
from jupyter_mcp.toolsets.sandboxes.sessions.attaching import Attaching
from jupyter_mcp.toolsets.sandboxes.sessions.engines import Engines
from jupyter_mcp.toolsets.sandboxes.sessions.ground import Ground
from jupyter_mcp.toolsets.sandboxes.sessions.holding import Holding
from jupyter_mcp.toolsets.sandboxes.sessions.known import Known, Register
from jupyter_mcp.toolsets.sandboxes.sessions.making import Making
from jupyter_mcp.toolsets.sandboxes.sessions.outfit import Outfit
from jupyter_mcp.toolsets.sandboxes.sessions.quota import Quota
from jupyter_mcp.toolsets.sandboxes.sessions.reaper import INTERVAL_SECONDS, Reaper
from jupyter_mcp.toolsets.sandboxes.sessions.session import Session
from jupyter_mcp.toolsets.sandboxes.sessions.snapshots import Snapshot, Snapshots
from jupyter_mcp.toolsets.sandboxes.sessions.store import Records, Store
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from jupyter_mcp.toolsets.sandboxes.sizes import bytes_of
from jupyter_mcp.workplace import Place

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link


class Sandboxes:
    """All sandboxes that this server knows.

    Args:
        host: What the runtime offers (`jupyter_mcp.calls.toolset.Host`).
        clock: Tells the time.
        interval: Seconds between two rounds of the reaper.
    """

    def __init__(
        self,
        host: Any,
        clock: Callable[[], float] = time.time,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        settings = host.settings

        def store() -> Store:  # Redis takes the place of the database when the server has started
            found: Store = host.trust.shared.store
            return found

        engines = Engines(settings, host.state, host.executor, host.tasks, store)
        records, quota = Records(store), Quota(store, settings.sandbox_limit)
        namespace = namespace_of(host.state)
        self.ground = Ground(
            settings=settings,
            namespace=namespace,
            clock=clock,
            tasks=host.tasks,
            engines=engines,
            register=Register(
                engines,
                records,
                quota,
                namespace=namespace,
                clock=clock,
                timeout=settings.sandbox_seconds,
            ),
            records=records,
            quota=quota,
            attaching=Attaching(
                Outfit(settings, lambda: host.trust.secrets, host.tasks), host.tasks
            ),
            snapshots=Snapshots(host.state, host.executor, clock, bytes_of(settings.sandbox_disk)),
        )
        self.holding = Holding(self.ground)
        self.making = Making(self.ground)
        self.reaper = Reaper(self.ground, self.making, self.holding, interval)
        self._reaping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after sandboxes, in the background."""
        self._reaping = self.ground.tasks.spawn("sandbox reaper", self.reaper.run())

    async def stop(self) -> None:
        """Let go: members of the pool are destroyed, sandboxes stay, what runs in them ends."""
        self.reaper.stop()
        if self._reaping is not None:
            self._reaping.cancel()
            await asyncio.gather(self._reaping, return_exceptions=True)
        await self.making.stop()
        for known in self.ground.register:
            await self.holding.save(known)
            await self.ground.attaching.detach(known)
        await self.ground.engines.stop()

    def on_end(self, callback: Callable[[str], None]) -> None:
        """Have `callback` told the identifier of each sandbox that, or whose agent, is gone."""
        self.ground.attaching.on_end(callback)

    async def create(
        self, owner: str, wish: Wish, say: Callable[[str], Awaitable[None]] | None = None
    ) -> Session:
        """Make a sandbox.

        Args:
            owner: Identifier of the principal.
            wish: What it shall be.
            say: Told what is going on, for a person who waits.

        Raises:
            ToolError: ``limit_reached``, ``conflict`` for a name in use, ``forbidden``,
                ``not_found`` for an image or a snapshot, ``unavailable``.
        """
        return (await self.making.create(owner, wish, say)).session()

    async def list_snapshots(self, owner: str | None) -> list[Snapshot]:
        """Return somebody's snapshots, or everybody's for None, the newest first."""
        return await self.ground.snapshots.of(owner)

    async def list(self, owner: str | None) -> list[Session]:
        """Return somebody's sandboxes, or everybody's for None, the oldest first."""
        ground = self.ground
        await ground.register.refresh(await ground.engines.used())
        for known in ground.register:
            if reason := self.holding.reason_to_end(known):
                await self.holding.end(known, reason)
        found = [each for each in ground.register if owner in {None, each.owner}]
        found.sort(key=lambda each: (each.handle.spec.created, each.id))
        return [each.session() for each in found]

    async def get(self, sandbox: str, owner: str | None) -> Session:
        """Return a sandbox by identifier or name; looking at it is no use of it.

        Raises:
            ToolError: ``not_found``.
        """
        return (await self.holding.find(sandbox, owner)).session()

    async def extend(self, sandbox: str, owner: str | None, seconds: float) -> Session:
        """Put the end off to so many seconds from now, up to the absolute limit.

        Raises:
            ToolError: ``not_found``, ``conflict`` while it is paused.
        """
        known = await self.holding.running(sandbox, owner)
        known.record = known.record.extended(self.ground.clock(), seconds)
        await self.holding.save(known)
        return known.session()

    async def pause(self, sandbox: str, owner: str | None) -> Session:
        """Freeze a sandbox and stop its clocks; one that is paused already stays so.

        Raises:
            ToolError: ``not_found``, ``unsupported`` where a backend cannot freeze.
        """
        known = await self._as_it_is(sandbox, owner)
        if not known.capabilities.can_pause:
            raise ToolError(
                "unsupported",
                f"Sandboxes by {known.capabilities.backend} cannot be paused.",
                "Take a snapshot (sandbox_snapshot) and destroy it, or extend it.",
            )
        async with known.lock:
            if known.record.paused is None:
                await self.holding.revive(known)
                known.handle = await known.backend.pause(known.handle)
                known.record = known.record.stopped(self.ground.clock())
                await self.holding.save(known)
        return known.session()

    async def resume(self, sandbox: str, owner: str | None) -> Session:
        """Let a paused sandbox go on, with the time that was left.

        Raises:
            ToolError: ``not_found``.
        """
        known = await self._as_it_is(sandbox, owner)
        async with known.lock:
            if known.record.paused is not None:
                await self.holding.revive(known)
                known.handle = await known.backend.resume(known.handle)
                known.record = known.record.going(self.ground.clock())
                await self.holding.save(known)
        return known.session()

    async def snapshot(self, sandbox: str, owner: str | None) -> Snapshot:
        """Keep the files of a sandbox's workspace.

        Raises:
            ToolError: ``not_found``, ``conflict`` while it is paused, ``too_large``.
        """
        known = await self.holding.find(sandbox, owner)
        async with self.using(known.id, None) as link:
            return await self.ground.snapshots.take(link, known.handle.spec)

    async def destroy(self, sandbox: str, owner: str | None) -> Session:
        """Destroy a sandbox with all its files, and return what it was.

        Raises:
            ToolError: ``not_found``.
        """
        known = await self.holding.find(sandbox, owner)
        await self.holding.end(known, "It was destroyed.")
        return known.session()

    async def _as_it_is(self, sandbox: str, owner: str | None) -> Known:
        """Return a sandbox as its engine has it now, which may have been started anew."""
        known = await self.holding.find(sandbox, owner)
        await self.ground.register.refresh([known.engine])
        return await self.holding.find(known.id, owner)

    async def link(self, sandbox: str, owner: str | None) -> Link:
        """Return the agent of a sandbox, attached again if need be; that is a use of it.

        Raises:
            ToolError: ``not_found``, ``conflict`` while it is paused, ``unavailable``.
        """
        return await self.holding.link(await self.holding.running(sandbox, owner))

    @asynccontextmanager
    async def using(self, sandbox: str, owner: str | None) -> AsyncIterator[Link]:
        """Keep a sandbox from ending for want of use while something runs in it."""
        known = await self.holding.running(sandbox, owner)
        link = await self.holding.link(known)
        known.users += 1
        try:
            yield link
        finally:
            known.users -= 1
            self.holding.rest(known)

    async def place(self, sandbox: str, owner: str | None) -> Place:
        """Return the files and commands of a sandbox; that is a use of it.

        Raises:
            ToolError: As `link`.
        """
        from jupyter_mcp.toolsets.sandboxes.places.bare import BareLink
        from jupyter_mcp.toolsets.sandboxes.places.full import FullPlace
        from jupyter_mcp.toolsets.sandboxes.places.place import SandboxPlace

        known = await self.holding.running(sandbox, owner)
        if known.record.is_full:
            await self.reaper.look_at_disk(known)
        link = await self.holding.link(known)
        if isinstance(link, BareLink):
            return link.full_place if known.record.is_full else link.place
        return FullPlace(link, known.id) if known.record.is_full else SandboxPlace(link, known.id)
