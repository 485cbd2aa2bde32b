"""Goes through a folder and finds the files to index."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp.toolsets.search.walking.rules import Level, Rules
from jupyter_mcp.toolsets.search.walking.times import changed_ns

_DEEPEST = 100
"""Folders in folders; more is a loop that a mount makes."""

_FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to index.

    Args:
        path: Below the indexed folder, with ``/``.
        size: Bytes.
        mtime_ns: When it was changed last, see `changed_ns`.
    """

    path: str
    size: int
    mtime_ns: int


def walk(
    folder: Path,
    rules: Rules,
    on_skip: Callable[[str, str], None] | None = None,
    below: str = "",
    is_ended: Callable[[], bool] | None = None,
) -> Iterator[Found]:
    """Find the files to index, sorted folder by folder; what vanishes meanwhile is not there.

    Symbolic links are not followed, so a loop of them has no end to look for.

    Args:
        folder: The indexed folder.
        rules: What is left out. Their ``.gitignore`` files are read anew.
        on_skip: Told of each file and folder that is left out, and why.
        below: Only this folder in it.
        is_ended: Asked before each folder whether to end.
    """
    skip = on_skip or _ignore
    rules.forget()
    waiting = [below]
    while waiting:
        if is_ended is not None and is_ended():
            return
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
        before = f"{path}/" if path else ""
        looked = [
            (before + each.name, _look(each, before + each.name, rules, level)) for each in entries
        ]
        for name, found in looked:
            if isinstance(found, Found):
                yield found
            elif found and found is not _FOLDER:
                skip(name, found)
        waiting += [name for name, found in reversed(looked) if found is _FOLDER]


def _look(entry: os.DirEntry[str], path: str, rules: Rules, level: Level) -> Found | str:
    """Return a file to index, that an entry is a folder to look into, or why it is left out."""
    try:
        is_dir = entry.is_dir(follow_symlinks=False)
        reason = rules.entry(level, path, entry.name, is_dir=is_dir)
        if reason:
            return reason
        if is_dir:
            return _FOLDER if path.count("/") < _DEEPEST else "too many folders in folders"
        if not entry.is_file(follow_symlinks=False):
            return "symbolic link" if entry.is_symlink() else "not a file"
        state = entry.stat(follow_symlinks=False)
    except OSError:
        return ""  # gone since the folder was listed
    reason = rules.oversize(path, state.st_size)
    return reason or Found(path, state.st_size, changed_ns(state))


def _ignore(path: str, reason: str) -> None:
    """Tell nobody."""
