"""Who is the worker of a state folder: who holds its lock.

The lock ends with its process, however that ends, so it never says of a dead worker that it lives.
What stands in the file is for people and for signals.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from jupyter_mcp.storage.process_marks import runs_here
from jupyter_mcp.toolsets.workflows.worker.versions import is_older

FILE = "worker.lock"
MODE = 0o600

PATIENCE = 1.0
"""For how many seconds a lock is tried: whoever only looks holds it for a moment."""

FAR = 1 << 30
"""Where Windows locks a byte, so that the text can be read meanwhile."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The worker that holds a lock.

    Args:
        pid: Its process.
        executor: Its identifier in the engine.
        started: Unix time.
        version: The version of the package that it runs.
        starter: That of the server that started it; empty for one that was started by hand.
        mark: Which process it is, as `jupyter_mcp.storage.process_marks`.
    """

    pid: int
    executor: str
    started: float
    version: str = ""
    starter: str = ""
    mark: str = ""

    @classmethod
    def read(cls, file: Path) -> Holder:
        """Return what a worker wrote into its lock, also one of another version of the package.

        Raises:
            OSError: It cannot be read.
            ValueError: It is not written yet.
        """
        told = json.loads(file.read_bytes())
        if not isinstance(told, dict) or not isinstance(told.get("pid"), int):
            raise ValueError("no worker stands there")  # noqa: TRY004 - as for what is no JSON
        started = told.get("started")
        since = float(started) if isinstance(started, int | float) else 0.0
        texts = {name: str(told.get(name, "")) for name in ("version", "starter", "mark")}
        return cls(told["pid"], str(told.get("executor", "")), since, **texts)

    def is_outdated(self, version: str) -> bool:
        """Whether a server of `version` shall start a worker of its own instead of this one.

        So it is only where a server of an older version started it on this machine. What a server
        itself has started it leaves, and a newer one's: two servers never replace each other's.
        """
        is_of_server = bool(self.starter) and runs_here(self.mark)
        return is_of_server and all(is_older(old, version) for old in (self.starter, self.version))


class Lock:
    """The lock of a state folder.

    Args:
        state: The folder.
    """

    def __init__(self, state: Path) -> None:
        self.file = state / FILE
        self._held = -1

    def take(self, holder: Holder) -> bool:
        """Take the lock and say who holds it; return whether it was free."""
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), MODE)
        until = time.monotonic() + PATIENCE
        while not _try(descriptor):
            if time.monotonic() > until:
                os.close(descriptor)
                return False
            time.sleep(0.02)
        text = json.dumps(asdict(holder)).encode()
        os.pwrite(descriptor, text, 0) if hasattr(os, "pwrite") else os.write(descriptor, text)
        os.ftruncate(descriptor, len(text))
        self._held = descriptor
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def holder(self) -> Holder | None:
        """Return who holds the lock; None when nobody does."""
        for _ in range(25):
            if not self._is_held():
                return None
            with contextlib.suppress(OSError, ValueError):
                return Holder.read(self.file)
            time.sleep(0.02)  # it was just taken and not written
        return Holder(0, "", 0.0)

    def last(self) -> Holder | None:
        """Return who had the lock last, whether it lives or not."""
        try:
            return Holder.read(self.file)
        except (OSError, ValueError):
            return None

    def _is_held(self) -> bool:
        try:
            descriptor = os.open(self.file, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return False
        try:
            return not _try(descriptor)
        finally:
            os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
