"""How often something may happen, as settings say it: ``60/minute``.

Settings are refused where they are read, and a worker counts by them in another process, so this
stands beside `errors` and imports nothing of ours.
"""

from __future__ import annotations

import re

_RATE = re.compile(r"\s*(\d{1,6})\s*/\s*(\d{0,5})\s*(second|minute|hour|day)s?\s*")
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0}

REMEDY = "Write a number and a time, such as '60/minute'."


def rate_of(text: str) -> tuple[int, float]:
    """Return how many times in how many seconds; twice 0 of an empty text, which is no limit.

    Raises:
        ValueError: It is no rate.
    """
    if not text.strip():
        return 0, 0.0
    found = _RATE.fullmatch(text)
    seconds = int(found[2] or 1) * _SECONDS[found[3]] if found else 0.0
    if found is None or not int(found[1]) or not seconds:
        raise ValueError(REMEDY)
    return int(found[1]), seconds
