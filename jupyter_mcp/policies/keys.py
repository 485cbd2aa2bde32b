"""What stands for a call's arguments: the same for equal ones, in any order and in any process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical(values: Mapping[str, Any]) -> str:
    """Return validated arguments as JSON with sorted keys."""
    try:
        return json.dumps(values, sort_keys=True, separators=(",", ":"))
    except TypeError:
        from pydantic_core import to_jsonable_python

        plain = to_jsonable_python(values, fallback=repr)
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def digest(*parts: object) -> str:
    """Return a hash of `parts` that tells them apart."""
    told = json.dumps([str(part) for part in parts])
    return hashlib.sha256(told.encode()).hexdigest()
