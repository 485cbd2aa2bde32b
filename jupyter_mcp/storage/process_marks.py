"""Which process a record belongs to: servers that share records can tell when it is gone."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path


def new_mark() -> str:
    """Return a mark of this process: machine, number and birth; it fits into an engine's label.

    Whoever tells several of one process apart adds a part of their own behind another dot.
    """
    return f"{_machine()}.{os.getpid()}.{_born(os.getpid())}"


def is_gone(mark: str) -> bool:
    """Whether the process behind a mark does not run any more.

    Of another machine nobody can tell, so its processes count as running.
    """
    match mark.split("."):
        case [machine, pid, born, *_] if pid.isdecimal():
            return machine == _machine() and (not born or born != _born(int(pid)))
        case _:  # what no version of ours wrote
            return True


def is_ours(mark: str) -> bool:
    """Whether a mark is one of this very process."""
    return mark.startswith(f"{new_mark()}")


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def _born(pid: int) -> str:
    """Return when a process began, in ticks; empty when there is none, or no Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
