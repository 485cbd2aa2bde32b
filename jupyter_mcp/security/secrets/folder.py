"""The folder of the secrets: for its owner alone, with one writer at a time.

A file in it that others can read is refused rather than mended: somebody may have read it already,
and whoever looks after the machine has to know.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Hashable, Iterator
from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security import private_file
from jupyter_mcp.security.change_stamp import stamp_of

PRIVATE_FOLDER = 0o700
OTHERS = 0o077


class SecretFolder:
    """Reads and writes its files.

    Args:
        path: Where it is; made at the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self, name: str) -> Hashable:
        """Return what changes whenever somebody has written a file; None when there is none."""
        return stamp_of(self.path / name)

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None when there is none.

        Raises:
            ToolError: ``forbidden`` when others can read it or it is somebody else's.
        """
        file = self.path / name
        with _told(file):
            try:
                descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as opened:
                _refuse_shared(file, os.fstat(opened.fileno()))
                return opened.read()

    def write(self, name: str, content: bytes) -> None:
        """Put `content` in the place of a file at once, mode 0600.

        Raises:
            ToolError: ``unavailable`` when the disk refuses; the old file then stays.
        """
        with _told(self.path / name):
            private_file.replace(self.path / name, content)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder if need be, and hold its lock, which other processes wait for."""
        with _told(self.path):
            self.path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            self.path.chmod(PRIVATE_FOLDER)
            lock = contextlib.ExitStack()
            lock.enter_context(private_file.locked(self.path / "lock"))
        with lock:
            yield


@contextlib.contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ToolError(
            "unavailable",
            f"'{place}' cannot be used: {reason}.",
            "Check the folder's owner, its mode and the space on its disk.",
        ) from error


def _refuse_shared(file: Path, status: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if status.st_uid not in {os.geteuid(), 0}:
        raise ToolError("forbidden", f"'{file}' belongs to somebody else.", "Move it away.")
    if stat.S_IMODE(status.st_mode) & OTHERS:
        raise ToolError(
            "forbidden",
            f"Others can read '{file}', so what it protects may be known to them.",
            f"Run 'chmod 600 {file}' and set the secrets anew.",
        )
