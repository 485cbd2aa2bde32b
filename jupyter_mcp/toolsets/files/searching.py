"""Searches files of this machine in a process that is killed when a pattern takes too long."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files import processes
from jupyter_mcp.toolsets.files.paths import matcher
from jupyter_mcp.workplace import Found, Match, Search

SECONDS = 15.0
"""How long a search may take."""

OUTPUT = 4_000_000
PATTERN = 1_000
"""Characters of the longest pattern."""


def check(search: Search) -> None:
    """Refuse a pattern that is none.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    if len(search.pattern) > PATTERN:
        raise ToolError(
            "invalid_arguments", f"A pattern has at most {PATTERN} characters.", "Shorten it."
        )
    if search.is_regex:
        try:
            re.compile(search.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ToolError(
                "invalid_arguments",
                f"That is no regular expression: {error}.",
                "Correct it, or leave regex out to search for the text itself.",
            ) from None


def by_name(paths: Iterable[str], search: Search) -> Found:
    """Return the paths themselves, for a search without a pattern."""
    matches = tuple(Match(path, 0, "") for path in paths)
    return Found(matches[: search.limit], is_cut=len(matches) > search.limit)


async def in_files(files: Iterable[dict[str, Any]], search: Search, cwd: str) -> Found:
    """Search files.

    Args:
        files: Each as ``{"path": …, "file": full path}`` or ``{"path": …, "text": …}``.
        search: What for.
        cwd: A folder to run in.

    Raises:
        ToolError: ``timeout`` for a pattern that takes too long.
    """
    asked = {
        "pattern": search.pattern,
        "is_regex": search.is_regex,
        "ignores_case": search.ignores_case,
        "limit": search.limit,
    }
    told = b"".join(json.dumps(each).encode() + b"\n" for each in (asked, *files))
    program = str(Path(__file__).with_name("seeker.py"))
    argv = (sys.executable, "-I", "-S", program)
    done = await processes.run(argv, cwd=cwd, stdin=told, seconds=SECONDS, limit=OUTPUT)
    if done.timed_out:
        raise ToolError(
            "timeout",
            f"The search took more than {SECONDS:.0f} seconds.",
            "Use a simpler pattern, a glob, or a folder further down.",
        )
    if done.exit_code:
        raise ToolError("internal", "The search ended early.", "Use a simpler pattern.")
    return _read(done.stdout, is_cut=done.is_cut)


def _read(output: bytes, *, is_cut: bool) -> Found:
    matches: list[Match] = []
    skipped = 0
    for line in output.splitlines():
        try:
            said = json.loads(line)
        except ValueError:  # the last line of what was too much
            break
        if isinstance(said, dict):
            is_cut, skipped = is_cut or bool(said["is_cut"]), int(said["skipped"])
        else:
            matches.append(Match(*said))
    return Found(tuple(matches), is_cut=is_cut, skipped=skipped)


def fits(path: str, folder: str, glob: str) -> bool:
    """Return whether a path below `folder` is one that a glob means."""
    if not glob:
        return True
    below = path[len(folder) :].lstrip("/") if folder else path
    return matcher(glob).fullmatch(below) is not None
