"""Containers of ours: made from an image that is there, removed with all that they have, swept.

What an engine cannot do is found out once and remembered: a Podman without catatonit has no init.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends.docker_engine import DockerEngine, RefusalError
from jupyter_mcp.toolsets.sandboxes.backends.docker_options import (
    LABEL,
    Dialect,
    container_options,
    handle_of,
    host_options,
    name_of,
)
from jupyter_mcp.toolsets.sandboxes.backends.docker_programs import Programs
from jupyter_mcp.toolsets.sandboxes.spec import SandboxSpec

GONE, CONFLICT = 404, 409
ABANDONED = 300
"""Seconds after which what never came to life, or has ended and stayed, is swept."""
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
            ref = await self._started(spec, digest)
            await self._give_workspace(ref, digest)
        except ToolError:
            with contextlib.suppress(ToolError):
                await self.remove(name_of(spec.id))
            raise
        return Handle(spec, ref, image_digest=digest)

    async def remove(self, ref: str) -> None:
        """Remove a container with its volume; one that is gone, or just going, is no error."""
        try:
            await self._engine.call(lambda api: api.remove_container(ref, v=True, force=True))
        except RefusalError as refusal:
            if refusal.status not in {GONE, CONFLICT}:
                raise

    async def alive(self, namespace: str) -> list[Handle]:
        """Return those of a namespace that live."""
        handles = [
            handle_of(container) for container in await self._all(namespace) if _lives(container)
        ]
        return [handle for handle in handles if handle]

    async def sweep(self, namespace: str) -> None:
        """Remove what a crash left: containers that never started, volumes without a container."""
        for container in await self._all(namespace):
            if not _lives(container) and container.get("Created", 0) < time.time() - ABANDONED:
                await self.remove(str(container["Id"]))
        wanted = {"dangling": True, "label": [f"{LABEL}namespace={namespace}"]}
        found = await self._engine.call(lambda api: api.volumes(filters=wanted))
        for volume in found.get("Volumes") or []:
            if _made(volume) < time.time() - ABANDONED:
                await self._remove_volume(str(volume["Name"]))

    async def _remove_volume(self, name: str) -> None:
        try:
            await self._engine.call(lambda api: api.remove_volume(name))
        except RefusalError as refusal:
            if refusal.status not in {GONE, CONFLICT}:
                raise

    async def _all(self, namespace: str) -> list[Mapping[str, Any]]:
        wanted = {"label": [f"{LABEL}namespace={namespace}"]}
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
        await self.remove(name_of(spec.id))
        self.dialect = replace(self.dialect, has_init=False)
        return await self._engine.call(lambda api: self._start(api, spec, digest))

    def _start(self, api: Any, spec: SandboxSpec, digest: str) -> str:
        options = container_options(spec, digest, spec.expires - time.time())
        host = api.create_host_config(**host_options(spec, self.dialect))
        ref = str(api.create_container(**options, host_config=host)["Id"])
        api.start(ref)
        return ref

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


def _made(volume: Mapping[str, Any]) -> float:
    """Return when a volume was made; now where that cannot be read, so that it stays."""
    try:
        return datetime.fromisoformat(str(volume["CreatedAt"])).timestamp()
    except (KeyError, ValueError):
        return time.time()
