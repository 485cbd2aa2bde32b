"""Tells servers that share a state folder that one of them changed what the others remember.

People start two servers in one folder; a token that is revoked at one must not live on at the
other. A small file is touched at each change and looked at before what is remembered is believed:
that costs two microseconds, where a question to the database would cost a hundred.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class ChangeStamp:
    """The time of the last change by anybody.

    Args:
        file: The file whose time is compared.
    """

    def __init__(self, file: Path) -> None:
        self._file = str(file)
        self._seen = 0

    def touch(self) -> None:
        """Say that something changed; our own change needs no second look."""
        missed = self.has_changed()
        with open(self._file, "wb"):  # noqa: PTH123 - as below
            pass
        self._seen = 0 if missed else self._now()

    def remove(self) -> None:
        """Say that there is nothing any more: a change too."""
        missed = self.has_changed()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file)  # noqa: PTH108 - as below
        self._seen = -1 if missed else 0

    def has_changed(self) -> bool:
        """Return, once for each change, whether somebody else changed something."""
        now = self._now()
        if now == self._seen:
            return False
        self._seen = now
        return True

    def _now(self) -> int:
        try:
            return os.stat(self._file).st_mtime_ns  # noqa: PTH116 - on the path of every request
        except OSError:
            return 0


def stamp_of(file: Path) -> tuple[int, int, int] | None:
    """Return what changes whenever somebody writes `file`; None where there is none. Blocking."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
