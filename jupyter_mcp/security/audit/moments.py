"""Moments as people write them: ``2h`` ago, a date, or a Unix time."""

from __future__ import annotations

import math
import re
from datetime import datetime

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.duration import seconds_of

_AGO = re.compile(r"\s*\d+\s*[a-zA-Z]\s*")
_LATEST = 253_402_300_800.0
"""The year 10000; a larger number is no Unix time in seconds."""


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
