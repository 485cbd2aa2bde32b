"""Tools and specs for tests of workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies

from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.parsing import read

FILE_READ = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "lines": {"type": "integer", "minimum": 1},
        "encoding": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    },
    "required": ["path"],
    "additionalProperties": False,
}
FILE_READ_RESULT = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "size": {"type": "integer"},
        "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
    },
    "$defs": {"Row": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


HEAD = """\
name: a
parameters:
  type: object
  required: [path]
  properties: {path: {type: string}, lines: {type: integer, default: 3}}
nodes:
- {id: load, kind: action, tool: file_read, arguments: {path: "${parameters.path}"}}
"""
"""A spec to which nodes are added."""


class FewTools:
    """A catalog of few tools, of which one says what it gives.

    Args:
        without: What is not in it.
    """

    def __init__(self, *without: str) -> None:
        self._schemas: dict[str, tuple[Mapping[str, Any], Mapping[str, Any] | None]] = {
            "file_read": (FILE_READ, FILE_READ_RESULT),
            "file_write": ({"type": "object"}, None),
            "file_delete": ({"type": "object"}, None),
            "cell_run": ({"type": "object"}, None),
            "kernel_execute": ({"type": "object"}, None),
            "terminal_run": ({"type": "object"}, None),
            "workflow_notify": ({"type": "object"}, None),
        }
        for name in without:
            del self._schemas[name]

    def names(self) -> Sequence[str]:
        return list(self._schemas)

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        return self._schemas[name][0] if name in self._schemas else None

    def output_schema(self, name: str) -> Mapping[str, Any] | None:
        return self._schemas[name][1] if name in self._schemas else None


def told(text: str, **given_to_check: Any) -> list[str]:
    """Return what is told of a spec that is checked, as people read it."""
    document = read(text)
    assert document.spec is not None, [str(problem) for problem in document.problems]
    found = check(document.spec, FewTools(), **given_to_check)
    return [str(problem) for problem in document.located(found)]


def good_text() -> strategies.SearchStrategy[str]:
    """Return texts that can be kept."""
    return strategies.text(
        strategies.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
    )


def json_values() -> strategies.SearchStrategy[Any]:
    """Return JSON data."""
    numbers = strategies.integers(-(2**63), 2**63 - 1) | strategies.floats(
        allow_nan=False, allow_infinity=False
    )
    leaves = strategies.none() | strategies.booleans() | numbers | good_text()
    return strategies.recursive(
        leaves,
        lambda inner: (
            strategies.lists(inner, max_size=4)
            | strategies.dictionaries(good_text(), inner, max_size=4)
        ),
        max_leaves=12,
    )
