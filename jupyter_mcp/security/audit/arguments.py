"""What of a call's arguments may be kept: never a secret, no long text, of code its first line.

A tool's schema says which arguments are secret (`writeOnly`, `format: password`, `x-secret`);
names that sound like a secret count as well. The schema is walked once and remembered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jupyter_mcp.security.canonical import sha256

REDACTED = "[redacted]"
LONGEST = 256
"""Characters of a string that are kept; of a longer one, its length and hash."""
DEEPEST = 12
MANY = 50
"""Items of a list, or fields of an object, that are kept."""

_SECRET_NAME = re.compile(
    r"(^|_)(pass|password|passwd|pwd|passphrase|secret|secrets|token|bearer|jwt|cookie|cookies"
    r"|credential|credentials|authorization|apikey|otp"
    r"|(api|access|private|secret|signing|encryption|auth|session)_?key)$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CODE_NAMES = frozenset({"code", "source", "script"})
_BRANCHES = ("anyOf", "oneOf", "allOf")


@dataclass(slots=True, eq=False)
class Shape:
    """What a schema says of one value.

    Args:
        secret: Whether it must not be kept.
        fields: Shapes of an object's fields.
        items: Shape of a list's items, or of fields that are not named.
        parts: What else holds for the same value: a schema may refer to itself, so they are put
            together only when somebody looks.
    """

    secret: bool = False
    fields: dict[str, Shape] = field(default_factory=dict)
    items: Shape | None = None
    parts: list[Shape] = field(default_factory=list)
    _whole: tuple[bool, dict[str, Shape], Shape | None] | None = None

    @property
    def hidden(self) -> bool:
        """Whether it, or another part of it, must not be kept."""
        return self._all()[0]

    def within(self, name: str) -> Shape:
        """Return the shape of a field."""
        _hidden, fields, items = self._all()
        return fields.get(name) or items or self._other

    @property
    def item(self) -> Shape:
        """The shape of a list's items."""
        return self._all()[2] or self._other

    @property
    def _other(self) -> Shape:
        return _OURS if self is _OURS else _ANY

    def _all(self) -> tuple[bool, dict[str, Shape], Shape | None]:
        if self._whole is None:
            self._whole = _together(self)
        return self._whole


def _together(shape: Shape) -> tuple[bool, dict[str, Shape], Shape | None]:
    parts: list[Shape] = [shape]
    for part in parts:
        parts += [each for each in part.parts if all(each is not known for known in parts)]
    found: dict[str, list[Shape]] = {}
    for part in parts:
        for name, inner in part.fields.items():
            found.setdefault(name, []).append(inner)
    fields = {name: _united(shapes) for name, shapes in found.items()}
    items = [part.items for part in parts if part.items is not None]
    return any(part.secret for part in parts), fields, _united(items) if items else None


def _united(shapes: list[Shape]) -> Shape:
    return shapes[0] if len(shapes) == 1 else Shape(parts=shapes)


_ANY = Shape()
_OURS = Shape()
"""Of what no caller has sent: its names say nothing about secrets."""


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
    return {str(name)[:LONGEST]: _value(value, _OURS, 0) for name, value in facts.items()}


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """Walk a JSON Schema once."""
    return _walk(schema, schema, {}, 0)


def _walk(schema: Any, root: Mapping[str, Any], known: dict[str, Shape], depth: int) -> Shape:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return _ANY
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference in known:
        return known[reference]
    shape = Shape(secret=_says_secret(schema))
    if isinstance(reference, str):
        known[reference] = shape
    for part in _parts(schema, root):
        shape.parts.append(_walk(part, root, known, depth + 1))
    properties = schema.get("properties")
    for name, value in properties.items() if isinstance(properties, Mapping) else ():
        shape.fields[name] = _walk(value, root, known, depth + 1)
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), Mapping):
            shape.items = _walk(schema[keyword], root, known, depth + 1)
    return shape


def _parts(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Any]:
    for keyword in _BRANCHES:
        if isinstance(schema.get(keyword), list):
            yield from schema[keyword]
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        found: Any = root
        for step in reference[2:].split("/"):
            found = found.get(step) if isinstance(found, Mapping) else None
        yield found


def _says_secret(schema: Mapping[str, Any]) -> bool:
    return (
        schema.get("writeOnly") is True
        or schema.get("format") == "password"
        or bool(schema.get("x-secret"))
    )


@lru_cache(4096)
def sounds_secret(name: str) -> bool:
    """Whether the name of an argument says that its value is a secret."""
    words = _CAMEL.sub("_", name).replace("-", "_").replace(".", "_").lower()
    return _SECRET_NAME.search(words) is not None


def _sounds(name: str, value: Any) -> bool:
    """A number under such a name is a count, as in ``max_token=5``."""
    return sounds_secret(name) and not isinstance(value, bool | int | float)


def _object(values: Mapping[Any, Any], shape: Shape, depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if len(kept) == MANY:
            kept["…"] = len(values) - MANY
            break
        key = name if type(name) is str and len(name) <= LONGEST else str(name)[:LONGEST]
        inner = shape.within(key)
        if value is not None and (inner.hidden or (_sounds(key, value) and shape is not _OURS)):
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
