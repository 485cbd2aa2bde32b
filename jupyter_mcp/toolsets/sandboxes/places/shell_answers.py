"""What the scripts of `fallback` write, read as a stranger's words."""

from __future__ import annotations

import re

from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import Entry, Finished, Kind

_ENTRY = re.compile(r"([0-9a-f]+) (\d+) (-?\d+) \./(.*)", re.DOTALL)
_STATUS = re.compile(r"([0-9a-f]{1,8}) (\d{1,18}) (-?\d{1,12})\n(.*)", re.DOTALL)
_KINDS: dict[int, Kind] = {0o100000: "file", 0o040000: "directory", 0o120000: "symlink"}
_KILLED = 137


def whole(text: bytes) -> int:
    """Return a number that is no less than 0."""
    if not text.isdigit() or len(text) > len(str(1 << 62)):
        raise ToolError("unavailable", "The sandbox did not tell the size.", "Try again.")
    return int(text)


def _entry(path: str, mode: str, size: str, modified: str, target: str = "") -> Entry:
    bits = int(mode, 16)
    kind = _KINDS.get(bits & 0o170000, "other")
    time = float(min(max(int(modified), 0), 253402300799))
    return Entry(path, kind, int(size) if kind == "file" else 0, time, bits & 0o7777, target)


def entry_of(answer: bytes, path: str) -> Entry:
    """Read what `STAT` says of a path."""
    found = _STATUS.fullmatch(answer.decode("utf-8", "backslashreplace"))
    if found is None:
        raise ToolError("unavailable", "The sandbox did not tell what is there.", "Try again.")
    mode, size, modified, target = found.groups()
    return _entry(path, mode, size, modified, target[:8192])


def entries_of(answer: bytes, top: str) -> list[Entry]:
    """Read the lines of `LIST`; a name with a newline goes on in the next line."""
    rows: list[str] = []
    for line in answer.decode("utf-8", "backslashreplace").split("\n"):
        if _ENTRY.fullmatch(line):
            rows.append(line)
        elif rows and line:
            rows[-1] += "\n" + line
    found = []
    for row in rows:
        match = _ENTRY.fullmatch(row)
        if match is not None:
            mode, size, modified, name = match.groups()
            if len(mode) + len(size) + len(modified) < 40:  # noqa: PLR2004 - no honest numbers are longer
                found.append(_entry(f"{top}/{name}" if top else name, mode, size, modified))
    return found


def finished(answer: bytes, limit: int, *, is_timed: bool) -> Finished:
    """Read what `RUN` says of a command."""
    head, _, output = answer.partition(b"\n")
    numbers = head.split(b" ")
    if len(numbers) != 3:  # noqa: PLR2004 - exit code and two sizes
        raise ToolError("unavailable", "The sandbox did not tell how it ended.", "Try again.")
    code, out, err = (whole(number) for number in numbers)
    kept = min(out, limit)
    return Finished(
        code,
        output[:kept],
        output[kept : kept + min(err, limit)],
        timed_out=is_timed and code == _KILLED,
        is_cut=out > limit or err > limit,
    )
