"""The one JSON text of a value, and the hash of a text: what is chained, pinned or compared.

Equal values have equal texts in every process and on every day: keys in order, no blanks, ASCII.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def canonical(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """Return the one JSON text of a value.

    Args:
        value: What JSON can express.
        default: Makes JSON of what it cannot; without it that is a TypeError.
    """
    if default is None:
        return _encode(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=default)


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
