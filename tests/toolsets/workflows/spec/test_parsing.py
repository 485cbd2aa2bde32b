from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec.models import ActionNode, MapNode, Wait
from jupyter_mcp.toolsets.workflows.spec.parsing import parse, read
from support.specs import json_values

GOOD = """\
name: prices
version: 1.0.0
nodes:
- id: load
  kind: action
  tool: file_read
  arguments: {path: prices.csv, encoding: yes, day: 2026-01-31}
  retry: {attempts: 3, delay: 0.5}
- id: each
  kind: map
  over: ${nodes.load.output.rows}
  as: row
  node: {kind: wait, seconds: 1}
"""

BAD = [
    ("", "There is nothing. Write one mapping with 'name' and 'nodes'."),
    ("- a", "This has to be a mapping. Write 'key: value'."),
    (
        "name: a",
        "'nodes' is missing in a workflow. It says: What is done.",
    ),
    ("name: a\nnodes: []", "nodes (line 2, column 1): 'nodes' has no entries."),
    (
        "name: a/b\nnodes: [{id: w, kind: wait, seconds: 1}]",
        (
            "name (line 1, column 1): 'a/b' is no name. "
            "Write 1 to 128 characters without '/', '\\' and '@'."
        ),
    ),
    (
        "name: a\nversion: 1.0\nnodes: [{id: w, kind: wait, seconds: 1}]",
        "version (line 2, column 1): 'version' has to be text. Put it in quotes.",
    ),
    (
        "name: a\nversion: '1.0'\nnodes: [{id: w, kind: wait, seconds: 1}]",
        "version (line 2, column 1): '1.0' is no version. Write three numbers, as in 1.0.0.",
    ),
    (
        "name: a\nnodes:\n- {id: w, kind: wiat, seconds: 1}",
        "nodes[0].kind (line 3, column 11): There is no kind 'wiat'. Did you mean 'wait'?",
    ),
    (
        "name: a\nnodes:\n- {id: w, seconds: 1}",
        (
            "nodes[0] (line 3, column 3): 'kind' is missing. Choose from: action, processing, "
            "analysis, decision, notification, notebook, approval, map, subworkflow, wait."
        ),
    ),
    (
        "name: a\nnodes:\n- {id: w, kind: wait, secnds: 1}",
        (
            "nodes[0].secnds (line 3, column 23): There is no field 'secnds' in a node of the "
            "kind 'wait'. Did you mean 'seconds'?"
        ),
    ),
    (
        "name: a\nnodes:\n- {id: w, kind: wait}",
        ("nodes[0] (line 3, column 3): It needs either 'seconds' or 'until'. Give one of them."),
    ),
    (
        "name: a\nnodes:\n- {id: w, kind: wait, until: tomorrow}",
        (
            "nodes[0].until (line 3, column 23): This is no time. "
            "Write it as in '2026-01-31T08:00:00Z'."
        ),
    ),
    (
        "name: a\nnodes:\n- {id: 1w, kind: wait, seconds: 1}",
        (
            "nodes[0].id (line 3, column 4): '1w' is no id. Use letters, digits, '_' and '-', "
            "no digit first, at most 64 characters."
        ),
    ),
    (
        "name: a\nnodes:\n- id: t\n  kind: action\n  arguments: {}",
        (
            "nodes[0] (line 3, column 3): 'tool' is missing in a node of the kind 'action'. "
            "It says: The name of a tool of the catalog."
        ),
    ),
    (
        "name: a\nnodes:\n- id: t\n  kind: wait\n  seconds: 1\n  retry:\n    attempts: '3'",
        (
            "nodes[0].retry.attempts (line 7, column 5): 'attempts' has to be a whole number. "
            "Write it without quotes and without a point."
        ),
    ),
    (
        "name: a\nnodes:\n- id: t\n  kind: wait\n  seconds: 1\n  retry: {attempts: 0}",
        "nodes[0].retry.attempts (line 6, column 11): 'attempts' has to be at least 1.",
    ),
    (
        "name: a\non_failure: undo\nnodes: [{id: w, kind: wait, seconds: 1}]",
        (
            "on_failure (line 2, column 1): 'on_failure' cannot be 'undo'. "
            "Choose from: 'compensate', 'stop'."
        ),
    ),
    (
        "name: a\nnodes:\n- {id: p, kind: processing, code: x}",
        (
            "nodes[0] (line 3, column 3): The code needs one place. "
            "Give 'kernel_id' or 'sandbox_id'."
        ),
    ),
    (
        "name: a\nnodes:\n- {id: m, kind: map, over: files, node: {kind: wait, seconds: 1}}",
        (
            "nodes[0].over (line 3, column 22): This has to be a list or one reference, such as "
            "'${parameters.files}'."
        ),
    ),
    (
        "name: a\nnodes:\n- {id: m, kind: map, over: [], node: {kind: map, over: []}}",
        (
            "nodes[0].node.kind (line 3, column 39): A map cannot repeat the kind 'map'. There "
            "is 'action', 'processing', 'analysis', 'notification', 'notebook', 'approval', "
            "'subworkflow', 'wait'."
        ),
    ),
    (
        "name: a\nname: b",
        "name (line 2, column 1): The key 'name' is there twice. Take one of them out.",
    ),
    (
        "name: !!python/name:os.system",
        "name (line 1, column 7): There are no tags here. Take it out.",
    ),
    (
        "name: [a",
        ("line 2, column 1: This is no valid YAML: did not find expected ',' or ']'."),
    ),
    ("a: &a [*a]", "line 1, column 8: There is no anchor 'a' before this."),
    ("1: a", "[\"1\"] (line 1, column 1): The key '1' is no text. Quote it."),
    (
        "a: .inf",
        "a (line 1, column 4): JSON has no such number. Put it in quotes, or leave it out.",
    ),
    ("a\n---\nb", "There is more than one document. Write one mapping with 'name' and 'nodes'."),
    (b"\xff", "line 1, column 1: The text is not UTF-8. Save it as UTF-8."),
    (
        '{"name": "a",\n "nodes": [{"id": "w", "kind": "wait",\n  "seconds": "1"}]}',
        (
            "nodes[0].seconds (line 3, column 3): This has to be a number of seconds or one "
            "reference."
        ),
    ),
    (
        '{"name": "a", "name": "b"}',
        "name (line 1, column 15): The key 'name' is there twice. Take one of them out.",
    ),
]


