"""Sandboxes in containers: Docker, and Podman through the same API.

Nothing is done to a container but through its agent's channel: the engine's archive calls write as
root and follow links, so they are not used on a container that runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner, Threads
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends.docker_channel import ExecChannel
from jupyter_mcp.toolsets.sandboxes.backends.docker_engine import DockerEngine, RefusalError
from jupyter_mcp.toolsets.sandboxes.backends.docker_options import (
    LABEL,
    Dialect,
    claimed_name,
    container_options,
    handle_of,
    host_options,
    name_of,
)
from jupyter_mcp.toolsets.sandboxes.backends.docker_probe import (
    LIMITS,
    NOTHING,
    demand_confinement,
    limits_of,
)
from jupyter_mcp.toolsets.sandboxes.backends.docker_programs import Programs
from jupyter_mcp.toolsets.sandboxes.backends.docker_usage import DISK, SCRIPT, stats_of, usage_of
from jupyter_mcp.toolsets.sandboxes.spec import (
    Capabilities,
    Enforcement,
    Isolation,
    SandboxSpec,
    Usage,
)

R = TypeVar("R")

GONE, CONFLICT = 404, 409
REMEMBERED = 60.0
"""Seconds for which a probe holds."""
ABANDONED = 300
"""Seconds after which a container that never started, or has ended and stayed, is swept."""


class DockerBackend:
    """Containers of a Docker engine or of Podman's service.

    Args:
        settings: ``docker_url`` and ``sandbox_image`` count (`jupyter_mcp.config.Settings`).
        threads: Threads for the engine's calls.
        tasks: Owner of what goes on after a call.
    """

    def __init__(self, settings: Any, threads: Threads, tasks: Spawner) -> None:
        self._image: str = settings.sandbox_image
        self._engine = DockerEngine(settings.docker_url, threads)
        self._tasks = tasks
        self._programs = Programs(self._engine, tasks)
        self._probing = asyncio.Lock()
        self._probed: tuple[float, Capabilities] | None = None
        self._verified: dict[tuple[str, ...], Capabilities] = {}
        self._dialect: Dialect | None = None
        self._is_users: dict[str, bool] = {}

    @property
    def name(self) -> str:
        """``docker``, or ``podman`` once it is known that it is."""
        return "podman" if self._dialect and self._dialect.is_podman else "docker"

    async def probe(self) -> Capabilities:
        """Start a sandbox and let it tell what holds; once for each engine, version and image.

        Raises:
            ToolError: ``unavailable`` when no engine answers or it does not confine.
        """
        async with self._probing:
            if self._probed is None or self._probed[0] < time.monotonic():
                found = await self._probe()
                self._probed = (time.monotonic() + REMEMBERED, found)
            return self._probed[1]

    async def create(self, spec: SandboxSpec) -> Handle:
        """Start a container of an image that is there; nothing is ever pulled.

        Raises:
            ToolError: ``not_found`` for a missing image, ``unavailable``, ``upstream``.
        """
        if self._dialect is None:
            await self._know()
        spec = replace(spec, image=spec.image or self._image)
        making = self._tasks.spawn(f"create {spec.id}", self._attempt(spec))
        try:
            made = await asyncio.shield(making)
        except asyncio.CancelledError:
            self._tasks.spawn(f"undo {spec.id}", self._undo(making))
            raise
        if isinstance(made, ToolError):
            raise made
        return made

    async def channel(self, handle: Handle, argv: Sequence[str]) -> ExecChannel:
        """Start `argv` inside and return its pipes.

        Raises:
            ToolError: ``not_found`` when the sandbox is gone, ``conflict`` when it is paused.
        """
        if handle.is_paused:
            raise _paused(handle)
        return await self._inside(handle, self._programs.start(handle.ref, argv))

    async def claim(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Write a new owner, name and end into the container's name.

        A member is addressed by the name that it has until somebody claims it, so a second claim
        finds nothing.

        Raises:
            ToolError: ``conflict`` when another was faster, ``not_found`` when it is gone.
        """
        spec = replace(
            handle.spec,
            owner=spec.owner,
            name=spec.name,
            created=spec.created,
            expires=spec.expires,
            is_member=False,
        )
        current = name_of(spec.id) if handle.spec.is_member else handle.ref
        try:
            await self._engine.call(lambda api: api.rename(current, claimed_name(spec)))
        except RefusalError as refusal:
            if refusal.status != GONE:
                raise
            raise ToolError(
                "conflict", f"Sandbox {spec.id} is taken or gone.", "Create another one."
            ) from refusal
        return replace(handle, spec=spec)

    async def pause(self, handle: Handle) -> Handle:
        """Freeze all processes inside."""
        await self._freeze(handle, "pause", "already paused")
        return replace(handle, is_paused=True)

    async def resume(self, handle: Handle) -> Handle:
        """Let them go on."""
        await self._freeze(handle, "unpause", "not paused")
        return replace(handle, is_paused=False)

    async def usage(self, handle: Handle) -> Usage:
        """Return what its cgroup tells; of a frozen one what the engine says, in up to 2 s."""
        if handle.is_paused:
            asked = self._engine.call(
                lambda api: api.stats(handle.ref, stream=False, one_shot=True)
            )
            return stats_of(await self._inside(handle, asked))
        asked = self._programs.run(handle.ref, SCRIPT + DISK)
        return usage_of(await self._inside(handle, asked))

    async def destroy(self, handle: Handle) -> None:
        """Remove the container with all processes and the workspace."""
        await self._engine.call(lambda api: _remove(api, handle.ref))

    async def list(self, namespace: str) -> list[Handle]:
        """Return the containers of a namespace that live, and sweep what never came to life."""
        wanted = {"label": [f"{LABEL}namespace={namespace}"]}
        found = await self._engine.call(lambda api: api.containers(all=True, filters=wanted))
        handles, dead = [], []
        for container in found:
            handle = handle_of(container)
            if container.get("State") in {"running", "paused"}:
                handles += [handle] if handle else []
            elif container.get("Created", 0) < time.time() - ABANDONED:
                dead.append(str(container["Id"]))
        for ref in dead:
            await self._engine.call(lambda api, ref=ref: _remove(api, ref))  # type: ignore[misc]
        return handles

    async def stop(self) -> None:
        """Close connections to the engine."""
        await self._engine.stop()

    async def _attempt(self, spec: SandboxSpec) -> Handle | ToolError:
        """Create, in a task of its own: a container that nobody waits for must not stay."""
        try:
            return await self._create(spec)
        except ToolError as error:
            return error

    async def _create(self, spec: SandboxSpec) -> Handle:
        digest = await self._digest(spec.image)
        try:
            ref = await self._engine.call(lambda api: self._start(api, spec, digest))
            await self._give_workspace(ref, digest)
        except ToolError:
            with contextlib.suppress(ToolError):
                await self._engine.call(lambda api: _remove(api, name_of(spec.id)))
            raise
        return Handle(spec, ref, image_digest=digest)

    def _start(self, api: Any, spec: SandboxSpec, digest: str) -> str:
        dialect = self._dialect or Dialect()
        options = container_options(spec, digest, spec.expires - time.time())
        host = api.create_host_config(**host_options(spec, dialect))
        ref = str(api.create_container(**options, host_config=host)["Id"])
        api.start(ref)
        return ref

    async def _undo(self, making: asyncio.Task[Handle | ToolError]) -> None:
        """Remove what nobody waits for any more."""
        made = await making
        if isinstance(made, Handle):
            with contextlib.suppress(ToolError):
                await self.destroy(made)

    async def _digest(self, image: str) -> str:
        try:
            found = await self._engine.call(lambda api: api.inspect_image(image))
        except RefusalError as refusal:
            if refusal.status != GONE:
                raise
            raise ToolError(
                "not_found",
                f"There is no image {image!r} on the container engine.",
                f"Build it with image_build or `jupyter mcp image build {image}`; "
                "nothing is pulled by itself.",
            ) from refusal
        return str(found["Id"])

    async def _give_workspace(self, ref: str, digest: str) -> None:
        """Open the workspace to its user where the image has none: a new volume is root's.

        Root inside has no capability, but may change the mode of what it owns. Nobody's program
        runs in the container yet.
        """
        if digest not in self._is_users:
            test = "[ -w . ] && echo yes"
            self._is_users[digest] = "yes" in await self._programs.run(ref, test)
        if not self._is_users[digest]:
            await self._programs.run(ref, "chmod 0777 .", user="0:0")

    async def _freeze(self, handle: Handle, call: str, already: str) -> None:
        try:
            await self._inside(
                handle, self._engine.call(lambda api: getattr(api, call)(handle.ref))
            )
        except RefusalError as refusal:
            if already not in refusal.reason.lower():
                raise

    async def _inside(self, handle: Handle, asked: Awaitable[R]) -> R:
        """Return what is asked of a container, in words for its owner when it is not there."""
        try:
            return await asked
        except RefusalError as refusal:
            reason = refusal.reason.lower()
            if refusal.status == GONE or "is not running" in reason:
                raise ToolError(
                    "not_found",
                    f"Sandbox {handle.spec.id} is gone.",
                    "Create a new one with sandbox_create.",
                ) from refusal
            if "is paused" in reason:
                raise _paused(handle) from refusal
            raise

    async def _know(self) -> tuple[str, ...]:
        """Find out whom we speak to, and return what tells this engine from another one."""
        version = await self._engine.call(lambda api: api.version())
        parts = version.get("Components") or [{}]
        is_podman = any("podman" in str(part.get("Name", "")).lower() for part in parts)
        if self._dialect is None or self._dialect.is_podman != is_podman:
            self._dialect = Dialect(is_podman=is_podman)
        return (
            "Podman" if is_podman else "Docker",
            str(version.get("Version", "")),
            str(version.get("KernelVersion", "")),
        )

    async def _probe(self) -> Capabilities:
        engine = await self._know()
        version = " ".join(engine[:2])
        try:
            digest = await self._digest(self._image)
        except ToolError as error:
            note = f"Limits are not verified: {error.message}"
            return self._capabilities(version, NOTHING, (note,))
        key = (*engine, digest)
        if key not in self._verified:
            text = await self._witness()
            notes = demand_confinement(text)
            self._verified[key] = self._capabilities(version, limits_of(text), notes)
        return self._verified[key]

    def _capabilities(
        self, version: str, limits: Mapping[str, Enforcement], notes: tuple[str, ...]
    ) -> Capabilities:
        return Capabilities(
            backend=self.name,
            isolation=Isolation.CONTAINER,
            limits=limits,
            has_network_namespace=True,
            can_pause=True,
            has_images=True,
            version=version,
            notes=(*notes, "No quota of disk: a workspace is looked at now and then."),
        )

    async def _witness(self) -> str:
        """Return what a small sandbox tells of itself."""
        now = time.time()
        spec = SandboxSpec(
            id=f"probe-{secrets.token_hex(6)}",
            owner="",
            namespace="probe",
            created=now,
            expires=now + 60,
            image=self._image,
            limits=LIMITS,
        )
        handle = await self._create(spec)
        try:
            return await self._programs.run(handle.ref, SCRIPT)
        finally:
            await self.destroy(handle)


def _paused(handle: Handle) -> ToolError:
    return ToolError(
        "conflict", f"Sandbox {handle.spec.id} is paused.", "Call sandbox_resume first."
    )


def _remove(api: Any, ref: str) -> None:
    """Remove a container with its volume; one that is gone, or just going, is no error."""
    from docker.errors import APIError, NotFound

    try:
        api.remove_container(ref, v=True, force=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != CONFLICT:
            raise
