"""What a container of ours is made of: hardened options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.toolsets.sandboxes.backends.docker_labels import labels_of, name_of
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Limits, SandboxSpec

USER = "1000:1000"
HOME = "/home/sandbox"
WORKSPACE = "/workspace"
NPROC = 16_384
"""Of a user on the whole machine, so it cannot bound one sandbox: the pids cgroup does. It is sent
because Podman makes an invalid rlimit of what is left out, and below the 32,768 that Podman itself
has: without CAP_SYS_RESOURCE it cannot give more."""

DEADLINE = """\
n=$1
trap 'exec sleep "$n"' EXIT
while [ "$n" -gt 0 ]; do
  t=20
  [ "$n" -lt "$t" ] && t=$n
  sleep "$t"
  n=$((n - t))
done
trap - EXIT
"""
"""The main process. It ends at the absolute end, and the container with it, though no server should
ever come back. Frozen time does not count, hence the short sleeps; where a fork bomb leaves no room
for the next one, it sleeps the rest in one piece."""

SLACK = 1.02
"""How much later than promised the main process ends: a freeze may cost it one short sleep."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where engines differ.

    Args:
        is_podman: Podman refuses owners of a tmpfs; ours are open to all users then.
        has_init: Whether there is an init for the container (Podman needs catatonit).
    """

    is_podman: bool = False
    has_init: bool = True


def tmpfs_sizes(limits: Limits) -> dict[str, int]:
    """Return bytes of what lies in memory, together well below the limit of memory."""
    half = min(limits.tmp, limits.memory // 2) // 2
    return {
        "/tmp": half,  # noqa: S108  a path in the container
        HOME: half,
        "/run": max(half // 8, MIB),
        "/dev/shm": min(64 * MIB, limits.memory // 8),  # noqa: S108
    }


def environment(spec: SandboxSpec) -> dict[str, str]:
    """Return variables that tell programs where they are.

    The limits are among them since ``/proc/meminfo`` and ``nproc`` show the host's.
    """
    cpus = str(max(1, math.ceil(spec.limits.cpus)))
    return {
        "HOME": HOME,
        "LANG": "C.UTF-8",
        # Its caches go by seconds and sizes: of two quick edits the second might not count.
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": "/tmp",  # noqa: S108
        "XDG_RUNTIME_DIR": "/run",
        "JUPYTER_MCP_SANDBOX": spec.id,
        "MEM_LIMIT": str(spec.limits.memory),
        "CPU_LIMIT": f"{spec.limits.cpus:g}",
        "PIDS_LIMIT": str(spec.limits.pids),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOMAXPROCS"), cpus),
    }


def host_options(spec: SandboxSpec, dialect: Dialect) -> dict[str, Any]:
    """Return what the SDK's `create_host_config` takes."""
    from docker.types import LogConfig, Ulimit  # type: ignore[import-untyped]
    from docker.types import Mount as Volume

    limits, sizes = spec.limits, tmpfs_sizes(spec.limits)
    own = "mode=1777" if dialect.is_podman else "mode=0755,uid=1000,gid=1000"
    modes = {"/tmp": "mode=1777"}  # noqa: S108
    mounts = [Volume(WORKSPACE, name_of(spec.id), type="volume")]
    mounts += [
        Volume(mount.target, mount.source, type="bind", read_only=mount.read_only)
        for mount in spec.mounts
    ]
    return {
        "auto_remove": True,
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "ipc_mode": "private",
        "init": dialect.has_init,
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "pids_limit": limits.pids,
        "nano_cpus": int(limits.cpus * 1e9),
        "shm_size": sizes.pop("/dev/shm"),  # noqa: S108
        "ulimits": [
            Ulimit(name="nofile", soft=limits.nofile, hard=limits.nofile),
            Ulimit(name="nproc", soft=NPROC, hard=NPROC),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "tmpfs": {
            path: f"rw,nosuid,nodev,size={size},{modes.get(path, own)}"
            for path, size in sizes.items()
        },
        "mounts": mounts,
        "log_config": LogConfig(type="none"),
    }


def container_options(spec: SandboxSpec, image: str, seconds: float) -> dict[str, Any]:
    """Return what the SDK's `create_container` takes, the host options left out.

    Args:
        spec: What it shall be.
        image: Its digest, so that a new image of the same name changes nothing.
        seconds: After how many, pauses left out, it ends by itself.
    """
    life = max(1, math.ceil(seconds * SLACK))
    return {
        "image": image,
        "command": ["-c", DEADLINE, "deadline", str(life)],
        "entrypoint": ["/bin/sh"],
        "name": name_of(spec.id),
        "hostname": spec.id[:63],
        "user": USER,
        "working_dir": WORKSPACE,
        "environment": environment(spec),
        "labels": labels_of(spec),
        "healthcheck": {"test": ["NONE"]},
        "use_config_proxy": False,  # a proxy's URL in Docker's settings may hold a password
    }
