"""What of a call's arguments may be kept: never a secret, no long text, of code its first line.

Which are secret is told by `jupyter_mcp.security.secret_arguments`; a schema is walked once and
remembered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.security.canonical import sha256
from jupyter_mcp.security.secret_arguments import OURS, Shape, is_secret, shape_of

REDACTED = "[redacted]"
LONGEST = 256
"""Characters of a string that are kept; of a longer one, its length and hash."""
DEEPEST = 12
MANY = 50
"""Items of a list, or fields of an object, that are kept."""

_CODE_NAMES = frozenset({"code", "source", "script"})


class Arguments:
    """Redacts arguments by their schemas, each of which is walked once."""

    def __init__(self) -> None:
        self._shapes: dict[int, tuple[Mapping[str, Any], Shape]] = {}

    def redact(self, arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of `arguments` may be kept."""
        if not arguments:
            return {}
        return _object(arguments, self._shape(schema), 0)

    def _shape(self, schema: Mapping[str, Any]) -> Shape:
        known = self._shapes.get(id(schema))
        if known is None or known[0] is not schema:
            if len(self._shapes) > 5000:  # noqa: PLR2004 - tools that come and go must not pile up
                self._shapes.clear()
            known = self._shapes[id(schema)] = (schema, shape_of(schema))
        return known[1]


def bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts of our own, which name no secrets, with long texts hashed."""
    return {str(name)[:LONGEST]: _value(value, OURS, 0) for name, value in facts.items()}


def _object(values: Mapping[Any, Any], shape: Shape, depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if len(kept) == MANY:
            kept["…"] = len(values) - MANY
            break
        key = name if type(name) is str and len(name) <= LONGEST else str(name)[:LONGEST]
        inner = shape.within(key)
        if is_secret(key, value, inner):
            kept[key] = REDACTED
        elif key in _CODE_NAMES and type(value) is str:
            kept[key] = _hashed(value) | {"first_line": value.partition("\n")[0][:120]}
        else:
            kept[key] = _value(value, inner, depth)
    return kept


def _value(value: Any, shape: Shape, depth: int) -> Any:  # noqa: PLR0911 - one return a kind
    if type(value) is str:
        return value if len(value) <= LONGEST else _hashed(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth >= DEEPEST:
        return "[too deep]"
    if isinstance(value, Mapping):
        return _object(value, shape, depth + 1)
    if isinstance(value, list | tuple):
        return _items(value, shape.item, depth + 1)
    return f"[{type(value).__name__}]"


def _items(values: list[Any] | tuple[Any, ...], shape: Shape, depth: int) -> list[Any]:
    kept = [REDACTED if shape.hidden else _value(value, shape, depth) for value in values[:MANY]]
    return kept if len(values) <= MANY else [*kept, f"[{len(values) - MANY} more]"]


def _hashed(text: str) -> dict[str, Any]:
    return {"length": len(text), "sha256": sha256(text)}
