from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from jupyter_mcp.toolsets.workflows.runs.layout import Layout, layout_of
from jupyter_mcp.toolsets.workflows.runs.run import NodeState, Run
from jupyter_mcp.toolsets.workflows.runs.telling import (
    LONG_OUTPUT,
    MOST_OUTPUT,
    job_of,
    lines_of,
    moment,
    node_of,
    state_of,
)
from jupyter_mcp.toolsets.workflows.spec import export
from support.queued import spec_of, value

ASK = {"id": "ask", "kind": "approval", "message": "Sure?"}
INNER = {"name": "inner", "nodes": [value("x"), {**ASK, "needs": ["x"]}]}
SPEC = spec_of(
    value("second", "nodes.first.output"),
    value("first", title="The first"),
    {"id": "sub", "kind": "subworkflow", "workflow": INNER, "needs": ["second"]},
    {"id": "each", "kind": "map", "over": [1], "node": {"kind": "approval", "message": "m"}},
)

ASKED = {"kind": "subworkflow", "workflow": INNER}
MAPPED = spec_of(value("a"), {"id": "each", "kind": "map", "over": [1], "node": ASKED})


def run_of(status: str = "running", **more: Any) -> Run:
    """Return a run of the spec."""
    columns: dict[str, Any] = {"created": 1_700_000_000.0, "updated": 1_700_000_001.5}
    spec = {"spec": SPEC.to_dict(), "spec_hash": export.digest(SPEC)}
    return Run(id="wf-1", owner="ann", name="flow", status=status, **columns, **spec, **more)


def state(run: Run, *nodes: NodeState) -> dict[str, Any]:
    """Return what is told of a run."""
    return state_of(run, layout_of(run.spec, run.spec_hash), {each.node: each for each in nodes})


def test_nodes_stand_in_the_order_in_which_they_run_those_of_subworkflows_too() -> None:
    layout = Layout(SPEC)
    assert [each.id for each in layout.nodes] == [
        "each", "first", "second", "sub", "sub.x", "sub.ask",
    ]  # fmt: skip
    told = {each.id: each for each in layout.nodes}
    assert told["second"].needs == ("first",)
    assert told["sub.ask"].needs == ("sub.x",)
    assert told["first"].title == "The first"


def test_a_pause_and_its_end_are_told_before_the_worker_has_heard_of_them() -> None:
    for status in ("pending", "running", "waiting", "paused"):
        told = state(run_of(status, wanted="paused"))
        assert (told["status"], told["next"]) == ("paused", "workflow_resume lets it go on.")
    assert state(run_of("paused"))["status"] == "running"
    assert state(run_of("succeeded", wanted="paused"))["status"] == "succeeded"


def test_a_job_tells_at_which_nodes_a_run_is_and_what_they_wait_for() -> None:
    asks = "Waiting for approval: jupyter mcp approve b8637f"
    asking = NodeState("first", "running", progress={"message": asks})
    sub, ask = NodeState("sub", "running"), NodeState("sub.ask", "waiting")

    def told(run: Run, *nodes: NodeState) -> tuple[str, str]:
        """Return what a list of jobs tells, and what is told of the job alone."""
        listed = job_of(run, 1, going=nodes).progress or {"message": ""}
        alone = job_of(run, 1, state(run, *nodes)).progress
        assert alone is not None
        return listed["message"], f"{alone['done']}/{alone['total']} {alone['message']}"

    assert told(run_of(), asking) == (f"first: {asks}", f"0/6 first: {asks}")
    assert told(run_of(), sub, ask) == ("sub.ask waits", "0/6 sub.ask waits")
    both = NodeState("first", "running"), NodeState("each", "waiting")
    assert told(run_of(), *both) == ("first, each run", "0/6 each, first run")
    assert told(run_of(reason="The server is away."), ask)[0] == "The server is away."
    assert told(run_of("failed"), ask)[0] == ""


def test_notices_stand_behind_all_nodes() -> None:
    told = {"channel": "panel", "body": "x"}
    spec = spec_of(value("b", "nodes.a.output"), value("a"), notify=[told, {**told, "title": "T"}])
    run = replace(run_of("failed"), spec=spec.to_dict(), spec_hash=export.digest(spec))
    nodes = state(run, NodeState("notify[0]", "succeeded", output={"channel": "panel"}))["nodes"]
    assert [each["id"] for each in nodes] == ["a", "b", "notify[0]", "notify[1]"]
    assert nodes[2]["status"] == "succeeded"
    assert (nodes[3]["title"], nodes[3]["needs"]) == ("T", ["b"])


def test_a_node_is_found_by_the_id_that_runs_know_it_by() -> None:
    layout = Layout(SPEC)
    assert layout.approval("sub.ask") is not None
    assert layout.approval("each[3]") is not None
    assert Layout(MAPPED).approval("each[3].ask") is not None
    assert Layout(MAPPED).approval("each[3].x") is None
    for other in ("first", "ask", "sub", "sub.", "sub.x", "sub.ask.x", "first.ask", "each", ""):
        assert layout.approval(other) is None, other


