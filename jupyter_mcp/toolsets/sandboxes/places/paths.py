"""Paths as people and models write them, turned into paths from the top of a workspace.

That a path stays inside is settled where it is opened, by whoever opens it; here it is only made
one of a kind, and what is plainly wrong is refused before anything is asked of the sandbox.
"""

from __future__ import annotations

from jupyter_mcp.errors import ToolError

WORKSPACE = "/workspace"
_MAX_LENGTH = 4096
_REMEDY = "Name a path below /workspace, such as src/main.py."


def inner_path(path: str, *tops: str) -> str:
    """Return a path from the top of the workspace, without slashes at its ends; empty for the top.

    Args:
        path: Relative to the workspace, or absolute and below it.
        tops: What the workspace is called besides ``/workspace``.

    Raises:
        ToolError: ``invalid_arguments`` when it leads out or is no path.
    """
    if "\0" in path or len(path) > _MAX_LENGTH or _has_half_characters(path):
        raise ToolError("invalid_arguments", "The path cannot be that of a file.", _REMEDY)
    parts: list[str] = []
    for part in _relative(path, (WORKSPACE, *tops)).split("/"):
        if part == "..":
            if not parts:
                raise _leads_out(path)
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _relative(path: str, tops: tuple[str, ...]) -> str:
    if not path.startswith("/"):
        return path
    for top in tops:
        stem = top.rstrip("/")
        if stem and (path == stem or path.startswith(stem + "/")):
            return path[len(stem) :]
    raise _leads_out(path)


def _leads_out(path: str) -> ToolError:
    return ToolError("invalid_arguments", f"{path[:200]!r} leads out of the workspace.", _REMEDY)


def _has_half_characters(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False
