"""Validation by JSON Schemas that others have written, which always ends soon.

Three things in a small schema can take for ever: a regular expression that tries everything again,
references that double with each step, and comparisons of everything with everything. Patterns are
therefore matched by CEL's own engine, RE2, whose time is linear; whether elements are unique is
told by their hashes; and all that is looked at is counted. Nothing is ever fetched.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression

MOST = 500_000
"""Comparisons that one validation may make; measured, they take 2 s."""
MOST_ERRORS = 1_000
REFERENCE = 50
"""As how many comparisons following a reference counts."""
SHOWN = 80

_count = threading.local()


class TooMuch(Exception):  # noqa: N818 - it is a finding
    """A validation would take too long."""


def errors(value: Any, schema: Mapping[str, Any]) -> list[Any]:
    """Return what jsonschema finds wrong, in the order of the places; what it cannot say is right.

    Raises:
        TooMuch: It would take too long.
    """
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    _count.left = MOST
    validator = _validator()(schema, registry=Registry())
    try:
        found = list(islice(validator.iter_errors(value), MOST_ERRORS))
    except (Unresolvable, RecursionError):
        return []
    return sorted(found, key=lambda error: [str(part) for part in error.absolute_path])


def wrong_pattern(schema: Any) -> str:
    """Return what is wrong with the first pattern of a schema that cannot be matched safely."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            if node.get("patternProperties"):
                return "'patternProperties' are not supported"
            pattern = node.get("pattern")
            if isinstance(pattern, str) and _matches(pattern, "") is None:
                return f"the pattern {pattern[:SHOWN]!a} is none that RE2 knows"
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return ""


def _matches(pattern: str, text: str) -> bool | None:
    """Return whether a pattern is found in a text; None if it is no pattern."""
    try:
        found = compile_expression("input.matches(item)", ("input", "item"))
        return bool(found.evaluate({"input": text, "item": pattern}))
    except ToolError:
        return None


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        if validator.is_type(instance, "string") and _matches(wanted, instance) is False:
            yield ValidationError(f"{instance[:SHOWN]!r} does not match {wanted[:SHOWN]!r}")

    def unique(validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        if wanted and validator.is_type(instance, "array"):
            _spend(sum(map(_size, instance)))
            if len({_identity(each) for each in instance}) < len(instance):
                yield ValidationError("it has non-unique elements")

    def counted(follow: Any, cost: int) -> Any:
        def check(validator: Any, target: Any, instance: Any, schema: Any) -> Iterator[Any]:
            many = len(target) if isinstance(target, list | Mapping) else 0
            _spend(cost + many)
            yield from follow(validator, target, instance, schema) or ()

        return check

    rules = {**Draft202012Validator.VALIDATORS, "pattern": pattern, "uniqueItems": unique}
    own = {
        name: counted(follow, REFERENCE if name in {"$ref", "$dynamicRef"} else 1)
        for name, follow in rules.items()
    }
    return validators.extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]


def _spend(cost: int) -> None:
    _count.left -= cost
    if _count.left < 0:
        raise TooMuch


def _size(value: Any) -> int:
    """Return how many values there are in a value."""
    if isinstance(value, Mapping):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _identity(value: Any) -> Any:
    """Return what equal values have in common, as JSON Schema means it: 1 is 1.0, and no truth."""
    if isinstance(value, Mapping):
        return frozenset((key, _identity(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_identity, value))
    return (isinstance(value, bool), value)