def test_a_spec_is_read_with_its_types() -> None:
    spec = parse(GOOD)
    load, each = spec.nodes
    assert isinstance(load, ActionNode)
    assert load.arguments == {"path": "prices.csv", "encoding": "yes", "day": "2026-01-31"}
    assert (load.retry.attempts, load.retry.delay, load.retry.factor) == (3, 0.5, 2)
    assert isinstance(each, MapNode)
    assert each.item_name == "row"
    assert each.node == Wait(kind="wait", seconds=1)
    assert spec.node("each") is each


def test_json_and_data_are_the_same() -> None:
    data = parse(GOOD).to_dict()
    assert parse(data) == parse(json.dumps(data)) == parse(GOOD)
    assert parse("\ufeff" + GOOD) == parse(GOOD.encode())


def test_nothing_of_a_spec_can_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(GOOD).name = "b"  # type: ignore[misc]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_a_mistake_is_told_in_one_line_with_its_place(text: str | bytes, told: str) -> None:
    document = read(text)
    assert document.spec is None
    assert [str(problem) for problem in document.problems] == [told]


def test_all_mistakes_are_told_in_the_order_of_the_text() -> None:
    text = GOOD.replace("tool: f", "tol: f").replace("0.5", "x").replace("as: row", "as: nodes")
    assert [(problem.place, problem.line) for problem in read(text).problems] == [
        ("nodes[0]", 4),
        ("nodes[0].tol", 6),
        ("nodes[0].retry.delay", 8),
        ("nodes[1].as", 12),
    ]
    with pytest.raises(ToolError) as refused:
        parse(text)
    assert refused.value.code == "invalid_arguments"
    assert str(refused.value) == (
        "The workflow is not right. nodes[0] (line 4, column 3): 'tool' is missing in a node of "
        "the kind 'action'. (3 more: see the problems.) It says: The name of a tool of the "
        "catalog."
    )
    assert len(refused.value.data["problems"]) == 4


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{" * 200_000,
        '{"a":' * 200_000,
        "a:\n" + "".join(" " * n + "- a:\n" for n in range(1000)),
        "x" * (1 << 21),
        "a: &x [1,2,3,4,5,6,7,8,9]\n"
        + "".join(
            f"b{n}: &b{n} [{','.join(['*x' if n == 0 else f'*b{n - 1}'] * 9)}]\n" for n in range(9)
        ),
        "- " * 400_000,
        '{"a": ' + "9" * 10_000 + "}",
    ],
)
def test_what_is_too_large_or_too_deep_is_refused(text: str) -> None:
    document = read(text)
    assert document.spec is None
    assert len(document.problems) == 1


def test_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {"name": "a"}
    data["nodes"] = [data]
    assert "nested" in str(read(data).problems[0])


@pytest.mark.parametrize("value", [float("nan"), object(), "\ud800", "\0", 2**64, {1: 2}, b"x"])
def test_data_that_json_cannot_say_is_refused(value: Any) -> None:
    node = {"id": "a", "kind": "action", "tool": "t", "arguments": {"x": value}}
    document = read({"name": "a", "nodes": [node]})
    assert [problem.place for problem in document.problems] == ["nodes[0].arguments.x"]


@given(st.text(max_size=200) | st.binary(max_size=100))
def test_any_text_is_a_spec_or_has_problems(text: str | bytes) -> None:
    document = read(text)
    assert (document.spec is None) == bool(document.problems)


@given(st.text(alphabet="abn:-[]{}&*!|>'\"# \n1.,?%@", max_size=60))
def test_any_yaml_is_a_spec_or_has_problems(text: str) -> None:
    document = read(text)
    assert (document.spec is None) == bool(document.problems)
    assert all("\n" not in str(problem) for problem in document.problems)


@given(st.data())
@settings(max_examples=60)
def test_any_damage_to_a_spec_is_told(data: st.DataObject) -> None:
    spec: Any = parse(GOOD).to_dict()
    target = spec
    while data.draw(st.booleans()) and isinstance(target, dict | list) and target:
        keys = list(target) if isinstance(target, dict) else range(len(target))
        inner = target[data.draw(st.sampled_from(list(keys)))]
        if not isinstance(inner, dict | list) or not inner:
            break
        target = inner
    keys = list(target) if isinstance(target, dict) else range(len(target))
    target[data.draw(st.sampled_from(list(keys)))] = data.draw(json_values())
    document = read(spec)
    assert (document.spec is None) == bool(document.problems)
    assert all("\n" not in str(problem) for problem in document.problems)
