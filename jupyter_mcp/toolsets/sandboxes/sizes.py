"""Sizes as people write them: ``512m``, ``2g``."""

from __future__ import annotations

import re

from jupyter_mcp.errors import ToolError

_SIZE = re.compile(r"([0-9]{1,15})\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def bytes_of(text: str) -> int:
    """Return how many bytes a size is, such as ``512m`` (binary units, as Docker counts).

    Raises:
        ToolError: ``invalid_arguments`` for what is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ToolError(
            "invalid_arguments", f"'{text[:40]}' is no size.", "Write it as 512m or 2g."
        )
    number, unit = found.groups()
    return int(number) * _UNITS[unit.lower()]


def size_of(number: int) -> str:
    """Return a size in the largest unit that leaves a whole number, such as ``512m``."""
    for unit in ("t", "g", "m", "k"):
        if number and number % _UNITS[unit] == 0:
            return f"{number // _UNITS[unit]}{unit}"
    return str(number)
