"""What is left out of an index, and why: each reason is told to the person in `index_status`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp.toolsets.search.walking.ignoring import Patterns
from jupyter_mcp.toolsets.search.walking.names import (
    reason_of_file,
    reason_of_folder,
    reason_of_name,
)
from jupyter_mcp.toolsets.search.walking.reading import larger_than, limit_of


@dataclass(frozen=True, slots=True)
class Level:
    """What holds in one folder.

    Args:
        reason: Why the folder is left out; empty when it is not.
        patterns: The patterns that hold in it, from the nearest: each with the length of the part
            of a path that they do not look at, or of what is before the indexed folder.
    """

    reason: str = ""
    patterns: tuple[tuple[int, str, Patterns], ...] = ()


class Rules:
    """What is left out of the index of a folder. It may be asked in any thread.

    Args:
        folder: The indexed folder.
        exclude: More patterns, as in ``.gitignore``.
        file_bytes: The largest file.
    """

    def __init__(
        self, folder: Path, exclude: Sequence[str] = (), file_bytes: int = 2 << 20
    ) -> None:
        self.folder = folder
        self._exclude = Patterns(exclude)
        self._file_bytes = file_bytes
        self._levels: dict[str, Level] = {}

    def forget(self) -> None:
        """Read the ``.gitignore`` files anew from now on."""
        self._levels = {}

    def reason(self, path: str, is_dir: bool) -> str:
        """Return why a path below the folder is left out; nothing when it is indexed.

        Neither size nor content is looked at: see `oversize` and `reading.read`.
        """
        parent, _, name = path.rpartition("/")
        level = self.level(parent)
        if level.reason:
            return level.reason
        if found := self.entry(level, path, name, is_dir=is_dir):
            return found
        return self.level(path).reason if is_dir else ""

    def oversize(self, path: str, size: int) -> str:
        """Return the reason why a file of this size is left out; nothing when it is not."""
        limit = limit_of(path, self._file_bytes)
        return larger_than(limit) if size > limit else ""

    def entry(self, level: Level, path: str, name: str, *, is_dir: bool) -> str:
        """Return why an entry of a folder is left out, by its name and the patterns there."""
        found = reason_of_folder(name) if is_dir else reason_of_file(name)
        if found := found or reason_of_name(name):
            return found
        for cut, before, patterns in level.patterns:
            verdict = patterns.verdict(before + path[cut:], name, is_dir=is_dir)
            if verdict is not None:
                return "ignored by .gitignore" if verdict else self._excluded(path, name, is_dir)
        return self._excluded(path, name, is_dir)

    def level(self, folder: str) -> Level:
        """Return what holds in a folder below the indexed one (``""`` is that one itself)."""
        known = self._levels.get(folder)
        if known is None:
            known = self._levels[folder] = self._look(folder, None)
        return known

    def enter(self, folder: str, names: frozenset[str] | set[str]) -> Level:
        """The same for a folder whose entries are known, which spares looking for them."""
        known = self._levels[folder] = self._look(folder, names)
        return known

    def _excluded(self, path: str, name: str, is_dir: bool) -> str:
        if self._exclude and self._exclude.verdict(path, name, is_dir=is_dir):
            return "excluded by the settings"
        return ""

    def _look(self, folder: str, names: frozenset[str] | set[str] | None) -> Level:
        parent = None
        if folder:
            above, _, name = folder.rpartition("/")
            parent = self.level(above)
            if parent.reason:
                return parent
            if found := self.entry(parent, folder, name, is_dir=True):
                return Level(found)
        place = os.path.join(self.folder, folder)  # noqa: PTH118 - for every folder of a walk
        if folder and place in _SYSTEM:
            return Level("made by the system")
        if names is None:
            if folder and os.path.islink(place):  # noqa: PTH114
                return Level("symbolic link")
            names = {each for each in _TELLING if os.path.lexists(os.path.join(place, each))}  # noqa: PTH118
        if folder and "pyvenv.cfg" in names:
            return Level("virtual environment")
        inherited = _above(self.folder) if parent is None else parent.patterns
        return Level("", _patterns(place, folder, names, inherited))


_SYSTEM = frozenset({"/proc", "/sys", "/dev", "/run"})
"""What looks like files and is none, in the index of a whole machine."""

_TELLING = ("pyvenv.cfg", ".gitignore", ".git")

Inherited = tuple[tuple[int, str, Patterns], ...]


def _patterns(
    place: str, folder: str, names: frozenset[str] | set[str], inherited: Inherited
) -> Inherited:
    cut = len(folder) + 1 if folder else 0
    if ".git" in names:  # a repository of its own, in which those around it do not count
        inherited = ()
        if found := _read(_exclude_file(place)):
            inherited = ((cut, "", found),)
    if ".gitignore" in names and (found := _read(os.path.join(place, ".gitignore"))):  # noqa: PTH118
        return ((cut, "", found), *inherited)
    return inherited


def _above(folder: Path) -> Inherited:
    """Return the patterns of the folders above, when the folder is part of a repository."""
    if _is_repository(folder):
        return ()
    found: list[tuple[int, str, Patterns]] = []
    before = ""
    for name, above in zip(
        [folder.name, *(each.name for each in folder.parents)], folder.parents, strict=False
    ):
        before = f"{name}/{before}"
        if patterns := _read(str(above / ".gitignore")):
            found.append((0, before, patterns))
        if _is_repository(above):
            if patterns := _read(_exclude_file(str(above))):
                found.append((0, before, patterns))
            return tuple(found)
    return ()


def _is_repository(folder: Path) -> bool:
    return os.path.exists(folder / ".git")  # noqa: PTH110 - a path's own may raise OSError


def _exclude_file(place: str) -> str:
    """Return where a repository keeps its own patterns, also for a work tree or a submodule."""
    git = Path(place, ".git")
    try:
        if git.is_file():
            git = Path(place, git.read_text("utf-8", "replace").removeprefix("gitdir:").strip())
        common = git / "commondir"
        if common.is_file():
            git = git / common.read_text("utf-8", "replace").strip()
    except (OSError, ValueError):
        pass
    return str(git / "info" / "exclude")


def _read(file: str) -> Patterns | None:
    """Return the patterns in a file; None when there are none or it cannot be read."""
    try:
        with open(file, encoding="utf-8-sig", errors="replace", newline="\n") as opened:  # noqa: PTH123
            return Patterns(opened.read(1 << 20).split("\n")) or None
    except (OSError, ValueError):
        return None
