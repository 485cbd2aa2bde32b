"""Sandboxes themselves: create, list, extend, pause, resume, snapshot, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.security.moments import in_utc
from jupyter_mcp.toolsets.sandboxes.sizes import bytes_of, size_of
from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxId, SandboxToolset

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.sessions.engines import Surveyed
    from jupyter_mcp.toolsets.sandboxes.sessions.session import Session
    from jupyter_mcp.toolsets.sandboxes.sessions.snapshots import Snapshot

DETACHED = (
    "Its agent is not connected to this server; the next use connects it. Files are kept; what ran "
    "inside ended with its connection."
)
REATTACHED = "Its agent was connected again: files were kept, what ran before has ended."
FULL = "Its workspace holds more than it may: delete files before writing others."
BARE = (
    "Its image has no python3: files and commands work, more slowly; terminals, screens, ports, "
    "kernels, searching and a network do not. Install python3 in the image to have them."
)

Level = Literal["container", "bubblewrap", "landlock", "process"]
Limits = dict[str, Literal["enforced", "per_process", "polled", "none"]]


class SandboxState(Shape):
    """What a sandbox does, and until when."""

    sandbox_id: str
    name: str
    status: Literal["running", "paused", "detached"]
    isolation: Level
    expires_at: str | None = None
    ends_at: str | None = None
    notes: list[str] = Field(default_factory=list)


class SandboxInfo(SandboxState):
    """A sandbox and what it really keeps."""

    backend: str
    image: str
    network: bool
    memory: str
    limits: Limits
    timeout: float
    reattached: bool = False


class SnapshotInfo(Shape):
    """Files of a sandbox that were kept."""

    snapshot_id: str
    sandbox_id: str
    name: str
    created_at: str
    size: int


class SandboxList(Shape):
    """Sandboxes and snapshots."""

    sandboxes: list[SandboxInfo]
    snapshots: list[SnapshotInfo]


class SandboxGone(Shape):
    """A sandbox that is no more."""

    sandbox_id: str
    name: str
    isolation: Level
    status: Literal["destroyed"] = "destroyed"


class LevelInfo(Shape):
    """A level of isolation, and whether sandboxes can have it here."""

    isolation: Level
    backend: str
    available: bool
    version: str = ""
    limits: Limits = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    reason: str | None = None
    remedy: str | None = None


class Levels(Shape):
    """The levels that the settings allow, strongest first; the first available is the default."""

    levels: list[LevelInfo]


State = TypeVar("State", bound=SandboxState)


class SandboxTools(SandboxToolset):
    """Sandboxes themselves: create, list, extend, pause, resume, snapshot, destroy."""

    @tool(scope="execute", title="Create a sandbox", long_running=True)
    async def sandbox_create(
        self,
        ctx: Context,
        *,
        image: Annotated[
            str | None, Field(max_length=300, description="Image; the server's default if left out")
        ] = None,
        isolation: Annotated[
            Level | None,
            Field(description="The level that it must have; the strongest here if left out"),
        ] = None,
        network: Annotated[
            bool, Field(description="Reach the domains that the server allows; else none")
        ] = False,
        memory: Annotated[
            str | None, Field(max_length=20, description="Most memory, such as 512m or 2g")
        ] = None,
        timeout: Annotated[  # noqa: ASYNC109 - the sandbox's, not the call's
            float | None, Field(gt=0, description="Seconds without use after which it ends")
        ] = None,
        name: Annotated[
            str | None, Field(max_length=80, description="What to call it, such as 'tests'")
        ] = None,
        mounts: Annotated[
            list[str] | None,
            Field(max_length=16, description="Names of folders that the server lends"),
        ] = None,
        snapshot: Annotated[
            str | None, Field(max_length=40, description="Snapshot whose files it begins with")
        ] = None,
    ) -> Reply[SandboxInfo]:
        """Make a development container with a workspace, a shell and no network.

        It ends by itself when nobody uses it. `isolation` in the result says what really separates
        it from the machine, and `limits` how each limit holds. Files, git, terminal, screen and
        ports take its `sandbox_id` or name.
        """
        from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish

        wish = Wish(
            name=name or "",
            image=image or "",
            isolation=isolation or "",
            network=network,
            memory=bytes_of(memory) if memory else 0,
            timeout=timeout or 0.0,
            mounts=tuple(mounts or ()),
            snapshot=snapshot or "",
        )
        steps = 0

        async def say(text: str) -> None:
            nonlocal steps
            steps += 1
            await ctx.progress(steps, None, text)

        return _told(info_of(await self.sandboxes.create(ctx.principal.id, wish, say)))

    @tool(scope="read", title="List sandboxes")
    async def sandbox_list(self, ctx: Context) -> SandboxList:
        """List your sandboxes, what they do and until when they last, and your snapshots."""
        owner = self.seen_by(ctx)
        return SandboxList(
            sandboxes=[info_of(each) for each in await self.sandboxes.list(owner)],
            snapshots=[_snapshot(each) for each in await self.sandboxes.list_snapshots(owner)],
        )

    @tool(scope="read", title="Levels of isolation")
    async def sandbox_levels(self) -> Levels:
        """Tell which levels of isolation sandboxes can have here, and why not the others."""
        found = await self.sandboxes.ground.engines.survey()
        return Levels(levels=[_level(each) for each in found])

    @tool(scope="read", title="Look at a sandbox")
    async def sandbox_get(self, ctx: Context, sandbox_id: SandboxId) -> Reply[SandboxInfo]:
        """Tell what a sandbox is, what it does and until when it lasts; that is no use of it."""
        return _told(info_of(await self.sandboxes.get(sandbox_id, self.seen_by(ctx))))

    @tool(scope="execute", title="Extend a sandbox", idempotent=True, within="sandbox_id")
    async def sandbox_extend(
        self,
        ctx: Context,
        sandbox_id: SandboxId,
        seconds: Annotated[float, Field(gt=0, le=31_536_000, description="How long from now")],
    ) -> Reply[SandboxState]:
        """Put off a sandbox's end, up to its absolute limit (`ends_at`)."""
        return _told(state_of(await self.sandboxes.extend(sandbox_id, self.seen_by(ctx), seconds)))

    @tool(scope="execute", title="Pause a sandbox", idempotent=True, within="sandbox_id")
    async def sandbox_pause(self, ctx: Context, sandbox_id: SandboxId) -> Reply[SandboxState]:
        """Freeze all that runs in a sandbox and stop its clocks."""
        return _told(state_of(await self.sandboxes.pause(sandbox_id, self.seen_by(ctx))))

    @tool(scope="execute", title="Resume a sandbox", idempotent=True, within="sandbox_id")
    async def sandbox_resume(self, ctx: Context, sandbox_id: SandboxId) -> Reply[SandboxState]:
        """Let a paused sandbox go on, with the time that was left when it was paused."""
        return _told(state_of(await self.sandboxes.resume(sandbox_id, self.seen_by(ctx))))

    @tool(
        scope="execute", title="Keep the files of a sandbox", long_running=True, within="sandbox_id"
    )
    async def sandbox_snapshot(self, ctx: Context, sandbox_id: SandboxId) -> Reply[SnapshotInfo]:
        """Keep the files of a sandbox's workspace, to begin others with (sandbox_create).

        Processes and memory are not in it. The newest 10 are kept, for 30 days.
        """
        taken = _snapshot(await self.sandboxes.snapshot(sandbox_id, self.seen_by(ctx)))
        line = f"Kept {taken.size} bytes as {taken.snapshot_id}: sandbox_create(snapshot=…)."
        return Reply(taken, [Text(line)])

    @tool(scope="execute", title="Destroy a sandbox", destructive=True, within="sandbox_id")
    async def sandbox_destroy(self, ctx: Context, sandbox_id: SandboxId) -> Reply[SandboxGone]:
        """Destroy a sandbox with its processes and all files; snapshots of it stay."""
        gone = await self.sandboxes.destroy(sandbox_id, self.seen_by(ctx))
        told = SandboxGone(
            sandbox_id=gone.id, name=gone.name, isolation=gone.capabilities.isolation.value
        )
        return Reply(told, [Text(f"Destroyed sandbox {gone.name or gone.id}.")])


