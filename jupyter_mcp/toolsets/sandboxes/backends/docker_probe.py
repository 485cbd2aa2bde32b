"""Which promises an engine really keeps, found by asking a sandbox for its own limits.

What the engine says of itself is not enough: a rootless Podman on cgroup v1 takes limits of memory
and processes and ignores them. So a small sandbox is started as any other, reads its cgroup, its
rlimits and its credentials, and what it does not find there is not claimed.
"""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backends.docker_usage import NO_LIMIT, parse
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Enforcement, Limits

LIMITS = Limits(memory=96 * MIB, cpus=0.5, pids=48, nofile=128, tmp=8 * MIB)
"""Of the sandbox that is asked: unlike any default, so that finding them proves something."""

NOTHING: Mapping[str, Enforcement] = {
    "memory": "none",
    "pids": "none",
    "cpu": "none",
    "nofile": "none",
    "disk": "none",
}


def limits_of(text: str) -> dict[str, Enforcement]:
    """Return which of `LIMITS` hold in the sandbox that printed `text`."""
    table = parse(text)
    memory = _whole(table.get("memlimit"))
    return {
        "memory": _held(memory is not None and 0 < memory <= LIMITS.memory < NO_LIMIT),
        "pids": _held(_whole(table.get("pidslimit")) == LIMITS.pids),
        "cpu": _held(_cpus(table) == LIMITS.cpus),
        "nofile": "per_process" if _whole(table.get("nofile")) == LIMITS.nofile else "none",
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
        "runs as an ordinary user": table.get("uid") == "1000",
        "has no capabilities": all(value and int(value, 16) == 0 for value in capabilities),
        "cannot gain privileges": table.get("status.NoNewPrivs:") == "1",
        "has no network": table.get("net") == "lo",
        "has a read-only root": "root" not in table,
    }
    if broken := [promise for promise, is_kept in held.items() if not is_kept]:
        raise ToolError(
            "unavailable",
            f"The container engine does not keep that a sandbox {', '.join(broken)}.",
            "Check the engine's configuration, or use another backend.",
        )
    if table.get("status.Seccomp:") != "2":
        return ("The engine filters no system calls (seccomp is off).",)
    return ()


def _held(is_held: bool) -> Enforcement:
    return "enforced" if is_held else "none"


def _cpus(table: Mapping[str, str]) -> float | None:
    """Return the quota in CPUs, of cgroup v1 or v2; None for none."""
    words = (table.get("cpumax") or f"{table.get('quota', '')} {table.get('period', '')}").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):  # noqa: PLR2004
        return None
    return int(words[0]) / int(words[1])


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
