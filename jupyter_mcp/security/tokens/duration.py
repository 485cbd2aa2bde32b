"""Durations as people write them on a command line: ``30m``, ``12h``, ``7d``, ``2w``.

One number and one unit. Months and years are left out on purpose, because nobody agrees how long
they are.
"""

from __future__ import annotations

import re

from jupyter_mcp.errors import ToolError

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

_FORM = re.compile(r"([0-9]{1,6})([smhdw])")


def seconds_of(text: str) -> int:
    """Return the seconds of a duration.

    Raises:
        ToolError: ``invalid_arguments`` for anything else than a positive number and a unit.
    """
    found = _FORM.fullmatch(text.strip().lower())
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if seconds <= 0:
        raise ToolError(
            "invalid_arguments",
            f"'{text[:40]}' is no duration.",
            "Write a number and a unit, such as 30m, 12h, 7d or 2w.",
        )
    return seconds
