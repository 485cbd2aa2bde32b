"""Makes sandboxes: from the pool where one fits, else new; nothing is left of one that fails."""

from __future__ import annotations

import asyncio
import logging
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

_log = logging.getLogger(__name__)

Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Engine:
    """The backend that was chosen."""

    name: str
    backend: Backend
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class _Claim:
    """A member of the pool that was taken for somebody.

    Args:
        member: The member.
        waking: Ends when the engine has let it go on.
    """

    member: Member
    waking: asyncio.Task[Handle]


class Making:
    """Makes sandboxes.

    Args:
        ground: What it stands on.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._undoing: set[str] = set()
        self._settling: set[asyncio.Task[None]] = set()
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
            claim = self._claim(engine, terms)
            if claim is not None:
                try:
                    return await self._within_quota(owner, terms, engine, claim, say)
                except _LostMemberError:
                    pass
            return await self._within_quota(owner, terms, engine, None, say)

    async def stop(self) -> None:
        """Destroy what waits in the pool and write down whose the rest is."""
        await self.pool.stop()
        if self._settling:
            await asyncio.wait(self._settling)

    def _claim(self, engine: _Engine, terms: Terms) -> _Claim | None:
        """Take a member of the pool, if one fits, and begin at once to wake it up."""
        image = self._image(engine, terms)
        member = self.pool.take(engine.name, image) if terms.is_plain else None
        if member is None:
            return None
        waking = self._ground.tasks.spawn(f"wake {member.handle.spec.id}", _awake(member))
        return _Claim(member, waking)

    async def _within_quota(
        self, owner: str, terms: Terms, engine: _Engine, claim: _Claim | None, say: Say | None
    ) -> Known:
        """Make a sandbox if its owner may have one more."""
        ground, name = self._ground, terms.wish.name
        spec = self._spec(owner, terms, engine, claim)
        ground.register.making.add(spec.id)
        is_begun = False
        try:
            async with ground.quota.reserved(owner, spec.id, name, self._live(owner)):
                is_begun = True
                known = await self._begun(spec, terms, engine, claim, say)
                await known.lock.acquire()  # nobody else has it yet
                ground.register.add(known)
        finally:
            if spec.id not in self._undoing:
                ground.register.making.discard(spec.id)
            if claim is not None and not is_begun:
                ground.tasks.spawn(f"put back {spec.id}", self._put_back(claim))
        settling = ground.tasks.spawn(f"settle {spec.id}", self._settle(known, claim))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)
        return known

    async def _begun(
        self,
        spec: SandboxSpec,
        terms: Terms,
        engine: _Engine,
        claim: _Claim | None,
        say: Say | None,
    ) -> Known:
        ground = self._ground
        if say is not None and claim is None:
            await say(f"Making a sandbox ({engine.capabilities.isolation})")
        record = Record(
            terms.timeout,
            min(spec.created + terms.timeout, spec.expires),
            spec.expires,
            has_network=terms.wish.network,
            attached=1,
        )
        work = self._woken(claim, spec, record) if claim else self._started(engine, spec, record)
        beginning = ground.tasks.spawn(f"create {spec.id}", _outcome(work))
        try:
            begun, _ = await asyncio.gather(
                asyncio.shield(beginning), ground.records.put(spec.id, record, spec.created)
            )
            known = _made(begun)
            if terms.wish.snapshot:
                if say is not None:
                    await say("Restoring files")
                assert known.link is not None  # noqa: S101 - it was attached above
                await ground.snapshots.restore(terms.wish.snapshot, spec.owner, known.link)
        except BaseException:
            self._undoing.add(spec.id)
            ground.tasks.spawn(f"undo {spec.id}", self._undo(spec, beginning))
            raise
        return known

    async def _started(self, engine: _Engine, spec: SandboxSpec, record: Record) -> Known:
        """Start a sandbox and its agent."""
        handle = await engine.backend.create(spec)
        known = Known(engine.name, engine.backend, engine.capabilities, handle, record)
        try:
            await self._ground.attaching.attach(known)
        except BaseException:
            await engine.backend.destroy(handle)
            raise
        return known

    async def _woken(self, claim: _Claim, spec: SandboxSpec, record: Record) -> Known:
        """Give a member's agent its owner; it answers 3 ms before the engine says it is awake."""
        member, tasks = claim.member, self._ground.tasks
        handle = replace(member.handle, spec=spec, is_paused=False)
        known = Known(member.engine, member.backend, member.capabilities, handle, record)
        attaching = self._ground.attaching.attach(known, member.link)
        attached = tasks.spawn(f"attach {spec.id}", attaching)
        try:
            await asyncio.wait({claim.waking, attached}, return_when=asyncio.FIRST_COMPLETED)
            if not attached.done():
                await claim.waking
            await attached
        except BaseException as error:
            attached.cancel()
            tasks.spawn(f"discard {spec.id}", self._discard(claim))
            if isinstance(error, ToolError):
                raise _LostMemberError from error
            raise
        return known

    async def _settle(self, known: Known, claim: _Claim | None) -> None:
        """Write down whose a sandbox is; its lock is held, so whatever ends it waits.

        An engine gives a container its new name in 5 ms, which its owner need not wait for.
        """
        try:
            if claim is None or await self._is_claimed(known, claim):
                await self._ground.quota.settle(known.id)
        finally:
            known.lock.release()

    async def _is_claimed(self, known: Known, claim: _Claim) -> bool:
        """Have a member's engine know its owner; let go of one that is lost meanwhile."""
        try:
            await known.backend.claim(claim.member.handle, known.handle.spec)
        except ToolError as error:
            _log.warning("Sandbox %s was lost before it had an owner: %s", known.id, error)
            await self._ground.register.tell_gone(known)
            self._ground.tasks.spawn(f"discard {known.id}", self._discard(claim))
            return False
        return True

    async def _put_back(self, claim: _Claim) -> None:
        """Have a member wait on that was given to nobody; it stays awake."""
        try:
            handle = await claim.waking
        except ToolError:
            await claim.member.discard()
        else:
            self.pool.put_back(replace(claim.member, handle=handle))

    def _live(self, owner: str) -> Live:
        register, engines = self._ground.register, self._ground.engines

        async def refresh() -> None:
            await register.refresh(await engines.used())

        return Live(lambda: register.of(owner), refresh)

    async def _undo(self, spec: SandboxSpec, beginning: asyncio.Task[Known | Exception]) -> None:
        """Remove what nobody waits for; until it is gone, nobody takes it for a sandbox."""
        try:
            begun = await beginning
            await self._ground.records.forget(spec.id)
            if isinstance(begun, Known):
                await self._ground.attaching.detach(begun)
                await begun.backend.destroy(begun.handle)
        finally:
            self._undoing.discard(spec.id)
            self._ground.register.making.discard(spec.id)

    async def _discard(self, claim: _Claim) -> None:
        await asyncio.wait({claim.waking})
        await claim.member.discard()

    def _spec(self, owner: str, terms: Terms, engine: _Engine, claim: _Claim | None) -> SandboxSpec:
        now = self._ground.clock()
        expires = now + self._ground.settings.sandbox_max_seconds
        if claim is not None:
            return replace(
                claim.member.handle.spec,
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


async def _awake(member: Member) -> Handle:
    """Wake a member up that is frozen."""
    return await member.backend.resume(member.handle) if member.handle.is_paused else member.handle


async def _outcome(work: Coroutine[Any, Any, Known]) -> Known | Exception:
    """Return what was made, or what was refused: whoever waits raises it."""
    try:
        return await work
    except (ToolError, _LostMemberError) as error:
        return error


def _made(found: Known | Exception) -> Known:
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
