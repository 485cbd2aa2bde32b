"""Which process a member of the pool belongs to, so that others can tell when it is gone."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path


def new_mark() -> str:
    """Return a mark of this process: machine, number and birth; it fits into an engine's label."""
    return f"{_machine()}.{os.getpid()}.{_born(os.getpid())}"


def is_gone(mark: str) -> bool:
    """Whether the process behind a mark does not run any more.

    Of another machine nobody can tell, so its processes count as running.
    """
    parts = mark.split(".")
    if len(parts) != 3 or not parts[1].isdecimal():  # noqa: PLR2004 - as `new_mark` writes it
        return True
    machine, pid, born = parts
    return machine == _machine() and (not born or born != _born(int(pid)))


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def _born(pid: int) -> str:
    """Return when a process began, in ticks; empty when there is none, or no Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
