from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.known import Known
from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from jupyter_mcp.toolsets.workflows.spec.references import Reference
from jupyter_mcp.toolsets.workflows.spec.references import parse as parts_of
from jupyter_mcp.toolsets.workflows.spec.schemas import Missing, fit, in_words, types_of
from support.specs import FewTools

PARAMETERS = {
    "properties": {
        "name": {"enum": ["a", "b"]},
        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "pair": {"type": "array", "prefixItems": [{}, {}]},
        "names": {"type": "array", "items": {"type": "string"}},
        "free": {"type": "object", "additionalProperties": {"type": "number"}},
        "row": {"anyOf": [{"properties": {"x": {"type": "string"}}}, {"properties": {"y": {}}}]},
        "any": {},
        "one": {"const": 1.5},
    }
}
NODES: list[dict[str, Any]] = [
    {"id": "number", "kind": "processing", "expression": "1 + 1"},
    {"id": "text", "kind": "processing", "expression": "'a' + string(parameters.any)"},
    {"id": "list", "kind": "processing", "expression": "[1]"},
    {"id": "wrong", "kind": "processing", "expression": "1 +"},
    {"id": "map", "kind": "map", "over": [1], "node": {"kind": "wait", "seconds": 1}},
    {"id": "read", "kind": "action", "tool": "file_read", "arguments": {"path": "a"}},
    {"id": "write", "kind": "action", "tool": "file_write"},
    {"id": "look", "kind": "analysis", "method": "code", "tool": "file_read"},
    {
        "id": "way",
        "kind": "decision",
        "branches": [{"name": "x", "when": "true", "next": []}],
    },
]
KNOWN = Known(parse({"name": "a", "parameters": PARAMETERS, "nodes": NODES}), FewTools())


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("parameters.name", {"string"}),
        ("parameters.size", {"integer", "null"}),
        ("parameters.pair[0]", None),
        ("parameters.names[3]", {"string"}),
        ("parameters.free.anything", {"number"}),
        ("parameters.row.x", {"string"}),
        ("parameters.any.thing.0", None),
        ("parameters.one", {"number"}),
        ("nodes.number.output", {"integer"}),
        ("nodes.text.output", {"string"}),
        ("nodes.list.output", {"array"}),
        ("nodes.wrong.output", None),
        ("nodes.map.output", {"array"}),
        ("nodes.read.output.rows.0.name", {"string"}),
        ("nodes.write.output.anything", None),
        ("nodes.look.output.anything", None),
        ("nodes.way.output.branch", {"string"}),
        ("nodes.way.status", {"string"}),
        ("workflow.id", {"string"}),
    ],
)
def test_the_types_of_values_are_known(text: str, types: set[str] | None) -> None:
    schema = KNOWN.schema_at(path_of(text))
    assert not isinstance(schema, Missing)
    assert types_of(schema, PARAMETERS) == types


def path_of(text: str) -> tuple[str | int, ...]:
    (part,) = parts_of(f"${{{text}}}")
    assert isinstance(part, Reference)
    return part.path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parameters.row.z", "there is no 'z' in parameters.row."),
        ("parameters.names.first", "parameters.names is a list, which has no 'first'."),
        ("parameters.name.x", "parameters.name is text, which has no parts."),
        ("nodes.number.output.x", "nodes.number.output is a whole number, which has no parts."),
        ("nodes.way.output.brnch", "there is no 'brnch' in nodes.way.output."),
        ("nodes", "it names no node."),
        ("workflow.owner", "there is no 'owner' in workflow."),
    ],
)
def test_what_cannot_be_there_is_known(text: str, told: str) -> None:
    schema = KNOWN.schema_at(path_of(text))
    assert isinstance(schema, Missing)
    assert schema.message == told


def test_a_number_may_be_whole() -> None:
    assert fit(frozenset(["number"]), frozenset(["integer"]))
    assert fit(frozenset(["integer"]), frozenset(["number"]))
    assert not fit(frozenset(["string"]), frozenset(["integer"]))
    assert fit(None, frozenset(["integer"]))
    assert in_words(frozenset(["string", "null"])) == "null or text"


def test_a_workflow_without_parameters_has_none() -> None:
    node = {"id": "n", "kind": "approval", "message": "${parameters.x}"}
    (problem,) = check(parse({"name": "a", "nodes": [node]}))
    assert problem.message == "${parameters.x}: the workflow has no parameters."
    assert problem.remedy == "Declare it in 'parameters'."
