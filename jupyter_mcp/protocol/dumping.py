"""JSON that every client can read, whatever a kernel printed.

JSON has no NaN, and UTF-8 no lone surrogates, but Python has both, and a kernel may print them. A
client that cannot parse an answer waits for it for ever, so they become null and a question mark.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json, to_json


def dump(value: Any) -> bytes:
    """Return `value` as JSON."""
    try:
        return to_json(value, inf_nan_mode="null")
    except ValueError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return to_json(from_json(text.encode(errors="replace")), inf_nan_mode="null")


def sendable(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value`, or what is left of it when it cannot be sent as it is."""
    try:
        to_json(value)
    except ValueError:
        cleaned: dict[str, Any] = from_json(dump(value))
        return cleaned
    return value
