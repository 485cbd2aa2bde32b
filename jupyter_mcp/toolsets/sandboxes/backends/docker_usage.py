"""What a sandbox uses, read from its own cgroup inside.

The engine's own figures take one to two seconds for an answer (Docker 20.10), so they are only
asked for while the sandbox is frozen. The shell's built-in commands read the files, so that a full
table of processes is no obstacle; only the size of the workspace needs a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.toolsets.sandboxes.spec import Usage

SCRIPT = """\
show() { if [ -r "$2" ]; then while read -r a b; do echo "$1.$a $b"; done < "$2"; fi; }
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
while read -r a b d e f; do [ "$a $b" = "Max open" ] && echo "nofile.$e"; done < /proc/self/limits
while read -r a b d e f; do [ "$b" = / ] && echo "root.${e%%,*}"; done < /proc/self/mounts
for i in /sys/class/net/*; do echo "net.${i##*/}"; done
"""
"""Prints ``name.first rest`` for each line of the files that are there."""

DISK = 'set -- $(timeout 5 du -skx /workspace 2>/dev/null); echo "disk.$1"\n'
LINES = 500
_SINGLE = frozenset(
    {"memory", "pids", "cpu", "memlimit", "pidslimit", "quota", "period", "cpumax"}
    | {"nofile", "root", "disk"}
)


def usage_of(text: str) -> Usage:
    """Return what `SCRIPT` and `DISK` printed, as figures."""
    table = parse(text)
    nanoseconds = whole(table.get("cpu"))
    microseconds = whole(table.get("cpustat.usage_usec"))
    kibibytes = whole(table.get("disk"))
    cpu = None if nanoseconds is None else nanoseconds / 1e9
    if cpu is None and microseconds is not None:
        cpu = microseconds / 1e6
    return Usage(
        memory=whole(table.get("memory")),
        pids=whole(table.get("pids")),
        cpu=cpu,
        disk=None if kibibytes is None else kibibytes * 1024,
        oom_kills=whole(table.get("oom.oom_kill")),
    )


def stats_of(stats: Mapping[str, Any]) -> Usage:
    """Return the engine's own figures, of ``GET /containers/{id}/stats``."""
    memory = stats.get("memory_stats") or {}
    cpu = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    return Usage(
        memory=memory.get("usage"),
        pids=(stats.get("pids_stats") or {}).get("current"),
        cpu=None if cpu is None else cpu / 1e9,
    )


def parse(text: str) -> dict[str, str]:
    """Return the lines as pairs; a file of one line is found under its name alone."""
    table: dict[str, str] = {}
    for line in text.splitlines()[:LINES]:
        key, _, rest = line.strip().partition(" ")
        name, _, first = key.partition(".")
        if rest:
            table[key] = rest.strip()
        if first and name in _SINGLE:
            table[name] = f"{first} {rest}".strip()
        elif first and name == "net":
            table["net"] = f"{table.get('net', '')} {first}".strip()
    return table


def whole(text: str | None) -> int | None:
    """Return a whole number; None for all else, such as ``max``."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004