def info_of(session: Session) -> SandboxInfo:
    """Return a sandbox as callers see it."""
    able, spec = session.capabilities, session.handle.spec
    return SandboxInfo(
        **state_of(session).model_dump(),
        backend=able.backend,
        image=spec.image,
        network=session.has_network,
        memory=size_of(spec.limits.memory),
        limits=dict(able.limits),
        timeout=session.timeout,
        reattached=session.reattached,
    )


def state_of(session: Session) -> SandboxState:
    """Return what a sandbox does now, as callers see it."""
    return SandboxState(
        sandbox_id=session.id,
        name=session.name,
        status=session.status,
        isolation=session.capabilities.isolation.value,
        expires_at=in_utc(session.expires) if session.expires else None,
        ends_at=in_utc(session.ends) if session.ends else None,
        notes=_notes(session),
    )


def _level(found: Surveyed) -> LevelInfo:
    able, reason = found.capabilities, found.reason
    return LevelInfo(
        isolation=found.level.value,
        backend=able.backend if able else found.name,
        available=able is not None,
        version=able.version if able else "",
        limits=dict(able.limits) if able else {},
        notes=list(able.notes) if able else [],
        reason=reason.message if reason else None,
        remedy=reason.remedy if reason else None,
    )


def _notes(session: Session) -> list[str]:
    notes = list(session.capabilities.notes)
    if session.status == "detached":
        notes.append(DETACHED)
    elif session.reattached:
        notes.append(REATTACHED)
    if session.is_bare:
        notes.append(BARE)
    return [*notes, FULL] if session.is_full else notes


def _told(state: State) -> Reply[State]:
    until = f"until {state.expires_at} if nobody uses it" if state.expires_at else "clocks stopped"
    called = f" ({state.name})" if state.name else ""
    line = f"{state.sandbox_id}{called}: {state.status}, isolation {state.isolation}, {until}."
    return Reply(state, [Text("\n".join([line, *state.notes]))])


def _snapshot(snapshot: Snapshot) -> SnapshotInfo:
    return SnapshotInfo(
        snapshot_id=snapshot.id,
        sandbox_id=snapshot.sandbox,
        name=snapshot.name,
        created_at=in_utc(snapshot.created),
        size=snapshot.size,
    )
