"""Limits that the kernel holds for each process by itself, where nothing better is to be had."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.spec import Limits


def rlimits(limits: Limits, *, with_memory: bool) -> dict[str, int]:
    """Return the limits by their name in `resource`.

    Memory is limited by RLIMIT_DATA and not by RLIMIT_AS: Node, Go and Java reserve far more
    address space than they ever use.

    Args:
        limits: What the sandbox may use.
        with_memory: Whether memory is limited this way; not where a cgroup does it.
    """
    found = {
        "RLIMIT_NOFILE": limits.nofile,
        "RLIMIT_FSIZE": limits.disk,
        "RLIMIT_CORE": 0,
    }
    if with_memory:
        found["RLIMIT_DATA"] = limits.memory
    return found
