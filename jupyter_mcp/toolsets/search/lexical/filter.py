"""Which chunks a search is about."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from jupyter_mcp.toolsets.search.chunk import Kind


@dataclass(frozen=True)
class Filter:
    """What is left of the chunks of an index.

    Args:
        path: Only below this folder, this file, or what a glob such as ``src/**/*.py`` means.
        language: Only this language.
        kinds: Only these kinds; empty for all.
        allows: Says whether a file may be told of; None for all.
    """

    path: str = ""
    language: str = ""
    kinds: frozenset[Kind] = frozenset()
    allows: Callable[[str], bool] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it leaves everything."""
        return not (self.names_files or self.language or self.kinds)

    @property
    def names_files(self) -> bool:
        """Whether it leaves out files by their paths."""
        return bool(self.folder) or self.allows is not None

    @cached_property
    def folder(self) -> str:
        """`path` as paths are written in an index; empty for all."""
        path = self.path.removeprefix("./").strip("/")
        return "" if path == "." else path

    @cached_property
    def is_glob(self) -> bool:
        """Whether `path` is a pattern."""
        return any(sign in self.folder for sign in "*?[")

    def fits(self, path: str) -> bool:
        """Tell whether a file is asked for and may be told of."""
        return self._is_meant(path) and (self.allows is None or self.allows(path))

    def _is_meant(self, path: str) -> bool:
        path = path.lstrip("/")  # only documents that a program gave may begin with one
        if not self.folder or path == self.folder:
            return True
        if path.startswith(self.folder + "/"):
            return True
        return self.is_glob and self._pattern.fullmatch(path) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(_translated(self.folder) + r"(?:/.*)?", re.DOTALL)


_GLOB = re.compile(
    r"(?P<folders>\*\*/)|(?P<all>\*\*)|(?P<any>\*)|(?P<one>\?)|\[(?P<set>!?[^\]]+)\]"
)

_SPECIAL = re.compile(r"[\\^\[&~|]|-(?=-)")
"""What means more in a set of a regular expression than in one of a glob, or may one day."""


def _translated(glob: str) -> str:
    """Return a glob as a regular expression; one without a folder fits names in any folder."""
    pattern, end = "" if "/" in glob else "(?:.*/)?", 0
    for found in _GLOB.finditer(glob):
        pattern += re.escape(glob[end : found.start()]) + _part(found)
        end = found.end()
    return pattern + re.escape(glob[end:])


def _part(found: re.Match[str]) -> str:
    if found["set"]:
        return _set(found)
    return {"folders": "(?:.*/)?", "all": ".*", "any": "[^/]*", "one": "[^/]"}[
        found.lastgroup or ""
    ]


def _set(found: re.Match[str]) -> str:
    """Return a set, which also stands for itself: web frameworks call folders ``[id]``.

    What is no set, such as ``[post-id]`` with its range that runs backwards, is only that.
    """
    inside = _SPECIAL.sub(r"\\\g<0>", found["set"])
    pattern = f"[{'^' + inside[1:] if inside[0] == '!' else inside}]"
    try:
        re.compile(pattern)
    except re.error:
        return re.escape(found[0])
    return f"(?:{pattern}|{re.escape(found[0])})"
