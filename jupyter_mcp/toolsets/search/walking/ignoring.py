"""Patterns as in ``.gitignore``, with the meaning that git gives them.

A pattern is asked about one entry of a folder, never about what lies below it: the walk does not
go into an ignored folder, as git does not, so nothing in there can be taken back by a ``!``.
Most patterns are a plain name or ``*.suffix``; those are looked up in a set, because compiled
patterns one after the other cost more than the whole rest of the walk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"[*?\[\\]")
_SUFFIX = re.compile(r"\*(\.[^*?\[\\/]+)\Z")


class Patterns:
    """The patterns of one file.

    Args:
        lines: Its lines.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._runs: list[_Run] = []
        for line in lines:
            self._add(line)
        self._runs.reverse()

    def __bool__(self) -> bool:
        return bool(self._runs)

    def verdict(self, path: str, name: str, *, is_dir: bool) -> bool | None:
        """Return whether an entry is ignored; None when no pattern speaks of it.

        Args:
            path: The entry, below the folder that the patterns are of.
            name: The last part of `path`.
            is_dir: Whether it is a folder.
        """
        for run in self._runs:  # the last pattern that fits decides
            if run.fits(path, name, is_dir=is_dir):
                return run.is_ignoring
        return None

    def _add(self, line: str) -> None:
        pattern = _stripped(line)
        if not pattern or pattern.startswith("#"):
            return
        is_ignoring = not pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        if not self._runs or self._runs[-1].is_ignoring is not is_ignoring:
            self._runs.append(_Run(is_ignoring=is_ignoring))
        self._runs[-1].add(pattern)


class _Run:
    """Patterns that stand together and agree: which of them fits does not matter."""

    def __init__(self, *, is_ignoring: bool) -> None:
        self.is_ignoring = is_ignoring
        self._any = _Group()
        self._folders = _Group()

    def add(self, pattern: str) -> None:
        group = self._folders if pattern.endswith("/") else self._any
        if pattern := pattern.removesuffix("/"):
            group.add(pattern)

    def fits(self, path: str, name: str, *, is_dir: bool) -> bool:
        return self._any.fits(path, name) or (is_dir and self._folders.fits(path, name))


class _Group:
    def __init__(self) -> None:
        self._names: set[str] = set()
        self._suffixes: set[str] = set()
        self._of_names: list[str] = []
        self._of_paths: list[str] = []
        self._name: re.Pattern[str] | None = None
        self._path: re.Pattern[str] | None = None

    def add(self, pattern: str) -> None:
        if "/" in pattern:
            self._of_paths += _translated(pattern.removeprefix("/"))
        elif found := _SUFFIX.match(pattern):
            self._suffixes.add(found[1])
        elif _SPECIAL.search(pattern):
            self._of_names += _translated(pattern)
        else:
            self._names.add(pattern)

    def fits(self, path: str, name: str) -> bool:
        if name in self._names or (self._suffixes and self._has_suffix(name)):
            return True
        if self._of_names:
            self._name = re.compile("|".join(self._of_names), re.DOTALL)
            self._of_names = []
        if self._of_paths:
            self._path = re.compile("|".join(self._of_paths), re.DOTALL)
            self._of_paths = []
        if self._name is not None and self._name.fullmatch(name):
            return True
        return self._path is not None and self._path.fullmatch(path) is not None

    def _has_suffix(self, name: str) -> bool:
        at = name.find(".")
        while at >= 0:
            if name[at:] in self._suffixes:
                return True
            at = name.find(".", at + 1)
        return False


def _stripped(line: str) -> str:
    """Return a line without its end and the spaces there, but for one behind a backslash."""
    line = line.rstrip("\r\n")
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if backslashes % 2 and bare != line else bare


def _translated(pattern: str) -> list[str]:
    """Return a pattern as a regular expression for the whole path; none for a broken one."""
    told = ""
    parts = pattern.split("/")
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "**":
            told += ".+" if is_last else "(?:[^/]+/)*"
            continue
        try:
            told += _part(part)
        except _BrokenError:
            return []
        told += "" if is_last else "/"
    try:
        re.compile(told)
    except re.error:
        return []
    return [f"(?:{told})"]


class _BrokenError(Exception):
    """A pattern that fits nothing, such as one with an open bracket."""


def _part(part: str) -> str:
    told = ""
    at = 0
    while at < len(part):
        letter = part[at]
        at += 1
        if letter == "*":
            told += "" if told.endswith("[^/]*") else "[^/]*"
        elif letter == "?":
            told += "[^/]"
        elif letter == "[":
            found, at = _bracket(part, at)
            told += found
        elif letter == "\\":
            if at == len(part):
                raise _BrokenError
            told += re.escape(part[at])
            at += 1
        else:
            told += re.escape(letter)
    return told


def _bracket(part: str, at: int) -> tuple[str, int]:
    start = at
    is_not = part[at : at + 1] in {"!", "^"}
    at += is_not
    inside = ""
    while True:
        if at >= len(part):
            raise _BrokenError
        letter = part[at]
        if letter == "]" and at > start + is_not:
            break
        if letter == "[" and (named := re.match(r"\[:(\w+):\]", part[at:])):
            inside += _CLASSES.get(named[1]) or _broken()
            at += named.end()
            continue
        if letter == "\\" and at + 1 < len(part):
            at += 1
            letter = part[at]
            inside += re.escape(letter)
        else:
            inside += letter if letter == "-" else re.escape(letter)
        at += 1
    return f"(?!/)[{'^' if is_not else ''}{inside}]", at + 1


def _broken() -> str:
    raise _BrokenError


_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "xdigit": "0-9a-fA-F",
    "punct": r"!-/:-@\[-`{-~",
}
