"""Containers of ours: made from an image that is there, removed with all that they have, swept.

A container goes when its main process ends or its engine is started anew; its workspace stays until
somebody removes it, so such a one is told as lost and can be made to run again.

What an engine cannot do is found out once and remembered: a Podman without catatonit has no init.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends.docker_engine import DockerEngine, RefusalError
from jupyter_mcp.toolsets.sandboxes.backends.docker_labels import LABEL, handle_of, name_of
from jupyter_mcp.toolsets.sandboxes.backends.docker_options import (
    Dialect,
    container_options,
    host_options,
)
from jupyter_mcp.toolsets.sandboxes.backends.docker_programs import Programs
from jupyter_mcp.toolsets.sandboxes.backends.docker_volumes import CONFLICT, GONE, Workspaces
from jupyter_mcp.toolsets.sandboxes.spec import SandboxSpec

ABANDONED = 300
"""Seconds after which what never came to life, or has ended and stayed, is swept."""
TURNS, TURN_SECONDS = 100, 0.1
"""How often, and how long, is waited for what another server or the engine is doing."""
BEGINNING = "created"
"""The state of a container that somebody is about to start."""
NO_INIT = re.compile("catatonit|docker-init|init binary|container-init")


class Containers:
    """The containers of one engine.

    Args:
        engine: The engine.
        programs: Runs what a new container needs done inside.
    """

    def __init__(self, engine: DockerEngine, programs: Programs) -> None:
        self._engine = engine
        self._programs = programs
        self.workspaces = Workspaces(engine)
        self._is_users: dict[str, bool] = {}
        self.dialect = Dialect()
        self.engine_version: tuple[str, ...] = ()

    async def know_engine(self) -> tuple[str, ...]:
        """Find out whom we speak to, and return its kind, version and kernel."""
        version = await self._engine.call(lambda api: api.version())
        parts = version.get("Components") or [{}]
        is_podman = any("podman" in str(part.get("Name", "")).lower() for part in parts)
        found = (
            "Podman" if is_podman else "Docker",
            str(version.get("Version", "")),
            str(version.get("KernelVersion", "")),
        )
        if found != self.engine_version:
            self.engine_version, self.dialect = found, Dialect(is_podman=is_podman)
        return found

    async def digest(self, image: str) -> str:
        """Return the digest of an image.

        Raises:
            ToolError: ``not_found`` with how to build it.
        """
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

    async def create(self, spec: SandboxSpec) -> Handle:
        """Start a container; what fails leaves nothing behind.

        Raises:
            ToolError: ``not_found`` for a missing image, ``unavailable``, ``upstream``.
        """
        if not self.engine_version:
            await self.know_engine()
        digest = await self.digest(spec.image)
        try:
            await self.workspaces.add(spec, digest)
            ref = await self._started(spec, digest)
            await self._give_workspace(ref, digest)
        except ToolError:
            with contextlib.suppress(ToolError):
                await self.remove(spec.id)
            raise
        return Handle(spec, ref, image_digest=digest)

    async def revive(self, handle: Handle, spec: SandboxSpec) -> Handle:
        """Start a container over the workspace that is left of one, or find who was faster.

        Raises:
            ToolError: ``not_found`` when its image is gone, ``busy``, ``unavailable``.
        """
        if not self.engine_version:
            await self.know_engine()
        digest = await self._digest_again(handle)
        for _ in range(TURNS):
            there = await self._all(spec.namespace, spec.id)
            for container in there:
                if _lives(container) and (found := handle_of(container)):
                    return found
                if container.get("State") != BEGINNING:
                    await self._remove(str(container["Id"]))
            try:
                if not any(container.get("State") == BEGINNING for container in there):
                    ref = await self._started(spec, digest)
                    return Handle(spec, ref, image_digest=digest)
            except RefusalError as refusal:  # another server has just begun, or it is going
                if refusal.status != CONFLICT:
                    raise
            await asyncio.sleep(TURN_SECONDS)
        raise _busy(spec.id)

    async def remove(self, sandbox: str, ref: str = "") -> None:
        """Remove a sandbox with its workspace; one that is gone, or just going, is no error.

        Raises:
            ToolError: ``busy`` when something holds it for long, ``unavailable``, ``upstream``.
        """
        await self._remove(ref or name_of(sandbox))
        for _ in range(TURNS):
            if await self.workspaces.remove(sandbox):
                return
            for container in await self._all("", sandbox):  # another server has made it run again
                await self._remove(str(container["Id"]))
            await asyncio.sleep(TURN_SECONDS)
        raise _busy(sandbox)

    async def _remove(self, ref: str) -> None:
        try:
            await self._engine.call(lambda api: api.remove_container(ref, v=True, force=True))
        except RefusalError as refusal:
            if refusal.status not in {GONE, CONFLICT}:
                raise

    async def there(self, namespace: str) -> list[Handle]:
        """Return those of a namespace that live, and those whose workspace is all that is left.

        One whose container somebody is just about to start counts as left: it is not gone.
        """
        kept = await self.workspaces.kept(namespace)
        containers = await self._all(namespace)
        found = [handle_of(container) for container in containers if _lives(container)]
        alive = {handle.spec.id: handle for handle in found if handle}
        return [*alive.values(), *(each for each in kept if each.spec.id not in alive)]

    async def sweep(self, namespace: str) -> None:
        """Remove what a crash left: containers that never started, volumes without a container."""
        for container in await self._all(namespace):
            if not _lives(container) and container.get("Created", 0) < time.time() - ABANDONED:
                await self._remove(str(container["Id"]))
        await self.workspaces.sweep(namespace, ABANDONED)

    async def _all(self, namespace: str = "", sandbox: str = "") -> list[Mapping[str, Any]]:
        told = {"namespace": namespace, "id": sandbox}
        wanted = {"label": [f"{LABEL}{key}={value}" for key, value in told.items() if value]}
        found: list[Mapping[str, Any]] = await self._engine.call(
            lambda api: api.containers(all=True, filters=wanted)
        )
        return found

    async def _started(self, spec: SandboxSpec, digest: str) -> str:
        try:
            return await self._engine.call(lambda api: self._start(api, spec, digest))
        except RefusalError as refusal:
            if not self.dialect.has_init or not NO_INIT.search(refusal.reason):
                raise
        await self._remove(name_of(spec.id))
        self.dialect = replace(self.dialect, has_init=False)
        return await self._engine.call(lambda api: self._start(api, spec, digest))

    def _start(self, api: Any, spec: SandboxSpec, digest: str) -> str:
        options = container_options(spec, digest, spec.expires - time.time())
        host = api.create_host_config(**host_options(spec, self.dialect))
        ref = str(api.create_container(**options, host_config=host)["Id"])
        api.start(ref)
        return ref

    async def _digest_again(self, handle: Handle) -> str:
        """Return the image that a sandbox ran, or the one that has its name now."""
        if handle.image_digest:
            with contextlib.suppress(ToolError):
                return await self.digest(handle.image_digest)
        return await self.digest(handle.spec.image)

    async def _give_workspace(self, ref: str, digest: str) -> None:
        """Open the workspace to its user where the image has none: a new volume is root's.

        Root inside has no capability, but may change the mode of what it owns. Nobody's program
        runs in the container yet.
        """
        if digest not in self._is_users:
            answer = await self._programs.run(ref, "[ -w . ] && echo yes")
            self._is_users[digest] = "yes" in answer
        if not self._is_users[digest]:
            await self._programs.run(ref, "chmod 0777 .", user="0:0")


def _lives(container: Mapping[str, Any]) -> bool:
    return container.get("State") in {"running", "paused"}


def _busy(sandbox: str) -> ToolError:
    return ToolError(
        "busy", f"Sandbox {sandbox} is held by something else.", "Try again in a few seconds."
    )
