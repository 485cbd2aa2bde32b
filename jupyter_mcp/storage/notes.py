"""Notes of what was just done, in the state folder, for as long as the store has none.

To tell a database that something was done takes milliseconds, and seconds while it is restarted. A
server that is killed meanwhile would do it again. A line at the end of an open file is written in
some 10 µs, without waiting for a thread, and stays when the process is killed, so that nothing has
to be flushed to the disk for it; to make a file for each note would take thirty times as long.

Each server has a file of its own, named after its process, and reads what others append to theirs:
those that are gone have left it to whoever shares the folder. Of a server on another host nobody
can tell whether it is gone, so its file is removed by its age; one that is not makes a new file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from jupyter_mcp.storage import process_marks

FOLDER = "done"
"""The folder in the state folder."""

KEPT_SECONDS = 24 * 3600.0
"""After how long what a server has left, and the store never got, is thrown away."""

RENEWED_BYTES = 2**20
"""From which size on a file is left for a new one, when little in it is wanted any more."""

TICK_NS = 10**8
"""For how long after a change of a folder another may have the same time."""

_DROPPED = b"-"

_log = logging.getLogger(__name__)


class Notes:
    """Notes by their keys, which are words without spaces; values have one line.

    Args:
        state: The state folder.
        clock: Tells the Unix time.
        is_gone: Tells whether the process behind a mark does not run any more.
    """

    def __init__(
        self,
        state: Path,
        clock: Callable[[], float] = time.time,
        is_gone: Callable[[str], bool] = process_marks.is_gone,
    ) -> None:
        self._folder = state / FOLDER
        self._name = _new_name()
        self._clock = clock
        self._is_gone = is_gone
        self._mine: dict[str, bytes] = {}
        self._file = -1
        self._size = 0
        self._others: dict[str, _Other] = {}
        self._looked_at = -1

    def put(self, key: str, value: bytes) -> None:
        """Note something; when this returns, it outlives the process.

        Where the file cannot be written, it is kept in memory.
        """
        self._mine[key] = value
        self._append(key, value)

    def get(self, key: str) -> bytes | None:
        """Return what was noted; a line that was cut off is returned as far as it goes."""
        if (value := self._mine.get(key)) is not None:
            return value
        self._read_others()
        return next((each.notes[key] for each in self._others.values() if key in each.notes), None)

    def drop(self, key: str) -> None:
        """Take a note back."""
        if self._mine.pop(key, None) is not None:
            self._append(key, _DROPPED)
            if self._size > RENEWED_BYTES:
                self._renew()
        for other in self._others.values():
            other.notes.pop(key, None)

    def all(self) -> list[str]:
        """Return the keys of all notes; what nobody needs any more is removed."""
        self._read_others()
        for name, other in list(self._others.items()):
            is_left = self._is_gone(name)
            is_unwanted = is_left and not other.notes
            may_age = is_left or process_marks.is_elsewhere(name)
            if is_unwanted or (may_age and self._is_old(other)):
                with contextlib.suppress(OSError):  # a read-only disk keeps it
                    other.file.unlink()
                del self._others[name]
        return list(
            dict.fromkeys([*self._mine, *(k for o in self._others.values() for k in o.notes)])
        )

    def close(self) -> None:
        """Let go of the file; what the store never got stays for the next server."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if not self._mine:
                with contextlib.suppress(OSError):
                    (self._folder / self._name).unlink()

    def _append(self, key: str, value: bytes) -> None:
        # A new line comes first: the last one may have been cut off by a full disk.
        line = b"\n%b %b\n" % (key.encode(), value)
        try:
            if self._file >= 0 and _is_removed(self._file):
                self._begin_anew()
            if self._file < 0:
                self._file = self._open()
            self._size += os.write(self._file, line)
        except OSError as error:
            _log.warning("No note can be written: %s; it is kept in memory.", error.strerror)

    def _renew(self) -> None:
        """Go on in a new file with what is wanted, if that is little."""
        if 2 * sum(map(len, self._mine.values())) > self._size:
            return
        old = self._folder / self._name
        self._begin_anew()
        with contextlib.suppress(OSError):
            old.unlink()

    def _begin_anew(self) -> None:
        """Go on in a new file."""
        with contextlib.suppress(OSError):  # it is open no more all the same
            os.close(self._file)
        self._file, self._size, self._name = -1, 0, _new_name()
        for key, value in self._mine.items():
            self._append(key, value)

    def _open(self) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.open(self._folder / self._name, flags, 0o600)

    def _read_others(self) -> None:
        """Read what was appended since the last time; most of the time there are no others."""
        with contextlib.suppress(OSError):
            changed = os.stat(self._folder).st_mtime_ns  # noqa: PTH116 - asked at each call
            if changed != self._looked_at:
                names = {name for name in os.listdir(self._folder) if name != self._name}  # noqa: PTH208 - as above
                kept = {name: other for name, other in self._others.items() if name in names}
                new = {name: _Other(self._folder / name) for name in names if name not in kept}
                self._others = kept | new
                self._looked_at = changed if time.time_ns() - changed > TICK_NS else -1
        for other in self._others.values():
            other.read()

    def _is_old(self, other: _Other) -> bool:
        try:
            return other.file.stat().st_mtime < self._clock() - KEPT_SECONDS
        except OSError:
            return True


def _is_removed(file: int) -> bool:
    """Whether somebody has removed an open file, as an old one of a host they cannot look at."""
    try:
        return os.fstat(file).st_nlink == 0
    except OSError:  # a network's file system says so
        return True


def _new_name() -> str:
    return f"{process_marks.new_mark()}.{uuid.uuid4().hex[:8]}"


class _Other:
    """The notes of another server.

    Args:
        file: Its file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.notes: dict[str, bytes] = {}
        self._read = 0

    def read(self) -> None:
        """Read what is new."""
        with contextlib.suppress(OSError):
            if self.file.stat().st_size == self._read:
                return
            with self.file.open("rb") as file:
                file.seek(self._read)
                self._take(file.read())

    def _take(self, text: bytes) -> None:
        self._read += len(text)
        for line in text.split(b"\n"):
            key, _, value = line.partition(b" ")
            if value == _DROPPED:
                self.notes.pop(key.decode(errors="replace"), None)
            elif key:
                self.notes[key.decode(errors="replace")] = value
