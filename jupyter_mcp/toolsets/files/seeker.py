"""Looks for lines in files: a program of its own, so that a pattern that never ends can be killed.

It is started as a file with ``python3 -I -S`` and imports nothing but the standard library. On
stdin it reads one JSON object a line: first what to look for, then each file by its full path or
its text. On stdout it writes one JSON object for each match, and at last what was left out.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys

LINE = 400
"""Characters of a line that are told."""

LARGEST = 5_000_000
"""Bytes of the largest file that is searched."""


def contents(wanted: dict[str, str]) -> str | None:
    """Return the text of a file; None where it is too large or no text."""
    if "text" in wanted:
        return wanted["text"]
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(wanted["file"], flags)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode) or info.st_size > LARGEST:
            return None
        data = file.read(LARGEST + 1)
    if b"\0" in data[:8192] or len(data) > LARGEST:
        return None
    return data.decode("utf-8", "replace")


def main() -> None:
    """Search."""
    lines = iter(sys.stdin.buffer)
    asked = json.loads(next(lines))
    pattern = asked["pattern"] if asked["is_regex"] else re.escape(asked["pattern"])
    look = re.compile(pattern, re.IGNORECASE if asked["ignores_case"] else 0).search
    found = skipped = 0
    is_cut = False
    for line in lines:
        wanted = json.loads(line)
        text = contents(wanted)
        if text is None:
            skipped += 1
            continue
        for number, each in enumerate(text.split("\n"), 1):
            hit = look(each)
            if hit is None:
                continue
            if found == asked["limit"]:
                is_cut = True
                break
            found += 1
            start = max(0, hit.start() - LINE // 2) if len(each) > LINE else 0
            told = each[start : start + LINE].rstrip("\r")
            sys.stdout.write(json.dumps([wanted["path"], number, told]) + "\n")
        if is_cut:
            break
    sys.stdout.write(json.dumps({"is_cut": is_cut, "skipped": skipped}) + "\n")


if __name__ == "__main__":
    main()
