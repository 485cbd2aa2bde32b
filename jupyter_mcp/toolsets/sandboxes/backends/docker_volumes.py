"""The workspace of a container: a named volume, whose labels tell all that the container's tell.

An engine that is started anew has removed the containers, and all that is left of a sandbox is its
volume: from it the sandbox is listed, and made to run again. A volume cannot be renamed as a
container can, so a member of the pool gets a second, empty one when it is claimed: a note.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends.docker_engine import DockerEngine, RefusalError
from jupyter_mcp.toolsets.sandboxes.backends.docker_labels import (
    LABEL,
    labels_of,
    name_of,
    spec_of,
)
from jupyter_mcp.toolsets.sandboxes.spec import SandboxSpec

GONE, CONFLICT = 404, 409
NOTE = ".claimed"
DIGEST = "digest"


class Workspaces:
    """The volumes of one engine that are ours.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: DockerEngine) -> None:
        self._engine = engine

    async def add(self, spec: SandboxSpec, digest: str) -> None:
        """Make the workspace of a sandbox.

        Args:
            spec: What the sandbox is.
            digest: The digest of its image.
        """
        await self._make(name_of(spec.id), spec, digest)

    async def note(self, spec: SandboxSpec, digest: str) -> None:
        """Write down whose a member of the pool is from now on."""
        await self._make(name_of(spec.id) + NOTE, spec, digest)

    async def remove(self, sandbox: str) -> bool:
        """Remove the workspace of a sandbox; return False while a container uses it."""
        is_removed = await self._drop(name_of(sandbox))
        return is_removed and await self._drop(name_of(sandbox) + NOTE)

    async def kept(self, namespace: str) -> list[Handle]:
        """Return the sandboxes of a namespace as their workspaces tell them."""
        return _kept(await self._all(namespace))

    async def sweep(self, namespace: str, seconds: float) -> None:
        """Remove what is nobody's, older than some seconds and used by no container.

        What has an owner stays: whether that is over, the session's record tells.
        """
        volumes = await self._all(namespace)
        owned = {name_of(each.spec.id) for each in _kept(volumes) if each.spec.owner}
        for volume in volumes:
            name = str(volume["Name"])
            if name.removesuffix(NOTE) not in owned and _made(volume) < time.time() - seconds:
                await self._drop(name)

    async def _make(self, name: str, spec: SandboxSpec, digest: str) -> None:
        labels = labels_of(spec) | {LABEL + DIGEST: digest}
        await self._engine.call(lambda api: api.create_volume(name, labels=labels))

    async def _drop(self, name: str) -> bool:
        try:
            await self._engine.call(lambda api: api.remove_volume(name))
        except RefusalError as refusal:
            if refusal.status not in {GONE, CONFLICT}:
                raise
            return refusal.status == GONE
        return True

    async def _all(self, namespace: str) -> list[Mapping[str, Any]]:
        wanted = {"label": [f"{LABEL}namespace={namespace}"]}
        found = await self._engine.call(lambda api: api.volumes(filters=wanted))
        return found.get("Volumes") or []


def _kept(volumes: list[Mapping[str, Any]]) -> list[Handle]:
    named = {str(each["Name"]): each for each in volumes}
    found = [
        _handle_of(volume, named.get(name + NOTE))
        for name, volume in named.items()
        if not name.endswith(NOTE)
    ]
    return [handle for handle in found if handle]


def _handle_of(volume: Mapping[str, Any], note: Mapping[str, Any] | None) -> Handle | None:
    try:
        told = (note or volume)["Labels"]
        labels = {key.removeprefix(LABEL): value for key, value in told.items()}
        spec = spec_of(labels)
        return Handle(spec, name_of(spec.id), image_digest=labels[DIGEST], is_lost=True)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _made(volume: Mapping[str, Any]) -> float:
    """Return when a volume was made; now where that cannot be read, so that it stays."""
    try:
        return datetime.fromisoformat(str(volume["CreatedAt"])).timestamp()
    except (KeyError, ValueError):
        return time.time()
