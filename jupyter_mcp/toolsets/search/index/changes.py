"""What differs between a folder and its index."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.documents import is_document
from jupyter_mcp.toolsets.search.index.model import MOST_FILES
from jupyter_mcp.toolsets.search.lexical.pieces import FileState
from jupyter_mcp.toolsets.search.walking.rules import Rules
from jupyter_mcp.toolsets.search.walking.times import changed_ns
from jupyter_mcp.toolsets.search.walking.walk import Found, walk

LIVE = "live:"
"""What the digest of a file begins with when the index has what is open somewhere instead."""

NO_FILE = 0
"""The time of a notebook that is open somewhere and was never saved."""

_LOOKS = 256


@dataclass
class Differences:
    """What an update has to do.

    Args:
        found: Files that are new or not as they were.
        gone: Files that are in the index and should not be.
        skipped: How many files and folders are left out, by reason; only of a whole folder.
        is_cut: Whether there are more files than may be in an index.
    """

    found: list[Found] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False


class Comparison:
    """Compares a folder with what an index knows of it.

    Args:
        folder: The folder.
        rules: What is left out of it.
        known: What the index knows.
        live: When the file of each notebook that is open somewhere was changed last.
        most: So many files may be in the index.
    """

    def __init__(
        self,
        folder: Path,
        rules: Rules,
        known: Mapping[str, FileState],
        live: Mapping[str, int],
        most: int = MOST_FILES,
    ) -> None:
        self._most = most
        self._folder, self._rules, self._known, self._live = folder, rules, known, live

    def whole(self, is_cancelled: Callable[[], bool]) -> Differences | None:
        """Look at all files; None when it was cancelled.

        Raises:
            ToolError: ``unavailable`` when the folder is not there, or not to be read: a disk that
                is not mounted, or not connected, is no reason to forget what was on it.
        """
        differences = Differences()
        seen: set[str] = set()
        ended: list[bool] = []

        def is_ended() -> bool:
            if not ended and is_cancelled():
                ended.append(True)
            return bool(ended)

        def skip(_: str, why: str) -> None:
            differences.skipped[why] += 1

        for found in walk(self._folder, self._rules, skip, is_ended=is_ended):
            if not len(seen) % _LOOKS and is_ended():
                break
            if len(seen) >= self._most:
                differences.is_cut = True
                break
            seen.add(found.path)
            if self._is_new(found):
                differences.found.append(found)
        if ended:
            return None
        if not _is_listed(self._folder):
            raise ToolError(
                "unavailable",
                f"The folder '{self._folder.name}' is not there, or cannot be read.",
                "What was indexed stays; update again when it is back, or drop the index.",
            )
        differences.gone = [path for path in self._known if path not in seen and self._goes(path)]
        return differences

    def some(self, paths: Sequence[str]) -> Differences:
        """Look at some files and folders."""
        differences = Differences()
        seen: set[str] = set()
        unsure: set[str] = set()
        self._rules.forget()  # a folder may be in the place of a link that was left out
        for path in paths:
            # A new folder and what is in it may both be named.
            here = [found for found in self._below(path) if found.path not in seen]
            differences.found += filter(self._is_new, here)
            seen.update(found.path for found in here)
        self._cut(differences)
        for path in paths:
            if path not in seen or path not in self._known:
                unsure.add(path)  # it may have been a folder
        if unsure:
            gone = (path for path in self._known if path in unsure or _is_below(path, unsure))
            differences.gone = [path for path in gone if path not in seen and self._goes(path)]
        return differences

    def _cut(self, differences: Differences) -> None:
        """Leave new files out that would be too many."""
        new = [found for found in differences.found if found.path not in self._known]
        if not new or len(self._known) + len(new) <= self._most:
            return
        known = sum(not is_document(path) for path in self._known)
        more = known + len(new) - self._most
        if more > 0:
            differences.is_cut = True
            left_out = {found.path for found in new[-more:]}
            differences.found = [each for each in differences.found if each.path not in left_out]

    def _below(self, path: str) -> Iterator[Found]:
        """Yield the file, or the files in the folder, as far as they belong into the index."""
        try:
            state = (self._folder / path).lstat()
        except (OSError, ValueError):
            return
        is_dir = stat.S_ISDIR(state.st_mode)
        if not (is_dir or stat.S_ISREG(state.st_mode)) or self._rules.reason(path, is_dir):
            return
        if is_dir:
            yield from walk(self._folder, self._rules, below=path)
        elif not self._rules.oversize(path, state.st_size):
            yield Found(path, state.st_size, changed_ns(state))

    def _goes(self, path: str) -> bool:
        """Whether a file that is not on the disk leaves the index."""
        return not is_document(path) and self._live.get(path) != NO_FILE

    def _is_new(self, found: Found) -> bool:
        known = self._known.get(found.path)
        if known is None or (known.size, known.mtime_ns) != (found.size, found.mtime_ns):
            return True
        return known.digest.startswith(LIVE) and self._live.get(found.path) != found.mtime_ns


def below(folder: Path, paths: Iterable[str]) -> list[str] | None:
    """Return paths as they are written in an index; None when the folder itself is among them.

    Raises:
        ToolError: ``invalid_arguments`` for a path that is not below the folder.
    """
    told = []
    for path in paths:
        full = os.path.normpath(folder / path)
        if full == str(folder):
            return None
        if not full.startswith(f"{folder}{os.sep}"):
            raise ToolError(
                "invalid_arguments",
                f"'{path}' is not below the indexed folder.",
                "Give a path below it, with '/'.",
            )
        told.append(PurePosixPath(full[len(str(folder)) + 1 :]).as_posix())
    return list(dict.fromkeys(told))


def _is_listed(folder: Path) -> bool:
    try:
        os.scandir(folder).close()
    except OSError:  # also of a parent that may not be entered, and of a connection that is lost
        return False
    return True


def _is_below(path: str, folders: set[str]) -> bool:
    at = path.rfind("/")
    while at > 0:
        if path[:at] in folders:
            return True
        at = path.rfind("/", 0, at)
    return False