def test_what_comes_after_a_node_is_what_waits_for_it_at_any_distance() -> None:
    layout = Layout(SPEC)
    assert layout.after("first") == {"first", "second", "sub", "sub.x", "sub.ask"}
    assert layout.after("each") == {"each"}


@pytest.mark.parametrize(
    ("status", "node"), [("running", "pending"), ("failed", "skipped"), ("cancelled", "cancelled")]
)
def test_of_what_never_began_it_is_told_so(status: str, node: str) -> None:
    assert {each["status"] for each in state(run_of(status))["nodes"]} == {node}


def test_long_outputs_are_counted_and_not_told() -> None:
    long = NodeState("first", "succeeded", output="x" * LONG_OUTPUT)
    told = {each["id"]: each for each in state(run_of("succeeded"), long)["nodes"]}
    assert "output" not in told["first"]
    assert told["first"]["output_chars"] == LONG_OUTPUT + 2
    assert "node='first'" in state(run_of("succeeded"), long)["next"]


def test_many_outputs_are_not_more_than_a_model_can_read() -> None:
    spec = spec_of(*(value(f"n{number}") for number in range(40)))
    nodes = {each.id: NodeState(each.id, "succeeded", output="y" * 3_000) for each in spec.nodes}
    told = state_of(run_of("succeeded"), Layout(spec), nodes)
    assert len(json.dumps(told)) < MOST_OUTPUT + 40 * 400


def test_who_has_to_do_something_is_told_what() -> None:
    waits = NodeState("sub.ask", "waiting")
    assert "'sub.ask'" in state(run_of("waiting"), waits)["next"]
    assert "workflow_resume" in state(run_of("pending", wanted="paused"))["next"]
    assert state(run_of("pending", wanted="paused"))["status"] == "paused"
    error = {"code": "x", "message": "It broke.", "remedy": "Mend it.", "node": "first"}
    failed = state(run_of("failed", error=error))
    assert failed["next"].startswith("Mend it. workflow_retry")
    assert "at 'first': It broke." in lines_of(failed)
    again = "workflow_retry goes on from what was done."
    lost = {"code": "internal", "message": "The workflow was lost.", "remedy": again}
    assert state(run_of("failed", error=lost))["next"] == again, "it is said once"


def test_elements_of_a_map_that_ask_stand_behind_it_as_long_as_they_do() -> None:
    whole = {"spec": MAPPED.to_dict(), "spec_hash": export.digest(MAPPED)}
    run, each = replace(run_of(), **whole), NodeState("each", "running")
    asks = [NodeState(f"each[{number}].ask", "waiting") for number in (10, 2)]
    others = [NodeState("each[3].ask", "succeeded"), NodeState("each[4].x", "waiting")]

    def told(run: Run, *nodes: NodeState) -> list[str]:
        return [node["id"] for node in state(run, *nodes)["nodes"]]

    asked = state(run, each, *asks, *others)
    assert [node["id"] for node in asked["nodes"]] == ["a", "each", "each[2].ask", "each[10].ask"]
    assert "answer 'each[2].ask'" in asked["next"]
    job = job_of(run, 1, asked).progress
    assert job == {"done": 0, "total": 2, "message": "each[2].ask, each[10].ask wait"}
    over = NodeState("each", "cancelled")
    assert told(run, over, *asks) == ["a", "each"], "another node has failed"
    assert told(replace(run, status="cancelled"), each, *asks) == ["a", "each"]


def test_a_run_is_a_job_with_its_result_at_its_end() -> None:
    running = run_of()
    record = job_of(running, 30, state(running, NodeState("first", "succeeded", output=1)))
    assert (record.kind, record.status, record.result) == ("workflow", "running", None)
    assert record.progress == {"done": 1, "total": 6, "message": ""}
    ended = run_of("compensated", ended=1_700_000_010.0)
    record = job_of(ended, 30, state(ended))
    assert record.result is not None
    assert record.result["is_error"]
    assert record.result["structured"]["status"] == "compensated"
    assert record.expires == ended.ended + 30 * 86_400  # type: ignore[operator]
    assert job_of(ended, 0).expires is None, "for ever"


def test_times_are_told_in_utc() -> None:
    assert moment(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"
    assert moment(None) is None


def test_a_node_is_told_whole() -> None:
    node = NodeState("a", "failed", 1.0, 2.0, 3, {"x": 1}, None, {"message": "no"}, None, "log")
    told = node_of(node)
    assert (told["input"], told["log"], told["attempts"]) == ({"x": 1}, "log", 3)
    assert told["error"] == {"message": "no"}
