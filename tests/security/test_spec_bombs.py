"""Small specs and data that would take a server or a worker long, or all of its memory."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import bounded
from jupyter_mcp.toolsets.workflows.spec.amounts import refuse_too_much
from jupyter_mcp.toolsets.workflows.spec.checking import MOST_PROBLEMS, check
from jupyter_mcp.toolsets.workflows.spec.parsing import read
from jupyter_mcp.toolsets.workflows.spec.references import resolve

SECONDS = 8.0
"""Of this process: what was mended took 15 to 95."""


def problems(*nodes: dict[str, Any], given: Any = None, **fields: Any) -> list[str]:
    """Return what is wrong with a spec, found in time."""
    began = time.process_time()
    document = read({"name": "bomb", "nodes": list(nodes), **fields})
    spec = document.spec
    found = list(document.problems) if spec is None else check(spec, None, given)
    assert time.process_time() - began < SECONDS
    return [str(each) for each in found]


def node(value: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "processing", "input": value, "expression": "1"}


def within(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}}


@pytest.mark.parametrize(
    "text",
    ['${a"' + '\\"' * 60_000, '${"' * 60_000, '${a["x\n' * 20_000, "${" * 200_000, "${a." * 50_000],
)
def test_a_reference_that_never_ends_is_refused_at_once(text: str) -> None:
    [found] = problems(node(text))
    assert "is not closed" in found or "is no reference" in found


def test_thousands_of_mistakes_are_not_all_looked_for() -> None:
    names = [f"z{number}" for number in range(100)]
    nodes = [
        {"id": f"n{number}", "kind": "wait", "seconds": 1, "needs": names} for number in range(500)
    ]
    assert len(problems(*nodes)) == MOST_PROBLEMS


HEAVY: dict[str, tuple[dict[str, Any], Any]] = {
    "unique": ({"uniqueItems": True}, [{"a": number} for number in range(20_000)]),
    "enum": (
        {"items": {"enum": [{"b": number} for number in range(20_000)]}},
        [{"a": number} for number in range(50_000)],
    ),
    "all": ({"items": {"allOf": [{"type": "integer"}] * 1_000}}, list(range(90_000))),
    "required": (
        {"items": {"required": [f"r{number}" for number in range(10_000)]}},
        [{} for _ in range(50_000)],
    ),
}


@pytest.mark.parametrize("name", HEAVY)
def test_parameters_are_compared_with_their_schema_in_time(name: str) -> None:
    schema, value = HEAVY[name]
    said = problems(node(1), given={"x": value}, parameters=within(schema))
    assert not said or "does not take these parameters" in said[0]


@pytest.mark.parametrize(
    ("value", "is_unique"),
    [
        ([1, True, "1", None, False, 0], True),
        ([1, 1.0], False),
        ([{"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}], False),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], False),
        ([{"a": 1}, {"a": True}, [1], [True]], True),
    ],
)
def test_unique_means_what_json_schema_says(value: list[Any], is_unique: bool) -> None:
    assert (not bounded.errors(value, {"uniqueItems": True})) is is_unique


def test_a_large_output_is_not_copied_a_thousand_times() -> None:
    scope = {"nodes": {"big": {"output": ["x" * 1_000] * 1_000}}}
    refuse_too_much(["${nodes.big.output}"] * 50, scope)
    with pytest.raises(ToolError) as failure:
        refuse_too_much(["${nodes.big.output}"] * 1_000, scope)
    assert failure.value.code == "too_large"
    refuse_too_much(["${nodes.none.output}", "${nodes.gone.output}"], scope)


def test_what_an_output_says_is_never_put_in_a_second_time() -> None:
    """What a stranger wrote into data is data, also where it looks like a reference."""
    said = "${nodes.secret.output} $${x} ${workflow.id}"
    scope = {
        "nodes": {"page": {"output": said}, "secret": {"output": "s3cret"}},
        "workflow": {"id": "wf-1"},
    }
    assert resolve("${nodes.page.output}", scope) == said
    assert resolve("It says: ${nodes.page.output}", scope) == f"It says: {said}"
    assert resolve({"${nodes.secret.output}": 1}, scope) == {"${nodes.secret.output}": 1}
