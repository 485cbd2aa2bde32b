from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp.toolsets.workflows.spec.models import KINDS, NODES, WORKS, Decision, Map
from jupyter_mcp.toolsets.workflows.spec.parsing import parse, read

P = {"id": "p", "kind": "processing"}
A = {"id": "a", "kind": "analysis"}
N = {"id": "n", "kind": "notification", "body": "b"}
W = {"id": "w", "kind": "wait"}
LIMIT = {"name": "x", "path": "x"}
BRANCH = {"name": "x", "when": "true", "next": []}


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (P, "It needs either 'expression' or 'code'. Give one of them."),
        (
            {**P, "expression": "1", "kernel_id": "k"},
            "An expression runs in no kernel. Leave the place out or give 'code'.",
        ),
        (
            {**P, "code": "x", "kernel_id": "k", "sandbox_id": "s"},
            "The code needs one place. Give 'kernel_id' or 'sandbox_id'.",
        ),
        ({**P, "expression": ""}, "'expression' is empty. Fill it in, or leave the field out."),
        ({**P, "expression": "1" * 4001}, "'expression' has more than 4000 characters."),
        ({**A, "method": "code"}, "The method 'code' needs a tool. Give 'tool'."),
        (
            {**A, "method": "statistics", "tool": "t"},
            "Only the method 'code' calls a tool. Leave out 'tool'.",
        ),
        ({**A, "method": "thresholds"}, "The method 'thresholds' has none. Give 'thresholds'."),
        (
            {**A, "method": "thresholds", "thresholds": [LIMIT]},
            "A threshold has no limit. Give 'min', 'max' or both.",
        ),
        (
            {**A, "method": "thresholds", "thresholds": [{**LIMIT, "min": 2, "max": 1}]},
            "The threshold's 'min' is larger than its 'max'. Swap them.",
        ),
        ({**N, "channel": "email"}, "The channel 'email' needs an address. Give 'to'."),
        ({**W, "seconds": -1}, "This has to be between 0 and 31622400 seconds."),
        ({**W, "seconds": "in ${a}"}, "This has to be a number of seconds or one reference."),
        ({**W, "seconds": True}, "This has to be a number of seconds or one reference."),
        ({**W, "until": 3}, "This has to be text, such as '2026-01-31T08:00:00Z'."),
        (
            {**W, "until": "2026-01-31T08:00:00"},
            "This time has no zone. Write it as in '2026-01-31T08:00:00Z'.",
        ),
        (
            {"id": "d", "kind": "decision", "branches": [BRANCH, BRANCH]},
            "The branch 'x' is there twice. Rename one of them.",
        ),
        ({"id": "d", "kind": "decision", "branches": []}, "'branches' has no entries."),
        (
            {"id": "m", "kind": "map", "over": [], "as": "a-b", "node": {**W, "seconds": 1}},
            "This has to be a name of letters, digits and '_'.",
        ),
    ],
)
def test_what_does_not_go_together_is_told(node: dict[str, Any], told: str) -> None:
    found = [f"{each.message} {each.remedy}".strip() for each in read(spec(node)).problems]
    assert told in found


def spec(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"name": "a", "nodes": list(nodes)}


@pytest.mark.parametrize(
    "node",
    [
        {**W, "seconds": 0},
        {**W, "seconds": "${parameters.x}"},
        {**W, "until": "2026-01-31T08:00:00+01:00"},
        {**W, "until": "${parameters.day}T08:00:00Z"},
        {**A, "method": "thresholds", "thresholds": [{**LIMIT, "max": 1, "level": "warning"}]},
        {**N, "channel": "event"},
        {**P, "code": "x", "sandbox_id": "${parameters.sandbox}"},
    ],
)
def test_what_is_right_is_taken(node: dict[str, Any]) -> None:
    assert parse(spec(node)).to_dict()["nodes"] == [node]


def test_a_map_repeats_every_kind_but_those_that_name_nodes() -> None:
    assert set(KINDS) - set(WORKS) == {"decision", "map"}
    assert all(issubclass(NODES[kind], WORKS[kind]) for kind in WORKS)
    assert issubclass(NODES["map"], Map)
    assert issubclass(NODES["decision"], Decision)


def test_there_is_no_node_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        parse(spec({**W, "seconds": 1})).node("x")


def test_there_are_at_most_500_nodes() -> None:
    nodes = [{**W, "id": f"n{n}", "seconds": 1} for n in range(501)]
    (problem,) = read(spec(*nodes)).problems
    assert str(problem) == "nodes: 'nodes' has more than 500 entries."
