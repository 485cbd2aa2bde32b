"""Paths as tools name them, and the errors that they can be in.

A path is relative to the top of its place, with slashes; a full one inside of the top is understood
as well. What it means is worked out on the text alone here; symbolic links are looked at by who
opens the file.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from functools import lru_cache

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.paths import PATH_LIMIT
from jupyter_mcp.workplace import Entry, Place

SHOWN = 200
"""Characters of a path that an error tells."""


def inside(path: str, top: str = "") -> str:
    """Return `path` in its one spelling: normal, relative, without slashes around it.

    Args:
        path: What was asked for.
        top: The full path of the place's top; empty where it has none.

    Raises:
        ToolError: ``invalid_arguments`` for what leads out, or what no file can be called.
    """
    if len(path) > PATH_LIMIT:
        raise ToolError(
            "invalid_arguments",
            f"A path has at most {PATH_LIMIT} characters.",
            "Give a shorter one.",
        )
    if "\0" in path or any("\ud800" <= char <= "\udfff" for char in path):
        raise ToolError(
            "invalid_arguments", f"'{shown(path)}' can be no path.", "Use file_list to see names."
        )
    if top and (path == top or path.startswith(top.rstrip("/") + "/")):
        path = path[len(top.rstrip("/")) :]
    normal = posixpath.normpath(path.strip("/") or ".")
    if normal == ".." or normal.startswith("../"):
        raise outside(path)
    return "" if normal == "." else normal


def inside_of(place: Place, path: str) -> str:
    """Return `path` in its one spelling, as `inside` does, for a place.

    In a sandbox a full path is one of its own, so it has to be below the workspace; in the Jupyter
    root a slash in front means the root, as in Jupyter itself.
    """
    top = top_of(place)
    normal = posixpath.normpath(path) if path.startswith("/") else ""
    if place.sandbox_id and normal and not f"{normal}/".startswith(f"{top}/"):
        raise outside(path)
    return inside(path, top)


def top_of(place: Place) -> str:
    """Return the full path by which the top of a place is called."""
    return "/workspace" if place.sandbox_id else str(getattr(place, "top", ""))


async def there(place: Place, path: str) -> Entry | None:
    """Return what is at a path; None for nothing."""
    try:
        return await place.stat(path)
    except ToolError as error:
        if error.code != "not_found":
            raise
        return None


def shown(path: str) -> str:
    """Return a path as a message can show it."""
    return path[:SHOWN].replace("\0", "?").encode("utf-8", "backslashreplace").decode()


def outside(path: str) -> ToolError:
    """Return the error for a path that leads out of its place."""
    return ToolError(
        "invalid_arguments",
        f"'{shown(path)}' leads out of the folder that files may be in.",
        "Give a path below it, such as 'folder/file.txt'.",
    )


def not_found(path: str) -> ToolError:
    """Return the error for what is not there."""
    return ToolError(
        "not_found", f"There is no '{shown(path)}'.", "Call file_list to see what there is."
    )


def hidden(path: str) -> ToolError:
    """Return the error for what Jupyter does not show."""
    return ToolError(
        "forbidden",
        f"'{shown(path)}' is hidden, and this server shows no hidden files.",
        "Use another name, or let the administrator set ContentsManager.allow_hidden.",
    )


def a_folder(path: str) -> ToolError:
    """Return the error for a folder where a file is meant."""
    return ToolError(
        "invalid_arguments", f"'{shown(path)}' is a folder.", "See what is in it with file_list."
    )


def no_folder(path: str) -> ToolError:
    """Return the error for a file where a folder is meant."""
    return ToolError(
        "invalid_arguments", f"'{shown(path)}' is no folder.", "Read a file with file_read."
    )


def there_already(path: str) -> ToolError:
    """Return the error for a name that is taken."""
    return ToolError(
        "conflict",
        f"'{shown(path)}' is there already.",
        "Choose another name, or say overwrite=true.",
    )


def changed(path: str) -> ToolError:
    """Return the error for a file that is not what the caller read."""
    return ToolError(
        "conflict",
        f"'{shown(path)}' was changed by somebody else since it was read.",
        "Read it again, and repeat the change with its new revision.",
    )


@lru_cache(maxsize=256)
def matcher(glob: str) -> re.Pattern[str]:
    """Return what matches paths by a glob, in which ``**/`` is any folders and ``*`` one name.

    A glob without a slash is looked for in the names of files in any folder.
    """
    if "/" not in glob:
        glob = f"**/{glob}"
    pattern, at = "", 0
    while at < len(glob):
        if glob.startswith("**/", at):
            pattern, at = pattern + "(?:[^/]+/)*", at + 3
        elif glob.startswith("**", at):
            pattern, at = pattern + ".*", at + 2
        elif glob[at] == "*":
            pattern, at = pattern + "[^/]*", at + 1
        elif glob[at] == "?":
            pattern, at = pattern + "[^/]", at + 1
        elif glob[at] == "[" and (end := glob.find("]", at + 2)) > 0:
            one = fnmatch.translate(glob[at : end + 1])
            pattern, at = pattern + one.removeprefix("(?s:").removesuffix(r")\Z"), end + 1
        else:
            pattern, at = pattern + re.escape(glob[at]), at + 1
    return re.compile(pattern, re.DOTALL)
