"""Sandboxes in containers: Docker, and Podman through the same API.

Nothing is done to a container but through its agent's channel: the engine's archive calls write as
root and follow links, so they are not used on a container that runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner, Threads
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends.docker_channel import ExecChannel
from jupyter_mcp.toolsets.sandboxes.backends.docker_containers import Containers
from jupyter_mcp.toolsets.sandboxes.backends.docker_engine import DockerEngine, RefusalError
from jupyter_mcp.toolsets.sandboxes.backends.docker_labels import CLAIMED, claimed_name, name_of
from jupyter_mcp.toolsets.sandboxes.backends.docker_probe import NAMESPACE, Probe
from jupyter_mcp.toolsets.sandboxes.backends.docker_programs import Programs
from jupyter_mcp.toolsets.sandboxes.backends.docker_usage import DISK, SCRIPT, stats_of, usage_of
from jupyter_mcp.toolsets.sandboxes.backends.docker_volumes import GONE
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities, SandboxSpec, Usage

R = TypeVar("R")

SWEEPS = 60.0
"""Seconds between two looks for what a crash left."""


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
        self._containers = Containers(self._engine, self._programs)
        self._probe = Probe(self._containers, self._programs, self._image)
        self._swept: dict[str, float] = {}
        self._notes: dict[str, asyncio.Task[None]] = {}

    @property
    def name(self) -> str:
        """``docker``, or ``podman`` once it is known that it is."""
        return "podman" if self._containers.dialect.is_podman else "docker"

    async def probe(self) -> Capabilities:
        """Start a sandbox and let it tell what holds; once for each engine, version and image.

        Raises:
            ToolError: ``unavailable`` when no engine answers or it does not confine.
        """
        return await self._probe.answer()

    async def create(self, spec: SandboxSpec) -> Handle:
        """Start a container of an image that is there; nothing is ever pulled.

        Raises:
            ToolError: ``not_found`` for a missing image, ``unavailable``, ``upstream``.
        """
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
        return await self._inside(handle, self._programs.start(handle.ref, argv))

    async def claim(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Write a new owner, name and end into the container's name.

        What is left for an engine that is started anew is written down meanwhile.

        A member is addressed by the name that it has until somebody claims it, so a second claim
        finds nothing.

        Raises:
            ToolError: ``conflict`` when another was faster, ``not_found`` when it is gone.
        """
        changed = {key: getattr(spec, key) for key in CLAIMED}
        spec = replace(handle.spec, **changed | {"is_member": False})
        current = name_of(spec.id) if handle.spec.is_member else handle.ref
        try:
            await self._engine.call(lambda api: api.rename(current, claimed_name(spec)))
        except RefusalError as refusal:
            if refusal.status != GONE:
                raise
            raise ToolError(
                "conflict", f"Sandbox {spec.id} is taken or gone.", "Create another one."
            ) from refusal
        noting = self._containers.workspaces.note(spec, handle.image_digest)
        note = self._notes[spec.id] = self._tasks.spawn(f"note {spec.id}", noting)
        note.add_done_callback(lambda _: self._notes.pop(spec.id, None))
        return replace(handle, spec=spec)

    async def revive(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Start a container of the same kind over the workspace that is left.

        Raises:
            ToolError: ``not_found`` when its image is gone, ``busy``, ``unavailable``.
        """
        return await self._containers.revive(handle, spec)

    async def pause(self, handle: Handle) -> Handle:
        """Freeze all processes inside."""
        async with self._programs.settled(handle.ref):
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
        if note := self._notes.get(handle.spec.id):
            await asyncio.wait({note})
        await self._containers.remove(handle.spec.id, handle.ref)
        self._programs.forget(handle.ref)

    async def list(self, namespace: str) -> list[Handle]:
        """Return the sandboxes of a namespace; now and then sweep what is nobody's."""
        if self._swept.get(namespace, 0) < time.monotonic() - SWEEPS:
            self._swept[namespace] = time.monotonic()
            self._tasks.spawn("sweep containers", self._sweep(namespace))
        return await self._containers.there(namespace)

    async def stop(self) -> None:
        """Close connections to the engine."""
        if self._notes:
            await asyncio.wait(self._notes.values())
        await self._engine.stop()

    async def _sweep(self, namespace: str) -> None:
        with contextlib.suppress(ToolError):  # the next call tells that the engine is gone
            for each in (namespace, NAMESPACE):
                await self._containers.sweep(each)

    async def _attempt(self, spec: SandboxSpec) -> Handle | ToolError:
        """Create, in a task of its own: a container that nobody waits for must not stay."""
        try:
            return await self._containers.create(spec)
        except ToolError as error:
            return error

    async def _undo(self, making: asyncio.Task[Handle | ToolError]) -> None:
        """Remove what nobody waits for any more."""
        made = await making
        if isinstance(made, Handle):
            with contextlib.suppress(ToolError):
                await self.destroy(made)

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


def _paused(handle: Handle) -> ToolError:
    return ToolError(
        "conflict", f"Sandbox {handle.spec.id} is paused.", "Call sandbox_resume first."
    )
