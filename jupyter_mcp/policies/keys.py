"""What stands for a call's arguments: the same for equal ones, in any order and in any process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.security.canonical import canonical as canonical_json
from jupyter_mcp.security.canonical import sha256


def canonical(values: Mapping[str, Any]) -> str:
    """Return validated arguments, which may be more than JSON, as its one text."""
    try:
        return canonical_json(values)
    except TypeError:
        from pydantic_core import to_jsonable_python

        return canonical_json(to_jsonable_python(values, fallback=repr))


def digest(*parts: object) -> str:
    """Return a hash of `parts` that tells them apart."""
    return sha256(json.dumps([str(part) for part in parts]))
