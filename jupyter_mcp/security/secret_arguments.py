"""Which arguments of a tool are secret: by its schema, or by their names.

A schema says it with `writeOnly`, `format: password` or `x-secret`, at any depth; names that sound
like a secret count as well. A schema is walked once; it may refer to itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_SECRET_NAME = re.compile(
    r"(^|_)(pass|password|passwd|pwd|passphrase|secret|secrets|token|bearer|jwt|cookie|cookies"
    r"|credential|credentials|authorization|apikey|otp"
    r"|(api|access|private|secret|signing|encryption|auth|session)_?key)$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BRANCHES = ("anyOf", "oneOf", "allOf")
DEEPEST = 12
"""How deep a schema is looked into."""


@dataclass(slots=True, eq=False)
class Shape:
    """What a schema says of one value, as far as it is secret.

    Args:
        secret: Whether it is secret.
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
        """Whether it, or another part of it, is secret."""
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
        return OURS if self is OURS else _ANY

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
OURS = Shape()
"""Of what no caller has sent: its names say nothing about secrets."""


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


def is_secret(name: str, value: Any, shape: Shape) -> bool:
    """Return whether the value of an argument, or of a field in one, must not be kept or shown.

    A number under a name that sounds secret is a count, as in ``max_token=5``; what is ours may
    have any name.
    """
    if value is None:
        return False
    return shape.hidden or (
        shape is not OURS and not isinstance(value, bool | int | float) and sounds_secret(name)
    )
