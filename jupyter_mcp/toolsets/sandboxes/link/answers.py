"""What the agent answers, read as a stranger's words into the types of `workplace`.

Each function raises `BrokenFrameError` at what no agent of ours says; `believe` turns that into the
end of the link.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, cast, get_args

from jupyter_mcp.toolsets.sandboxes.link.frames import BrokenFrameError
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from jupyter_mcp.toolsets.sandboxes.spec import Usage
from jupyter_mcp.workplace import Entry, Found, Kind, Match

_KINDS = frozenset(get_args(Kind))
_MAX_TEXT = 8192
_MAX_NUMBER = 1 << 63
_MAX_TIME = 253402300799  # the end of the year 9999, the last that datetime knows
_ENTRY = 6
_MATCH = 3


@contextlib.contextmanager
def believe(link: Link) -> Iterator[None]:
    """Close the link when what is read inside is wrong.

    Raises:
        ToolError: ``unavailable``.
    """
    try:
        yield
    except BrokenFrameError as error:
        raise link.break_off(error) from error


def number(value: Any) -> int:
    """Return a number that is no less than 0."""
    if type(value) is not int or not 0 <= value < _MAX_NUMBER:
        raise BrokenFrameError("no number")
    return value


def text(value: Any) -> str:
    """Return text that can be shown; names that are no UTF-8 are spelled with backslashes."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise BrokenFrameError("no text")
    return value.encode("utf-8", "backslashreplace").decode()


def flag(value: Any) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise BrokenFrameError("no truth value")
    return value


def entry(value: Any) -> Entry:
    """Return a file or folder."""
    path, kind, size, modified, mode, target = _tuple(value, _ENTRY)
    if not isinstance(kind, str) or kind not in _KINDS or type(modified) not in (int, float):
        raise BrokenFrameError("no entry")
    return Entry(
        text(path),
        cast("Kind", kind),
        number(size),
        float(min(max(modified, 0), _MAX_TIME)),
        number(mode) & 0o7777,
        text(target),
    )


def found(rows: list[Any], head: dict[str, Any]) -> Found:
    """Return what a search found."""
    matches = [_tuple(row, _MATCH) for row in rows]
    return Found(
        tuple(Match(text(path), number(line), text(words)) for path, line, words in matches),
        is_cut=flag(head.get("is_cut")),
        skipped=number(head.get("skipped")),
    )


async def usage(link: Link) -> Usage:
    """Ask what a sandbox uses: bytes of the workspace, and what its cgroup counts where it can.

    Raises:
        ToolError: ``unavailable``.
    """
    head = await link.request("usage")
    with believe(link):
        names = ("memory", "pids", "oom_kills")
        kept = {name: number(head[name]) for name in names if name in head}
        return Usage(disk=number(head.get("bytes")), **kept)


def _tuple(value: Any, length: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        raise BrokenFrameError("a row of another length")
    return value
