"""Why nothing at a path is found: it is not there, or it is left out, and by which rule.

Only what found nothing is looked at, so it may read a file that an index would not show.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jupyter_mcp.plain import one_line
from jupyter_mcp.toolsets.search.chunking.chunker import chunk
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.place import nowhere, unfitting
from jupyter_mcp.toolsets.search.walking.reading import Unreadable, limit_of, read
from jupyter_mcp.toolsets.search.walking.rules import Rules

ENTRIES = 1000
"""Entries of a folder that are looked at, so that a large one costs no second."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Looks why a path is in no index.

    Args:
        folder: The indexed folder.
        exclude: What its index leaves out besides.
        file_bytes: The largest file that its index takes.
    """

    folder: Path
    exclude: Sequence[str]
    file_bytes: int

    def why(self, path: str) -> str:
        """Return a sentence on a path, or a glob, below the folder.

        Returns:
            Nothing for what an index would take: then it was not read yet.
        """
        shown = one_line(path[:200])
        if Filter(path).is_glob and not self._is_there(path):
            return unfitting(path)
        if not self._is_there(path):
            return nowhere(path)
        if reason := self._reason(path):
            return f"'{shown}' is not searched: {reason}."
        if (self.folder / path).is_dir() and (left := self._left_out(path)):
            return f"Nothing in '{shown}' is searched: {left}."
        return ""

    def _is_there(self, path: str) -> bool:
        try:
            return os.path.lexists(self.folder / path)
        except ValueError:  # no file can be called so
            return False

    def _reason(self, path: str) -> str:
        rules, place = self._rules(), self.folder / path
        if place.is_symlink():
            return "symbolic link"
        is_dir = place.is_dir()
        found = rules.reason(path, is_dir)
        return found if found or is_dir else self._reason_inside(path)

    def _reason_inside(self, path: str) -> str:
        """Return what of a file's size or contents keeps it out."""
        try:
            source = read(self.folder, path, limit_of(path, self.file_bytes))
            return "" if chunk(path, source.text) else "nothing is in it"
        except Unreadable as error:
            return error.reason

    def _left_out(self, path: str) -> str:
        """Return the reasons of a folder's entries; nothing when one of them may be searched."""
        rules = self._rules()
        reasons: Counter[str] = Counter()
        try:
            with os.scandir(self.folder / path) as entries:
                for each in islice(entries, ENTRIES):
                    reason = rules.reason(f"{path}/{each.name}", each.is_dir())
                    if not reason:
                        return ""
                    reasons[reason] += 1
        except OSError:
            return "it cannot be read"
        return ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common()) or "it is empty"

    def _rules(self) -> Rules:
        return Rules(self.folder, self.exclude, self.file_bytes)
