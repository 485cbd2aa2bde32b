"""Paths and globs as a policy compares them.

A path is brought into one form before it is compared, so that ``course/../secret.ipynb`` is what it
leads to and no spelling passes a rule by. In a glob ``*`` stands for any characters, slashes too:
``course/*`` is everything below the folder, and ``course/`` the same.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from jupyter_mcp.errors import ToolError

FOLDED = sys.platform in {"win32", "darwin"}
"""Whether two spellings in upper and lower case usually name one file."""

WINDOWS = sys.platform == "win32"
_WILD = frozenset("*?[")


PATH_LIMIT = 4096
"""The most characters of a path: Linux opens none that is longer."""


def too_long() -> ToolError:
    """Return the error for a path that no file can have."""
    what = f"A path has at most {PATH_LIMIT} characters."
    return ToolError("invalid_arguments", what, "Give the path as notebook_list tells it.")


def normal_path(path: str, root: str = "") -> str:
    """Return `path` in the one form in which it is compared.

    Args:
        path: A path of Jupyter's contents API, or a full one inside of `root`.
        root: The server's root folder with slashes; empty where there is none.

    Raises:
        ToolError: ``invalid_arguments`` for one that is longer than any path: hundreds of globs
            would be looked for in megabytes.
    """
    if len(path) > PATH_LIMIT:
        raise too_long()
    if WINDOWS:
        path = _as_windows_reads(path)
    if root and path.startswith("/"):
        path = path.removeprefix(root.rstrip("/") + "/")
    normal = posixpath.normpath(path.strip("/") or ".")
    return "" if normal == "." else _folded(normal)


def normal_glob(glob: str) -> str:
    """Return a glob in the form in which paths are compared with it."""
    glob = _folded(glob.lstrip("/").removeprefix("./"))
    return f"{glob}*" if glob.endswith("/") or not glob else glob


def is_path_argument(name: str) -> bool:
    """Return whether an argument of that name is a path, as `jupyter_mcp.calls.places` has it."""
    return name in {"path", "paths"} or name.endswith(("_path", "_paths"))


class Globs:
    """Several globs, compiled into one.

    Args:
        patterns: The globs; one without a wildcard stands for itself.
    """

    __slots__ = ("_literal", "_prefixes", "_wild", "patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        wild = [pattern for pattern in self.patterns if is_wild(pattern)]
        begins = [pattern[:-1] for pattern in wild if pattern.endswith("*")]
        self._literal = frozenset(self.patterns).difference(wild)
        self._prefixes = tuple(prefix for prefix in begins if not is_wild(prefix))
        rest = [pattern for pattern in wild if pattern[:-1] not in self._prefixes]
        self._wild = _compiled("|".join(map(fnmatch.translate, rest))) if rest else None

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        if text in self._literal or text.startswith(self._prefixes):
            return True
        return self._wild is not None and self._wild.match(text) is not None

    def leads_to(self, folder: str) -> bool:
        """Return whether something below `folder` may match; both are in normal form."""
        inside = f"{folder}/" if folder else ""
        starts = (re.split(r"[*?\[]", pattern, maxsplit=1)[0] for pattern in self.patterns)
        return any(inside.startswith(start) or start.startswith(inside) for start in starts)


def is_wild(pattern: str) -> bool:
    """Return whether `pattern` stands for more than itself."""
    return not _WILD.isdisjoint(pattern)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", text.casefold()) if FOLDED else text


def _as_windows_reads(path: str) -> str:
    """Backslashes part folders there, and dots and spaces at the end of a name do not count."""
    parts = path.replace("\\", "/").split("/")
    return "/".join(part if part in {".", ".."} else part.rstrip(". ") for part in parts)
