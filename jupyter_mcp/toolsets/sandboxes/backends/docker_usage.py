"""What a sandbox uses, read from its own cgroup inside.

The engine's own figures take one to two seconds for an answer (Docker 20.10), so they are only
asked for while the sandbox is frozen. A program in the image's read-only root reads the files; the
shell's built-in commands suffice, so that a full table of processes is no obstacle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.toolsets.sandboxes.spec import Usage

NO_LIMIT = 1 << 60
"""From here on a limit of cgroup v1 means none (it is the largest multiple of the page size)."""

SCRIPT = """\
show() { if [ -r "$2" ]; then while read -r a b; do echo "$1.$a $b"; done < "$2"; fi 2>/dev/null; }
c=/sys/fs/cgroup
show memory "$c/memory/memory.usage_in_bytes"; show memory "$c/memory.current"
show pids "$c/pids/pids.current"; show pids "$c/pids.current"
show cpu "$c/cpuacct/cpuacct.usage"; show cpustat "$c/cpu.stat"
show oom "$c/memory/memory.oom_control"; show oom "$c/memory.events"
show memlimit "$c/memory/memory.limit_in_bytes"; show memlimit "$c/memory.max"
show pidslimit "$c/pids/pids.max"; show pidslimit "$c/pids.max"
show quota "$c/cpu/cpu.cfs_quota_us"; show period "$c/cpu/cpu.cfs_period_us"
show cpumax "$c/cpu.max"
show status /proc/self/status
echo "nofile.$(ulimit -n)"
echo "uid.$(id -u)"
for i in /sys/class/net/*; do echo "net.${i##*/}"; done
if : 2>/dev/null > /.jupyter-mcp; then echo "root.writable"; fi
"""
"""Prints ``name.first rest`` for each line of the files that are there."""

DISK = 'set -- $(timeout 5 du -skx /workspace 2>/dev/null); echo "disk.$1"\n'


def usage_of(text: str) -> Usage:
    """Return what `SCRIPT` and `DISK` printed, as figures."""
    table = parse(text)
    cpu = _number(table.get("cpu"), 1e-9)
    if cpu is None:
        cpu = _number(table.get("cpustat.usage_usec"), 1e-6)
    disk = _number(table.get("disk"), 1024)
    return Usage(
        memory=_whole(table.get("memory")),
        pids=_whole(table.get("pids")),
        cpu=cpu,
        disk=None if disk is None else int(disk),
        oom_kills=_whole(table.get("oom.oom_kill")),
    )


def parse(text: str) -> dict[str, str]:
    """Return the lines as pairs; a file of one number is found under its name alone."""
    table: dict[str, str] = {}
    for line in text.splitlines()[:500]:
        key, _, rest = line.strip().partition(" ")
        name, _, first = key.partition(".")
        if rest:
            table[key] = rest.strip()
        if first and name in _SINGLE:
            table[name] = f"{first} {rest}".strip()
        elif name == "net":
            table["net"] = f"{table.get('net', '')} {first}".strip()
    return table


def stats_of(stats: Mapping[str, Any]) -> Usage:
    """Return the engine's own figures, of ``GET /containers/{id}/stats``."""
    memory = stats.get("memory_stats") or {}
    cpu = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    return Usage(
        memory=memory.get("usage"),
        pids=(stats.get("pids_stats") or {}).get("current"),
        cpu=None if cpu is None else cpu / 1e9,
    )


_SINGLE = frozenset(
    {"memory", "pids", "cpu", "memlimit", "pidslimit", "quota", "period", "cpumax"}
    | {"nofile", "uid", "root", "disk"}
)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _number(text: str | None, factor: float) -> float | None:
    whole = _whole(text)
    return None if whole is None else whole * factor
