from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from jupyter_mcp.toolsets.workflows.spec.schema import json_schema

PUBLISHED = Path(__file__).parents[4] / "docs" / "reference" / "workflow-spec.schema.json"


def test_the_published_schema_is_current() -> None:
    assert json.loads(PUBLISHED.read_text()) == json_schema()


def test_it_is_a_schema_and_every_field_says_what_it_is_for() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    for name, model in schema["$defs"].items():
        assert model["description"], name
        for field, each in model["properties"].items():
            assert field == "kind" or each["description"], (name, field)


@pytest.mark.parametrize(
    ("node", "is_right"),
    [
        ({"id": "w", "kind": "wait", "seconds": 1}, True),
        ({"id": "w", "kind": "wait", "seconds": "${parameters.x}"}, True),
        ({"id": "m", "kind": "map", "over": [], "node": {"kind": "action", "tool": "t"}}, True),
        ({"id": "w", "kind": "wait", "secnds": 1}, False),
        ({"kind": "wait", "seconds": 1}, False),
        ({"id": "m", "kind": "map", "over": [], "node": {"id": "x", "kind": "wait"}}, False),
        ({"id": "x", "kind": "nothing"}, False),
    ],
)
def test_editors_see_what_the_parser_sees(node: dict[str, object], is_right: bool) -> None:
    validator = Draft202012Validator(json_schema())
    assert validator.is_valid({"name": "a", "nodes": [node]}) is is_right
