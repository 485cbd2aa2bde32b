"""Sees that one process at a time has a folder of Chroma's open.

The index has an owner, but a process that keeps vectors outlives an owner that was killed by the
batch that it writes, and the next owner may come before that.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "held"
_SECONDS = 10.0
_TURN = 0.02


class Hold:
    """The lock of a folder.

    Args:
        folder: The folder, which must be there when it is taken.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def take(self) -> None:
        """Take it, or wait for a while until it is free; once is enough.

        Raises:
            ToolError: ``busy`` when another process keeps it.
        """
        if self._descriptor >= 0:
            return
        mine = os.open(self._folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _SECONDS
        while not _locked(mine):
            if time.monotonic() > deadline:
                os.close(mine)
                raise ToolError(
                    "busy",
                    f"The vectors in {self._folder} are in use by another process.",
                    "Try again when it has ended.",
                )
            time.sleep(_TURN)
        self._descriptor = mine

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
