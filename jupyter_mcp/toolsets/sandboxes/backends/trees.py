"""Trees of files that a stranger made: counted and removed, however deep they are.

`os.fwalk` and `shutil.rmtree` call themselves and hold a file open for each level, so that a few
thousand folders in each other would take all that this server may open, and could neither be
counted nor removed. Here one folder is open at a time. Links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
BLOCK = 512
ENTRY = 1024
"""Bytes that count for a file or a folder beside its contents: there are not endlessly many."""
ATTEMPTS = 3
NO_END = sys.maxsize

Names = list[str]


class _MovedError(Exception):
    """A folder was moved elsewhere while it was looked at."""


def size_of(folder: Path) -> int:
    """Return how many bytes a folder and all below it take on the disk.

    A tree whose folders are moved about whenever they are counted is endless.
    """
    for _attempt in range(ATTEMPTS):
        try:
            return _counted(folder)
        except _MovedError:
            continue
        except FileNotFoundError:
            break
    return NO_END if folder.exists() else 0


def remove_tree(folder: Path) -> None:
    """Remove a folder; one that is gone is no error.

    What is deep is brought up first: each folder's own folders are moved to the top.

    Raises:
        OSError: When something cannot be removed.
    """
    try:
        top = _open_closed(str(folder), None)
    except FileNotFoundError:
        return
    try:
        brought = 0
        while names := _folders_left(top):
            for name in names:
                brought = _emptied(top, name, brought)
    finally:
        os.close(top)
    folder.rmdir()


def _counted(folder: Path) -> int:
    here = os.open(folder, FOLDER)
    try:
        trail: list[tuple[tuple[int, int], Names]] = []
        total, names = _looked_at(here)
        while True:
            while not names:
                if not trail:
                    return total
                here = _exchanged(here, os.open("..", FOLDER, dir_fd=here))
                identity, names = trail.pop()
                if _identity(here) != identity:
                    raise _MovedError
            with contextlib.suppress(OSError):  # gone, or closed to this account
                deeper = os.open(names.pop(), FOLDER, dir_fd=here)
                trail.append((_identity(here), names))
                here = _exchanged(here, deeper)
                more, names = _looked_at(here)
                total += more
    finally:
        os.close(here)


def _looked_at(here: int) -> tuple[int, Names]:
    """Return what the entries of a folder take, and which of them are folders."""
    total, names = 0, []
    with os.scandir(here) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                total += found.st_blocks * BLOCK + ENTRY
                if stat.S_ISDIR(found.st_mode):
                    names.append(entry.name)
    return total, names


def _identity(here: int) -> tuple[int, int]:
    found = os.fstat(here)
    return found.st_dev, found.st_ino


def _exchanged(old: int, new: int) -> int:
    os.close(old)
    return new


def _folders_left(top: int) -> Names:
    """Remove the files of a folder and return its folders."""
    names = []
    with os.scandir(top) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            names.append(name)
        else:
            os.unlink(name, dir_fd=top)
    return names


def _emptied(top: int, name: str, brought: int) -> int:
    """Remove a folder of `top`, whose own folders are brought there under names of their own."""
    here = _open_closed(name, top)
    try:
        for inner in _folders_left(here):
            os.close(_open_closed(inner, here))  # a folder that is closed cannot be moved
            while _is_there(top, f".up-{brought}"):
                brought += 1
            os.rename(inner, f".up-{brought}", src_dir_fd=here, dst_dir_fd=top)
            brought += 1
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=top)
    return brought


def _is_there(top: int, name: str) -> bool:
    try:
        os.lstat(name, dir_fd=top)
    except FileNotFoundError:
        return False
    return True


def _open_closed(name: str, place: int | None) -> int:
    """Open a folder, also one that was closed to its own account."""
    seen = os.open(name, FOLDER | os.O_PATH, dir_fd=place)
    try:
        same = f"/proc/self/fd/{seen}"
        if os.fstat(seen).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(same, 0o700)  # noqa: PTH101 - a file number, which no link can stand for
        return os.open(same, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(seen)
