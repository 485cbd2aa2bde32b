"""Who may write an index: one process at a time.

Chroma's folder loses vectors when two processes have it open, without any error, so the owner
holds a lock of the kernel's on a file. It is gone with the process, also after ``kill -9``; what
stands in the file is only for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

_MODE = 0o600
_HEIR_SECONDS = 2.0
_TURN = 0.01


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that owns an index.

    Args:
        pid: Its number.
        host: Its machine.
        since: Unix time.
    """

    pid: int
    host: str
    since: float

    @property
    def is_gone(self) -> bool:
        """Whether it was a process of this machine that there is no more."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def __str__(self) -> str:
        if self.host != socket.gethostname():
            return f"process {self.pid} on {self.host}"
        return "this process" if self.pid == os.getpid() else f"process {self.pid}"


class OwnerLock:
    """The lock of an index.

    Args:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_mine(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Take it unless somebody has it; return whether it is ours.

        A process that was just being started when its parent was killed has the file until it
        begins: that is waited for.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        deadline = time.monotonic() + _HEIR_SECONDS
        while not _is_locked(descriptor):
            holder = self.holder()
            if holder is None or not holder.is_gone or time.monotonic() > deadline:
                os.close(descriptor)
                return False
            time.sleep(_TURN)
        self._descriptor = descriptor
        _sign(descriptor)
        return True

    def holder(self) -> Holder | None:
        """Return who wrote into the file last, which is who holds it if somebody does."""
        try:
            told = json.loads(self.path.read_text())
            return Holder(int(told["pid"]), str(told["host"]), float(told["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def release(self) -> None:
        """Let go of it. Told to the kernel and not only by closing: a fork may have the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sign(descriptor: int) -> None:
    told = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(told).encode(), 0)
