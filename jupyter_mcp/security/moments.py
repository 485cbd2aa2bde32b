"""Moments and durations as people write them, and as they are shown.

A duration is one number and one unit: ``30m``, ``12h``, ``7d``, ``2w``. Months and years are left
out on purpose, because nobody agrees how long they are.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from jupyter_mcp.errors import ToolError

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

_FORM = re.compile(r"([0-9]{1,6})([smhdw])")
_AGO = re.compile(r"\s*\d+\s*[a-zA-Z]\s*")
_LATEST = 253_402_300_800.0
"""The year 10000; a larger number is no Unix time in seconds."""


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


def moment_of(text: str, now: float) -> float:
    """Return the Unix time of a moment.

    Args:
        text: A duration before now (``30m``, ``7d``), an ISO date or time, in the machine's own
            time zone unless it names one, or a Unix time.
        now: The Unix time.

    Raises:
        ToolError: ``invalid_arguments`` when it is none of these.
    """
    if _AGO.fullmatch(text):
        return now - seconds_of(text)
    try:
        number = float(text)
    except ValueError:
        return _of_date(text)
    if not math.isfinite(number) or not 0 <= number < _LATEST:
        raise _no_moment(text)
    return number


def in_utc(at: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, for programs."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def in_local_time(at: float) -> str:
    """Return a Unix time in the machine's own time zone, for people."""
    return datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")


def _of_date(text: str) -> float:
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise _no_moment(text) from None


def _no_moment(text: str) -> ToolError:
    return ToolError(
        "invalid_arguments",
        f"'{text[:40]}' is no moment.",
        "Write how long ago (30m, 7d), a date (2026-11-21, 2026-11-21T14:30) or a Unix time.",
    )
