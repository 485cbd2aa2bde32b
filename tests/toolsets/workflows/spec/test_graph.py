from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.workflows.spec import graph
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.spec.parsing import parse


def spec_of(*nodes: dict[str, Any]) -> Spec:
    whole = [{"kind": "wait", "seconds": 1, **node} for node in nodes]
    return parse({"name": "a", "nodes": whole})


def test_what_a_node_refers_to_is_needed() -> None:
    spec = spec_of(
        {"id": "a"},
        {"id": "b", "needs": ["a"]},
        {"id": "c", "seconds": "${nodes.b.output.x}"},
        {"id": "d", "when": "nodes.c.status == 'succeeded' && nodes['b'].output > 1"},
    )
    assert graph.needs(spec) == {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"b", "c"}}


def test_what_a_branch_names_waits_for_the_decision() -> None:
    decision = {
        "id": "d",
        "kind": "decision",
        "branches": [{"name": "x", "when": "true", "next": ["a"]}],
        "otherwise": {"next": ["b"]},
    }
    spec = parse(
        {
            "name": "a",
            "nodes": [
                *[{"id": each, "kind": "wait", "seconds": 1} for each in "ab"],
                decision,
            ],
        }
    )
    assert graph.needs(spec) == {"a": {"d"}, "b": {"d"}, "d": set()}
    assert graph.order(spec) == ["d", "a", "b"]
    assert graph.branched(spec).exclude("a", "b") == "d"


def test_a_node_may_refer_to_itself_in_what_takes_it_back() -> None:
    back = {"tool": "t", "arguments": {"x": "${nodes.a.output}"}}
    spec = spec_of({"id": "a", "compensate": back})
    assert graph.needs(spec) == {"a": set()}


def test_a_cycle_is_named_in_the_order_in_which_its_nodes_wait() -> None:
    spec = spec_of(
        {"id": "a", "needs": ["c"]},
        {"id": "b", "needs": ["a"]},
        {"id": "c", "needs": ["b"]},
        {"id": "d"},
    )
    assert graph.cycle(graph.needs(spec)) == ["a", "b", "c", "a"]
    assert graph.order(spec) == ["d"]


def test_a_long_chain_is_no_trouble() -> None:
    first = {"id": "n0"}
    rest = [{"id": f"n{n}", "needs": [f"n{n - 1}"]} for n in range(1, 500)]
    spec = spec_of(first, *rest)
    assert graph.cycle(graph.needs(spec)) == []
    assert len(graph.order(spec)) == 500
    assert graph.branched(spec).exclude("n499", "n0") is None


@given(st.permutations("abcdefgh"), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_the_order_fits_and_is_always_the_same(
    ids: list[str], edges: list[tuple[int, int]]
) -> None:
    nodes = {
        each: {"id": each, "needs": [ids[a] for a, b in edges if a < b and ids[b] == each]}
        for each in ids
    }
    spec = spec_of(*(nodes[each] for each in ids))
    found = graph.order(spec)
    assert sorted(found) == sorted(ids)
    for node in spec.nodes:
        assert all(found.index(need) < found.index(node.id) for need in node.needs)
    assert graph.order(spec_of(*(nodes[each] for each in sorted(ids)))) == found
