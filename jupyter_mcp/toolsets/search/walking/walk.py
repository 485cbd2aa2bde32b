"""Goes through a folder and finds the files to index."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp.toolsets.search.walking.rules import Level, Rules

_DEEPEST = 100
"""Folders in folders; more is a loop that a mount makes."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to index.

    Args:
        path: Below the indexed folder, with ``/``.
        size: Bytes.
        mtime_ns: When it was changed last.
    """

    path: str
    size: int
    mtime_ns: int


def walk(
    folder: Path, rules: Rules, on_skip: Callable[[str, str], None] | None = None, below: str = ""
) -> Iterator[Found]:
    """Find the files to index, sorted folder by folder; what vanishes meanwhile is not there.

    Symbolic links are not followed, so a loop of them has no end to look for.

    Args:
        folder: The indexed folder.
        rules: What is left out. Their ``.gitignore`` files are read anew.
        on_skip: Told of each file and folder that is left out, and why.
        below: Only this folder in it.
    """
    skip = on_skip or _ignore
    rules.forget()
    waiting = [below]
    while waiting:
        path = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, path)) as listing:  # noqa: PTH118
                entries = sorted(listing, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            skip(path, "no permission" if isinstance(error, PermissionError) else "unreadable")
            continue
        level = rules.enter(path, {entry.name for entry in entries})
        if level.reason:
            skip(path, level.reason)
            continue
        folders: list[str] = []
        before = f"{path}/" if path else ""
        for entry in entries:
            found = _look(entry, before + entry.name, rules, level, folders, skip)
            if found is not None:
                yield found
        if path.count("/") < _DEEPEST:
            waiting += reversed(folders)
        elif folders:
            skip(path, "too many folders in folders")


def _look(
    entry: os.DirEntry[str],
    path: str,
    rules: Rules,
    level: Level,
    folders: list[str],
    skip: Callable[[str, str], None],
) -> Found | None:
    """Return an entry that is a file to index; a folder to look into goes to `folders`."""
    try:
        is_dir = entry.is_dir(follow_symlinks=False)
        reason = rules.entry(level, path, entry.name, is_dir=is_dir)
        if not reason and not entry.name.isascii():
            reason = _unprintable(entry.name)
        if not reason and is_dir:
            folders.append(path)
            return None
        if not reason and not entry.is_file(follow_symlinks=False):
            reason = "symbolic link" if entry.is_symlink() else "not a file"
        if not reason:
            state = entry.stat(follow_symlinks=False)
            reason = rules.oversize(path, state.st_size)
            if not reason:
                return Found(path, state.st_size, state.st_mtime_ns)
    except OSError:
        return None  # gone since the folder was listed
    skip(path, reason)
    return None


def _unprintable(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return ""


def _ignore(path: str, reason: str) -> None:
    """Tell nobody."""
