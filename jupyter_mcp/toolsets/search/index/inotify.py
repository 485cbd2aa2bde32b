"""What Linux tells of changes in a folder and in those below it.

watchfiles tells the same elsewhere, but on Linux it follows links: what changes in a folder that a
link leads to may be told by the link's name alone, and not at all any more when the link is gone;
and a link to `/` costs 9 s and 33,000 watches. Here no link is followed, and folders that are left
out for their names, of which an environment or a repository has thousands, are not watched.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from jupyter_mcp.toolsets.search.walking.names import reason_of_folder

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED = 0x2000, 0x4000, 0x8000
_ONLYDIR, _DONT_FOLLOW, _ISDIR = 0x1000000, 0x2000000, 0x40000000

_ENTRIES = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_WATCHED = _ENTRIES | _DELETE_SELF | _MOVE_SELF | _ONLYDIR | _DONT_FOLLOW
_CAME = _CREATE | _MOVED_TO | _ATTRIB
_ENDED = _DELETE_SELF | _MOVE_SELF | _UNMOUNT

_EVENT = struct.Struct("iIII")
_BUFFER = 1 << 16

_NO_MORE = frozenset({errno.ENOSPC, errno.ENOMEM})


class Inotify:
    """Tells of changes below `folder` from when it is made until `close`.

    Args:
        folder: The folder, without links in its path.

    Raises:
        OSError: The folder is not there, or the system has no more watches.
    """

    def __init__(self, folder: Path) -> None:
        self._root = str(folder)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = -1
        self._folders: dict[int, str] = {}
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def burst(self, wait_ms: int, quiet_ms: int, most_ms: int) -> set[str]:
        """Return what changed, as paths below the folder; ``""`` stands for anything.

        Args:
            wait_ms: After so long without a change there is nothing to return.
            quiet_ms: Changes belong together that are not farther apart.
            most_ms: Changes are not gathered for longer.

        Raises:
            OSError: The folder was moved or removed, or the system has no more watches.
        """
        found = more = self._read(wait_ms)
        until = time.monotonic() + most_ms / 1000
        while more and time.monotonic() < until:
            more = self._read(quiet_ms)
            found |= more
        return found

    def close(self) -> None:
        """Let go of all watches."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin(self) -> None:
        """Watch all folders anew."""
        self.close()
        self._folders = {}
        self._file = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            self._add("")
        except OSError:
            self.close()
            raise

    def _read(self, wait_ms: int) -> set[str]:
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        found: set[str] = set()
        if not poll.poll(wait_ms):
            return found
        came: list[str] = []
        for number, mask, name in _events(os.read(self._file, _BUFFER)):
            if mask & _OVERFLOW:  # also of folders that came and went
                self._begin()
                return {""}
            folder = self._folders.get(number)
            if folder is None:
                continue
            if name:
                path = f"{folder}/{name}" if folder else name
                found.add(path)
                if mask & _ISDIR:
                    came += self._take_folder(path, mask)
            else:
                self._take_own(number, folder, mask, found)
        for path in filter(_is_watched, came):
            self._add(path)
        return found

    def _take_folder(self, folder: str, mask: int) -> list[str]:
        """Return the folder when it has to be looked for."""
        if mask & _MOVED_FROM:
            self._drop(folder)
        # Where one went, another may be that was told of before: two changed places.
        return [folder] if mask & (_CAME | _MOVED_FROM) else []

    def _take_own(self, number: int, folder: str, mask: int, found: set[str]) -> None:
        """Take what is told of a watched folder itself."""
        if mask & _ENDED and not folder:
            raise FileNotFoundError("it was moved or removed")
        if mask & _UNMOUNT:
            found.add(folder)
        if mask & _IGNORED:
            del self._folders[number]

    def _add(self, folder: str) -> None:
        """Watch a folder and those below it that are not watched yet."""
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            number = self._watch(path)
            # Watched before it is looked into, so that no folder can be missed.
            if number >= 0 and self._folders.get(number) != path:
                self._folders[number] = path
                waiting += self._below(path)

    def _watch(self, folder: str) -> int:
        """Return the number of a folder's watch; less than 0 when it cannot be looked into."""
        path = os.path.join(self._root, folder)  # noqa: PTH118 - for every folder
        number: int = self._libc.inotify_add_watch(self._file, os.fsencode(path), _WATCHED)
        if number < 0 and (not folder or ctypes.get_errno() in _NO_MORE):
            self._checked(number)
        return number

    def _below(self, folder: str) -> list[str]:
        before = f"{folder}/" if folder else ""
        try:
            with os.scandir(os.path.join(self._root, folder)) as listing:  # noqa: PTH118
                return [
                    before + each.name
                    for each in listing
                    if each.is_dir(follow_symlinks=False) and _is_watched(before + each.name)
                ]
        except OSError:
            return []  # gone, or not to be read

    def _drop(self, folder: str) -> None:
        """Watch a folder that was moved no longer by the name that it had."""
        below = f"{folder}/"
        for number, path in list(self._folders.items()):
            if path == folder or path.startswith(below):
                del self._folders[number]
                self._libc.inotify_rm_watch(self._file, number)

    @staticmethod
    def _checked(answer: Any) -> int:
        if answer < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return int(answer)


def _is_watched(folder: str) -> bool:
    """Whether files in a folder may count; in a repository's own one its rules do."""
    above, _, name = folder.rpartition("/")
    if above == ".git" or above.endswith("/.git"):
        return name == "info"
    return name == ".git" or not reason_of_folder(name)


def _events(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield the number of the watch, what happened, and the name of the entry, if it is one."""
    at = 0
    while at < len(data):
        number, mask, _, length = _EVENT.unpack_from(data, at)
        at += _EVENT.size
        yield number, mask, os.fsdecode(data[at : at + length].rstrip(b"\0"))
        at += length
