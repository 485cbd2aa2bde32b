from __future__ import annotations

from typing import Any

from hypothesis import given

from jupyter_mcp.toolsets.workflows.spec import export
from jupyter_mcp.toolsets.workflows.spec.parsing import parse, read
from support.specs import good_text, json_values

NODE = {"id": "b", "kind": "action", "tool": "t"}


def test_yaml_is_for_people() -> None:
    code = "def run(input):\n    return input\n"
    spec = parse(
        {
            "nodes": [
                {"code": code, "sandbox_id": "s", "kind": "processing", "id": "p"},
                {**NODE, "retry": {"attempts": 2}, "arguments": {"z": "on", "a": [1, "1"]}},
            ],
            "name": "a",
        }
    )
    assert export.to_yaml(spec) == (
        "name: a\n"
        "nodes:\n"
        "  - id: p\n"
        "    kind: processing\n"
        "    code: |\n"
        "      def run(input):\n"
        "          return input\n"
        "    sandbox_id: s\n"
        "  - id: b\n"
        "    kind: action\n"
        "    tool: t\n"
        "    arguments:\n"
        "      z: 'on'\n"
        "      a:\n"
        "        - 1\n"
        "        - '1'\n"
        "    retry:\n"
        "      attempts: 2\n"
    )


def test_what_is_only_the_default_changes_no_hash() -> None:
    spec = parse({"name": "a", "nodes": [NODE]})
    same = parse({"nodes": [{**NODE, "needs": [], "arguments": {}}], "name": "a", "priority": 0})
    other = parse({"name": "a", "nodes": [{**NODE, "arguments": {"x": 1}}]})
    assert export.digest(spec) == export.digest(same)
    assert export.digest(spec) != export.digest(other)
    assert len(export.digest(spec)) == 64


def test_the_order_of_keys_changes_no_hash() -> None:
    one = parse({"name": "a", "nodes": [{**NODE, "arguments": {"x": 1, "y": 2}}]})
    two = parse({"name": "a", "nodes": [{**NODE, "arguments": {"y": 2, "x": 1}}]})
    assert export.digest(one) == export.digest(two)
    assert export.to_yaml(one) != export.to_yaml(two)


@given(json_values(), good_text())
def test_a_spec_comes_back_as_it_was(value: Any, text: str) -> None:
    data = {"name": "a", "description": text, "nodes": [{**NODE, "arguments": {"x": value}}]}
    spec = parse(data)
    for written in (export.to_yaml(spec), export.to_json(spec)):
        again = read(written)
        assert again.spec == spec, again.problems
        assert again.spec is not None
        assert export.digest(again.spec) == export.digest(spec)
