"""What a sandbox shall be, and what a backend can really keep of it.

The words for isolation are ordered and say no more than what holds; `docs/how-to/sandboxes.md`
explains each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

MIB = 1024 * 1024


class Isolation(StrEnum):
    """What stands between a sandbox and the machine, from nothing upwards.

    ``process``: nothing but resource limits. ``landlock``: files outside are out of reach, the
    rest is shared. ``bubblewrap``: own view of files, processes, network and IPC, on the host's
    kernel and programs. ``container``: the same from an image, with limits of memory, CPU and
    processes that the kernel enforces for the whole group.
    """

    PROCESS = "process"
    LANDLOCK = "landlock"
    BUBBLEWRAP = "bubblewrap"
    CONTAINER = "container"

    @property
    def rank(self) -> int:
        """How strong it is, from 0."""
        return list(Isolation).index(self)


Enforcement = Literal["enforced", "per_process", "polled", "none"]
"""How a limit holds: by the kernel for the whole sandbox, for each process by rlimit, by looking
now and then, or not at all."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend found that it can do on this machine, by trying.

    Args:
        backend: Its name: ``docker``, ``podman``, ``bubblewrap``, ``landlock``, ``process``.
        isolation: The level that it gives.
        limits: How each of ``memory``, ``pids``, ``cpu``, ``nofile``, ``disk`` holds.
        has_network_namespace: Whether loopback ports inside are the sandbox's own.
        can_pause: Whether processes can be frozen.
        has_images: Whether it runs images.
        version: What is behind it, such as ``Docker 20.10.24``.
        notes: What a person should know, a line each.
    """

    backend: str
    isolation: Isolation
    limits: Mapping[str, Enforcement]
    has_network_namespace: bool
    can_pause: bool
    has_images: bool
    version: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of the host that an administrator lends to sandboxes.

    Args:
        source: Folder on the host.
        target: Absolute path inside.
        read_only: Whether it cannot be written.
    """

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandbox may use.

    Args:
        memory: Bytes, swap included.
        cpus: CPUs, such as 1.5.
        pids: Processes and threads.
        nofile: Open files of a process.
        tmp: Bytes of ``/tmp`` and the home folder together; a tmpfs counts as memory, so it is
            kept below it.
        disk: Bytes of the workspace.
    """

    memory: int = 512 * MIB
    cpus: float = 1.0
    pids: int = 256
    nofile: int = 1024
    tmp: int = 64 * MIB
    disk: int = 4096 * MIB


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What a backend makes. There is no network: what leaves goes through the agent's channel.

    Args:
        id: Identifier, such as ``sb-0123456789ab``.
        owner: Identifier of the principal; empty for a member of the pool.
        name: What the owner calls it; empty for none.
        namespace: Which servers it belongs to (`jupyter_mcp.storage.sql_store.namespace_of`).
        image: Image; empty for the backend's own. Ignored by backends without images.
        expires: Unix time of its absolute end.
        created: Unix time.
        limits: What it may use.
        mounts: Folders lent by the administrator.
        is_member: Whether it waits in the pool for its first and only owner.
        timeout: Seconds without use after which it ends; 0 for the default of the server.
        has_network: Whether the egress proxy lets something out.
    """

    id: str
    owner: str
    namespace: str
    expires: float
    created: float
    name: str = ""
    image: str = ""
    limits: Limits = field(default_factory=Limits)
    mounts: tuple[Mount, ...] = ()
    is_member: bool = False
    timeout: float = 0.0
    has_network: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a sandbox uses now.

    Args:
        memory: Bytes.
        pids: Processes.
        cpu: CPU seconds so far.
        disk: Bytes of the workspace; None where that is not known.
        oom_kills: How often a process was killed for want of memory; None where it is not known.
    """

    memory: int | None = None
    pids: int | None = None
    cpu: float | None = None
    disk: int | None = None
    oom_kills: int | None = None
