"""Makes sandboxes: from the pool where one fits, else new; nothing is left of one that fails."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.process_marks import new_mark
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.sessions.ground import Ground
from jupyter_mcp.toolsets.sandboxes.sessions.known import Known
from jupyter_mcp.toolsets.sandboxes.sessions.pool import Member, Pool
from jupyter_mcp.toolsets.sandboxes.sessions.quota import Live
from jupyter_mcp.toolsets.sandboxes.sessions.store import Record
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Terms, Wish, grant, limits_of
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities, SandboxSpec

MEMBER_SECONDS = 3600.0
"""After how long a member of the pool ends that nobody claimed, whatever became of its server."""

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Engine:
    """The backend that was chosen."""

    name: str
    backend: Backend
    capabilities: Capabilities


class Making:
    """Makes sandboxes.

    Args:
        ground: What it stands on.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._undoing: set[str] = set()
        self.pool = Pool(self._member, ground.tasks, ground.settings.sandbox_pool)

    async def create(self, owner: str, wish: Wish, say: Say | None = None) -> Known:
        """Make a sandbox for somebody.

        Args:
            owner: The principal.
            wish: What it shall be.
            say: Told what is going on.

        Raises:
            ToolError: What `grant`, `Engines.choose`, `Quota.reserved` and the backend refuse.
        """
        ground = self._ground
        terms = grant(wish, ground.settings)
        if wish.snapshot:
            await ground.snapshots.get(wish.snapshot, owner)
        engine = _Engine(*await ground.engines.choose(terms.level))
        if wish.image and not engine.capabilities.has_images:
            raise _no_images(engine.capabilities)
        await ground.register.look_once(engine.name)
        await ground.engines.mark_used(engine.name)
        async with self.pool.in_use(engine.name):
            member = self._fitting(engine, terms)
            if member is not None:
                try:
                    return await self._within_quota(owner, terms, engine, member, say)
                except _LostMemberError:
                    pass
            return await self._within_quota(owner, terms, engine, None, say)

    def _fitting(self, engine: _Engine, terms: Terms) -> Member | None:
        return self.pool.take(engine.name, self._image(engine, terms)) if terms.is_plain else None

    async def _within_quota(
        self, owner: str, terms: Terms, engine: _Engine, member: Member | None, say: Say | None
    ) -> Known:
        """Make a sandbox if its owner may have one more."""
        ground, name = self._ground, terms.wish.name
        spec = self._spec(owner, terms, engine, member)
        ground.register.making.add(spec.id)
        is_begun = False
        try:
            async with ground.quota.reserved(owner, spec.id, name, self._live(owner)):
                is_begun = True
                known = await self._begun(spec, terms, engine, member, say)
                ground.register.add(known)
                return known
        finally:
            if spec.id not in self._undoing:
                ground.register.making.discard(spec.id)
            if member is not None and not is_begun:
                self.pool.put_back(member)

    async def _begun(
        self,
        spec: SandboxSpec,
        terms: Terms,
        engine: _Engine,
        member: Member | None,
        say: Say | None,
    ) -> Known:
        ground = self._ground
        if say is not None and member is None:
            await say(f"Making a sandbox ({engine.capabilities.isolation})")
        record = Record(
            terms.timeout,
            min(spec.created + terms.timeout, spec.expires),
            spec.expires,
            has_network=terms.wish.network,
            attached=1,
        )
        work = self._claimed(member, spec) if member else engine.backend.create(spec)
        creating = ground.tasks.spawn(f"create {spec.id}", _outcome(work))
        known: Known | None = None
        try:
            handle, _ = await asyncio.gather(
                asyncio.shield(creating), ground.records.put(spec.id, record, spec.created)
            )
            known = Known(engine.name, engine.backend, engine.capabilities, _made(handle), record)
            await ground.attaching.attach(known, member.link if member else None)
            if terms.wish.snapshot:
                if say is not None:
                    await say("Restoring files")
                assert known.link is not None  # noqa: S101 - it was attached above
                await ground.snapshots.restore(terms.wish.snapshot, spec.owner, known.link)
        except BaseException:
            self._undoing.add(spec.id)
            ground.tasks.spawn(f"undo {spec.id}", self._undo(spec, engine, creating, known))
            raise
        return known

    async def _claimed(self, member: Member, spec: SandboxSpec) -> Handle:
        """Give a member its owner while it wakes up."""
        backend = member.backend
        try:
            if not member.handle.is_paused:
                return await backend.claim(member.handle, spec)
            claimed = await backend.claim(member.handle, spec)
            await self._wake(member)
            return replace(claimed, is_paused=False)
        except ToolError as error:
            self._ground.tasks.spawn(f"discard {spec.id}", self._discard(member))
            raise _LostMemberError from error
        except BaseException:
            self._ground.tasks.spawn(f"discard {spec.id}", self._discard(member))
            raise

    async def _wake(self, member: Member) -> None:
        """Return when a member's agent answers, which an engine takes 3 ms longer to tell."""
        tasks, sandbox = self._ground.tasks, member.handle.spec.id
        resumed = tasks.spawn(f"resume {sandbox}", member.backend.resume(member.handle))
        answered = tasks.spawn(f"ping {sandbox}", member.link.ping())
        try:
            await asyncio.wait({resumed, answered}, return_when=asyncio.FIRST_COMPLETED)
            if not answered.done() or answered.exception() is not None:
                await resumed
                await answered
        finally:
            answered.cancel()

    def _live(self, owner: str) -> Live:
        register, engines = self._ground.register, self._ground.engines

        async def refresh() -> None:
            await register.refresh(await engines.used())

        return Live(lambda: register.of(owner), refresh)

    async def _undo(
        self,
        spec: SandboxSpec,
        engine: _Engine,
        creating: asyncio.Task[Handle | Exception],
        known: Known | None,
    ) -> None:
        """Remove what nobody waits for; until it is gone, nobody takes it for a sandbox."""
        try:
            made = await creating
            if known is not None:
                await self._ground.attaching.detach(known)
            await self._ground.records.forget(spec.id)
            if isinstance(made, Handle):
                await engine.backend.destroy(made)
        finally:
            self._undoing.discard(spec.id)
            self._ground.register.making.discard(spec.id)

    async def _discard(self, member: Member) -> None:
        await member.discard()

    def _spec(
        self, owner: str, terms: Terms, engine: _Engine, member: Member | None
    ) -> SandboxSpec:
        now = self._ground.clock()
        expires = now + self._ground.settings.sandbox_max_seconds
        if member is not None:
            return replace(
                member.handle.spec,
                owner=owner,
                name=terms.wish.name,
                created=now,
                expires=expires,
                is_member=False,
                timeout=terms.timeout,
                has_network=terms.wish.network,
            )
        return SandboxSpec(
            id=new_id(),
            owner=owner,
            namespace=self._ground.namespace,
            expires=expires,
            created=now,
            name=terms.wish.name,
            image=self._image(engine, terms),
            limits=terms.limits,
            mounts=terms.mounts,
            timeout=terms.timeout,
            has_network=terms.wish.network,
        )

    def _image(self, engine: _Engine, terms: Terms) -> str:
        return terms.image if engine.capabilities.has_images else ""

    async def _member(self, name: str) -> Member:
        """Make a sandbox that waits for its owner."""
        ground = self._ground
        backend = await ground.engines.backend(name)
        capabilities = await backend.probe()
        now = ground.clock()
        handle = await backend.create(
            SandboxSpec(
                id=new_id(),
                owner="",
                namespace=ground.namespace,
                expires=now + MEMBER_SECONDS,
                created=now,
                name=new_mark(),
                image=ground.settings.sandbox_image if capabilities.has_images else "",
                limits=limits_of(0, ground.settings),
                is_member=True,
            )
        )
        try:
            link = await ground.attaching.connect(backend, handle)
            if capabilities.can_pause:
                handle = await backend.pause(handle)
        except BaseException:
            ground.tasks.spawn(f"discard {handle.spec.id}", backend.destroy(handle))
            raise
        return Member(name, backend, capabilities, handle, link)


class _LostMemberError(Exception):
    """A member of the pool was gone, or broken, when somebody came for it."""


async def _outcome(work: Coroutine[Any, Any, Handle]) -> Handle | Exception:
    """Return what was made, or what was refused: whoever waits raises it."""
    try:
        return await work
    except (ToolError, _LostMemberError) as error:
        return error


def _made(found: Handle | Exception) -> Handle:
    if isinstance(found, Exception):
        raise found
    return found


def new_id() -> str:
    """Return an identifier that nobody guesses."""
    return f"sb-{secrets.token_hex(6)}"


def _no_images(capabilities: Capabilities) -> ToolError:
    return ToolError(
        "unsupported",
        f"Sandboxes by {capabilities.backend} run the host's programs and no image.",
        "Leave image out, or ask for isolation='container' where an engine runs.",
    )
