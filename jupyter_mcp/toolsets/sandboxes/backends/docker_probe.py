"""Which promises an engine really keeps, found by asking a sandbox for its own limits.

What the engine says of itself is not enough: a rootless Podman on cgroup v1 takes limits of memory
and processes and ignores them. So a small sandbox is started as any other, reads its cgroup, its
rlimits and its credentials, and what it does not find there is not claimed.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backends.docker_containers import Containers
from jupyter_mcp.toolsets.sandboxes.backends.docker_programs import Programs
from jupyter_mcp.toolsets.sandboxes.backends.docker_usage import SCRIPT, parse, whole
from jupyter_mcp.toolsets.sandboxes.spec import (
    MIB,
    Capabilities,
    Enforcement,
    Isolation,
    Limits,
    SandboxSpec,
)

LIMITS = Limits(memory=96 * MIB, cpus=0.5, pids=48, nofile=128, tmp=8 * MIB)
"""Of the sandbox that is asked: unlike any default, so that finding them proves something."""
NAMESPACE = "probe"
SECONDS = 60
"""How long a sandbox that is asked lives when nobody removes it."""
REMEMBERED = 60.0
"""Seconds for which an answer holds."""
NOTHING: Mapping[str, Enforcement] = {
    "memory": "none",
    "pids": "none",
    "cpu": "none",
    "nofile": "none",
    "disk": "none",
}
NO_QUOTA = "The engine has no quota of disk: a workspace is looked at now and then."


class Probe:
    """Asks an engine, once for each version of it and image.

    Args:
        containers: Its containers.
        programs: Runs what asks.
        image: The image of the sandbox that is asked.
    """

    def __init__(self, containers: Containers, programs: Programs, image: str) -> None:
        self._containers = containers
        self._programs = programs
        self._image = image
        self._turn = asyncio.Lock()
        self._last: tuple[float, Capabilities] | None = None
        self._known: dict[tuple[str, ...], Capabilities] = {}

    async def answer(self) -> Capabilities:
        """Return what holds.

        Raises:
            ToolError: ``unavailable`` when no engine answers or it does not confine.
        """
        async with self._turn:
            if self._last is None or self._last[0] < time.monotonic():
                self._last = (time.monotonic() + REMEMBERED, await self._ask())
            return self._last[1]

    async def _ask(self) -> Capabilities:
        engine = await self._containers.know_engine()
        try:
            digest = await self._containers.digest(self._image)
        except ToolError as error:
            return self._capabilities(NOTHING, (f"No limit is verified yet. {error}",))
        key = (*engine, digest)
        if key not in self._known:
            text = await self._witness()
            notes = demand_confinement(text)
            self._known[key] = self._capabilities(limits_of(text), (*notes, NO_QUOTA))
        return self._known[key]

    def _capabilities(
        self, limits: Mapping[str, Enforcement], notes: tuple[str, ...]
    ) -> Capabilities:
        kind, version, *_ = self._containers.engine_version
        if not self._containers.dialect.has_init:
            notes = (*notes, "There is no init in containers: install catatonit.")
        return Capabilities(
            backend=kind.lower(),
            isolation=Isolation.CONTAINER,
            limits=limits,
            has_network_namespace=True,
            can_pause=True,
            has_images=True,
            version=f"{kind} {version}",
            notes=notes,
        )

    async def _witness(self) -> str:
        """Return what a small sandbox tells of itself."""
        now = time.time()
        spec = SandboxSpec(
            id=f"probe-{secrets.token_hex(6)}",
            owner="",
            namespace=NAMESPACE,
            created=now,
            expires=now + SECONDS,
            image=self._image,
            limits=LIMITS,
        )
        handle = await self._containers.create(spec)
        try:
            return await self._programs.run(handle.ref, SCRIPT)
        finally:
            await self._containers.remove(spec.id, handle.ref)


def limits_of(text: str) -> dict[str, Enforcement]:
    """Return which of `LIMITS` hold in the sandbox that printed `text`."""
    table = parse(text)
    return {
        "memory": _held(whole(table.get("memlimit")) == LIMITS.memory),
        "pids": _held(whole(table.get("pidslimit")) == LIMITS.pids),
        "cpu": _held(_cpus(table) == LIMITS.cpus),
        "nofile": "per_process" if whole(table.get("nofile")) == LIMITS.nofile else "none",
        "disk": "polled",
    }


def demand_confinement(text: str) -> tuple[str, ...]:
    """Return what a person should know of how the sandbox that printed `text` is confined.

    Raises:
        ToolError: ``unavailable`` when it is not: root, capabilities, a network, a writable root.
    """
    table = parse(text)
    capabilities = [table.get(f"status.Cap{kind}:", "") for kind in ("Prm", "Eff", "Bnd", "Amb")]
    held = {
        "runs as an ordinary user": table.get("status.Uid:", "").split() == ["1000"] * 4,
        "has no capabilities": all(value.strip("0") == "" and value for value in capabilities),
        "cannot gain privileges": table.get("status.NoNewPrivs:") == "1",
        "has no network": table.get("net") == "lo",
        "has a read-only root": table.get("root") == "ro",
    }
    if broken := [promise for promise, is_kept in held.items() if not is_kept]:
        raise ToolError(
            "unavailable",
            f"It does not hold on the container engine that a sandbox {', '.join(broken)}.",
            "Check the engine's configuration, or use another backend.",
        )
    if table.get("status.Seccomp:") != "2":
        return ("The engine filters no system calls: its seccomp profile is off.",)
    return ()


def _held(is_held: bool) -> Enforcement:
    return "enforced" if is_held else "none"


def _cpus(table: Mapping[str, str]) -> float | None:
    """Return the quota in CPUs, of cgroup v1 or v2; None for none."""
    words = (table.get("cpumax") or f"{table.get('quota', '')} {table.get('period', '')}").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):  # noqa: PLR2004
        return None
    return int(words[0]) / int(words[1])
