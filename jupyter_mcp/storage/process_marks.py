"""Which process a record belongs to: servers that share records can tell when it is gone."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import lru_cache
from pathlib import Path


def new_mark() -> str:
    """Return a mark of this process: machine, number and birth; it fits into an engine's label.

    Whoever tells several of one process apart adds a part of their own behind another dot.
    """
    return _mark_of(os.getpid())


def is_gone(mark: str) -> bool:
    """Whether the process behind a mark does not run any more.

    Of another machine nobody can tell, so its processes count as running.
    """
    match mark.split("."):
        case [machine, pid, born, *_] if pid.isdecimal():
            return machine == _machine() and not _runs(int(pid), born)
        case _:  # what no version of ours wrote
            return True


def runs_here(mark: str) -> bool:
    """Whether the process behind a mark runs on this machine, and no other has its number now."""
    has_birth = mark.split(".")[2:3] != [""]  # else nobody can tell it from a later one
    return has_birth and not is_elsewhere(mark) and not is_gone(mark)


def is_elsewhere(mark: str) -> bool:
    """Whether a mark is one of another machine, or of none."""
    return mark.partition(".")[0] != _machine()


def is_ours(mark: str) -> bool:
    """Whether a mark is one of this very process."""
    return mark.startswith(f"{new_mark()}")


@lru_cache(maxsize=2)
def _mark_of(pid: int) -> str:
    """Return the mark of this process, read once: calls with a key ask for it each time."""
    return f"{_machine()}.{pid}.{_born(pid)}"


def _runs(pid: int, born: str) -> bool:
    """Whether a process runs; where no births are known, any one of that number is taken for it."""
    if born or _born(os.getpid()):
        return bool(born) and born == _born(pid)
    if os.name != "posix":  # there to ask for a process by a signal would end it
        return pid == os.getpid()
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def _born(pid: int) -> str:
    """Return when a process began, in ticks; empty when there is none, or no Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
