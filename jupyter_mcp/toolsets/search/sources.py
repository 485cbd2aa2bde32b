"""Which folders are searched: the Jupyter root, and those that the administrator names."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError

ROOT = "root"
"""What the Jupyter root is called among the sources; its hits have nothing in front."""

SIGN = ":"
"""What stands between the name of another folder and a path in it: no path below the root can be
taken for one of those."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that is searched.

    Args:
        name: What it is called.
        folder: Where it is.
        state: Where its index lies.
        exclude: Patterns, as in ``.gitignore``, of what is left out.
    """

    name: str
    folder: Path
    state: Path
    exclude: tuple[str, ...] = ()

    def told(self, path: str) -> str:
        """Return a path in it as hits have it."""
        return path if self.name == ROOT else f"{self.name}{SIGN}{path}"


def sources_of(
    settings: Any, root: Path | None, hidden: Sequence[str] = (), closed: Sequence[Path] = ()
) -> tuple[Source, ...]:
    """Return the folders that are searched, the Jupyter root first.

    Args:
        settings: The administrator's settings.
        root: The Jupyter root; None where there is none, or where it is no folder of files.
        hidden: Names that Jupyter does not list.
        closed: Folders that stay shut, such as this server's own state.
    """
    folders = {} if root is None else {ROOT: root}
    folders |= {name: Path(folder).expanduser() for name, folder in settings.search_folders}
    return tuple(
        Source(
            name,
            folder,
            state_of(settings, folder),
            (*settings.search_exclude, *hidden, *_shut(folder, closed)),
        )
        for name, folder in folders.items()
    )


def parted(path: str, sources: Sequence[Source]) -> tuple[Source | None, str]:
    """Return which source a path of a hit, or of a caller, is in, and the path there.

    Returns:
        None for a path below the root where that is not searched.

    Raises:
        ToolError: ``invalid_arguments`` for a path that leads out.
    """
    name, sign, rest = path.partition(SIGN)
    named = next((each for each in sources if sign and each.name == name), None)
    if named is not None and named.name != ROOT:
        return named, normal(rest)
    root = next((each for each in sources if each.name == ROOT), None)
    full = "" if root is None else root.folder.as_posix().rstrip("/")
    if full and f"{path}/".startswith(f"{full}/"):
        path = path[len(full) :]
    return root, normal(path)


def normal(path: str) -> str:
    """Return a path below a folder, or a glob, in its one spelling; empty for the folder.

    It is the spelling in which a policy compares paths: a rewriting of our own, such as of
    backslashes, would lead to a file that the policy was not asked about.

    Raises:
        ToolError: ``invalid_arguments`` for what leads out of the folder.
    """
    found = posixpath.normpath(path.strip("/") or ".")
    if found == ".." or found.startswith("../"):
        raise ToolError(
            "invalid_arguments",
            f"'{path[:200]}' leads out of the folder that is searched.",
            "Give a path below it, such as 'src', or none for all of it.",
        )
    return "" if found == "." else found


def named(name: str, sources: Sequence[Source]) -> Source:
    """Return the source of a name.

    Raises:
        ToolError: ``not_found``.
    """
    for each in sources:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in sources) or "none"
    raise ToolError("not_found", f"There is no source '{name[:40]}'.", f"There are: {known}.")


def state_of(settings: Any, folder: Path) -> Path:
    """Return where the index of a folder lies."""
    if not settings.state_dir:
        from jupyter_mcp.toolsets.search.index.layout import state_folder

        return state_folder(folder)
    digest = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return Path(settings.state_dir) / "search" / digest[:16]


def _shut(folder: Path, closed: Sequence[Path]) -> list[str]:
    """Return patterns for those closed folders that lie below `folder`."""
    top = folder.resolve()
    found = [each.resolve() for each in closed]
    return [f"/{each.relative_to(top).as_posix()}/" for each in found if top in each.parents]
