"""Which process runs a job, so that servers that share a database do not call each other's lost."""

from __future__ import annotations

import hashlib
import os
import platform
import uuid
from pathlib import Path


def new_owner() -> str:
    """Return a mark of this process, another one at each call."""
    return f"{_host()}:{os.getpid()}:{_born(os.getpid())}:{uuid.uuid4().hex[:8]}"


def is_gone(owner: str) -> bool:
    """Whether the process behind a mark does not run any more.

    Of another machine nobody can tell, so its processes count as running; so does none of this
    process, whose jobs end with the runtime that began them.
    """
    host, _, rest = owner.partition(":")
    if not rest:  # as an earlier version marked them
        return True
    if host != _host():
        return False
    pid, born, _ = rest.split(":", 2)
    return int(pid) == os.getpid() or born != _born(int(pid)) or not born


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def _born(pid: int) -> str:
    """Return when a process began, in ticks; empty when there is none, or no Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
