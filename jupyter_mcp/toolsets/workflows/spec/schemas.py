"""What JSON Schemas tell before anything runs: whether a path can exist, and of which type it is.

A schema is asked, never trusted to be complete: where it says nothing, nothing is wrong. Only local
references (``#/…``) are followed; nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.toolsets.workflows.spec import bounded
from jupyter_mcp.toolsets.workflows.spec.references import Key, Place, nearest, shown

Schema = Mapping[str, Any]

ANY: Schema = {}
DEEPEST = 32
MOST = 200
"""Alternatives that are looked at; with more, nobody knows."""
MESSAGE = 300
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_STRUCTURE = frozenset(
    {"required", "additionalProperties", "unevaluatedProperties", "dependentRequired"}
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A path that leads nowhere.

    Args:
        message: What is missing.
        remedy: What there is.
    """

    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Later:
    """Stands for a value that is known when the workflow runs.

    Args:
        text: How it is written.
        types: Its possible JSON types; None where nobody knows.
    """

    text: str
    types: frozenset[str] | None = None


def follow(schema: Schema, path: Sequence[Key], told: Place, root: Schema) -> Schema | Missing:
    """Return the schema of a part of what a schema describes.

    Args:
        schema: The schema.
        path: The part.
        told: The path up to here, for messages.
        root: The schema that local references are relative to.
    """
    current = [schema]
    for key in path:
        leaves = _once(leaf for each in current for leaf in _leaves(each, root))
        leaves = [leaf for leaf in leaves if leaf.get("type") != "null"] or leaves
        found = [_inner(leaf, key, told) for leaf in leaves]
        current = _once(each for each in found if not isinstance(each, Missing))
        if not current:
            return next(each for each in found if isinstance(each, Missing))
        if not all(current) or len(current) > MOST:
            return ANY
        told = (*told, key)
    return _resolved(current[0], root) if len(current) == 1 else {"anyOf": current}


def types_of(schema: Schema, root: Schema) -> frozenset[str] | None:
    """Return the JSON types that a schema allows; None where it does not say."""
    found: set[str] = set()
    for leaf in _leaves(schema, root):
        if "type" in leaf:
            found |= (
                {leaf["type"]} if isinstance(leaf["type"], str) else set(map(str, leaf["type"]))
            )
        elif "const" in leaf:
            found.add(type_of(leaf["const"]))
        elif isinstance(leaf.get("enum"), list):
            found |= set(map(type_of, leaf["enum"]))
        else:
            return None
    return frozenset(found)


def type_of(value: Any) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = ((int, "integer"), (float, "number"), (str, "string"), (Mapping, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "array")


def fit(given: frozenset[str] | None, wanted: frozenset[str] | None) -> bool:
    """Return whether a value of one of the given types can be of one of the wanted."""
    if given is None or wanted is None:
        return True
    both = given & wanted
    return (
        bool(both)
        or ("number" in wanted and "integer" in given)
        or ("integer" in wanted and "number" in given)
    )


def in_words(types: frozenset[str] | None) -> str:
    """Return types as people say them."""
    return " or ".join(_WORDS.get(name, name) for name in sorted(types or ()))


def problems_of(schema: Schema) -> str:
    """Return what is wrong with a JSON Schema of an object; empty if nothing is."""
    from jsonschema import Draft202012Validator, SchemaError

    if schema.get("type", "object") != "object":
        return "it describes no object"
    if "type" not in schema and "properties" not in schema and _looks_like_properties(schema):
        return "its entries have to stand below 'properties'"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{shown(tuple(error.absolute_path)) or 'it'}: {error.message[:MESSAGE]}"
    except RecursionError:
        return "it is nested too deeply"
    return bounded.wrong_pattern(schema)


def mismatches(value: Any, schema: Schema) -> Iterator[tuple[Place, str]]:
    """Yield where a value, in which a `Later` may stand for a part, does not fit a schema."""
    try:
        errors = bounded.errors(value, schema)
    except bounded.TooMuch:
        yield (), "the schema asks for too many comparisons."
        return
    for error in errors:
        place = tuple(error.absolute_path)
        if isinstance(error.instance, Later):
            wanted = types_of(error.schema, schema)
            if not fit(error.instance.types, wanted):
                given = in_words(error.instance.types)
                text = error.instance.text
                yield place, f"{text} is {given}, but {in_words(wanted)} is wanted."
        elif error.validator in _STRUCTURE or not _holds_later(error.instance):
            yield place, f"{error.message[:MESSAGE].rstrip('.')}."


def _resolved(schema: Any, root: Schema) -> Schema:
    """Return what a schema refers to; where that is nothing or a circle, it says nothing."""
    for _ in range(DEEPEST):
        if not isinstance(schema, Mapping):
            return ANY
        target = schema.get("$ref")
        if not isinstance(target, str) or not target.startswith("#"):
            return schema
        schema = _pointed(target, root)
    return ANY


def _pointed(target: str, root: Schema) -> Any:
    found: Any = root
    for part in target[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _leaves(schema: Schema, root: Schema) -> list[Schema]:
    """Return the alternatives of a schema, each once; any at all where there are too many."""
    waiting, seen, leaves = [schema], set[int](), list[Schema]()
    while waiting:
        each = _resolved(waiting.pop(), root)
        if id(each) in seen:
            continue
        seen.add(id(each))
        options = each.get("anyOf", each.get("oneOf"))
        if not isinstance(options, list):
            leaves.append(each)
        elif len(seen) + len(waiting) + len(options) > MOST:
            return [ANY]
        else:
            waiting += reversed(options)
    return leaves or [ANY]


def _once(schemas: Iterable[Schema]) -> list[Schema]:
    return list({id(each): each for each in schemas}.values())


def _inner(schema: Schema, key: Key, told: Place) -> Schema | Missing:
    types = types_of(schema, schema)
    if types is not None and not types & {"object", "array"}:
        return Missing(f"{shown(told)} is {in_words(types)}, which has no parts.", "")
    is_position = isinstance(key, int) or key.isdecimal()
    if types == frozenset(["array"]) or ("items" in schema and is_position):
        return _element(schema) if is_position else _no_position(key, told)
    if isinstance(schema.get("properties"), Mapping):
        return _property(schema, str(key), told)
    others = schema.get("additionalProperties")
    return others if isinstance(others, Mapping) else ANY


def _no_position(key: Key, told: Place) -> Missing:
    return Missing(f"{shown(told)} is a list, which has no '{key}'.", "Positions count from 0.")


def _element(schema: Schema) -> Schema:
    items = schema.get("items")
    return items if isinstance(items, Mapping) and "prefixItems" not in schema else ANY


def _property(schema: Schema, name: str, told: Place) -> Schema | Missing:
    properties = schema["properties"]
    if name in properties:
        inner = properties[name]
        return inner if isinstance(inner, Mapping) else ANY
    if any(schema.get(key) for key in ("patternProperties", "allOf", "$ref")):
        return ANY
    if other := schema.get("additionalProperties"):
        return other if isinstance(other, Mapping) else ANY
    return Missing(f"there is no '{name}' in {shown(told)}.", nearest(name, list(properties)))


def _looks_like_properties(schema: Schema) -> bool:
    return any(
        value in _WORDS
        if isinstance(value, str)
        else isinstance(value, Mapping) and "type" in value
        for value in schema.values()
    )


def _holds_later(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_later, value.values()))
    return isinstance(value, Later) or (isinstance(value, list) and any(map(_holds_later, value)))
