"""Which packages are installed in some folders, without importing or running anything."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MOST_FILES = 400
"""Modules of a package that are read, those high up first."""

MOST_FILES_INDIRECT = 150
"""The same of a package that only another one wanted."""

_PRIVATE = re.compile(r"(?:^|/)_(?!_init__\.py$)[^/]*(?:/|$)")

_ASIDE = re.compile(
    r"(?:^|/)(?:tests?|testing|test_[^/]*|[^/]*_tests?\.py|conftest\.py"
    r"|_?vendor(?:ed)?|setup\.py)(?:/|$)"
)
"""Tests, and copies of other packages."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed package.

    Args:
        name: As it is spelled in its folder.
        version: Which one.
        folder: What its modules are imported from.
        is_direct: Whether somebody asked for it, and not another package.
    """

    name: str
    version: str
    folder: Path
    is_direct: bool

    @property
    def key(self) -> str:
        """What its documentation is kept by: the same key means the same files."""
        return f"{self.name}-{self.version}"

    def modules(self) -> list[tuple[str, str]]:
        """Return its public modules as path below `folder` and dotted name."""
        public = [each for each in self.sources() if _PRIVATE.search(each[0]) is None]
        public.sort(key=lambda each: (each[0].count("/"), each[0]))
        return public[: MOST_FILES if self.is_direct else MOST_FILES_INDIRECT]

    def sources(self) -> list[tuple[str, str]]:
        """Return all its modules, private ones too: there may be what public ones export."""
        try:
            record = (self.folder / f"{self.key}.dist-info" / "RECORD").read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        paths = [row[0] for row in csv.reader(record.splitlines()) if row]
        return [(path, _module(path)) for path in paths if path.endswith(".py") and _is_own(path)]


def distributions(paths: Sequence[str]) -> list[Distribution]:
    """Return what is installed in some folders: the direct ones first, then by name.

    Of a package that is in several folders the first counts, as for an import.
    """
    found: dict[str, Distribution] = {}
    for folder in paths:
        for each in _in(Path(folder)):
            found.setdefault(each.name.lower().replace("-", "_"), each)
    return sorted(found.values(), key=lambda each: (not each.is_direct, each.name.lower()))


def _in(folder: Path) -> Iterator[Distribution]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return
    for each in names:
        if each.endswith(".dist-info"):
            name, _, version = each.removesuffix(".dist-info").partition("-")
            yield Distribution(name, version, folder, (folder / each / "REQUESTED").exists())


def _is_own(path: str) -> bool:
    return not path.startswith(("..", "/")) and _ASIDE.search(path) is None


def _module(path: str) -> str:
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
