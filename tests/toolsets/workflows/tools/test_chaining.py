from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp.security.principal import Principal
from support.flow_desk import Desk

LIST = {"tool": "workflow_list", "id": "all"}


async def test_a_step_uses_what_an_earlier_one_gave(flow: Desk) -> None:
    run = await flow.start()
    get = {"workflow_id": "${steps.all.output.workflows.0.workflow_id}"}
    steps = [LIST, {"tool": "workflow_get", "arguments": get}]
    chained = await flow.get("chain", steps=steps)
    assert chained["status"] == "succeeded"
    assert [each["id"] for each in chained["steps"]] == ["all", "2"]
    assert chained["output"]["workflow_id"] == run
    assert "output" not in chained["steps"][1], "it is told once"


async def test_it_stops_at_the_first_failure_and_says_which(flow: Desk) -> None:
    steps = [
        LIST,
        {"tool": "workflow_get", "arguments": {"workflow_id": "wf-0"}},
        LIST | {"id": "z"},
    ]
    result = await flow.call("chain", steps=steps)
    assert result.is_error
    assert result.structured is not None
    assert [each["status"] for each in result.structured["steps"]] == [
        "succeeded",
        "failed",
        "skipped",
    ]
    assert result.structured["error"]["code"] == "not_found"
    said = result.content[0].text  # type: ignore[union-attr]
    assert said.startswith("Step '2' (2 of 3, workflow_get) failed: There is no workflow 'wf-0'.")


async def test_each_step_is_held_against_the_policy(flow: Desk) -> None:
    editor = Principal("user:ed", "ed", kind="user", roles=("editor",))
    step = {"tool": "workflow_start", "arguments": {"spec": "name: x"}}
    error = await flow.refused("chain", editor, steps=[step])
    assert "no tool 'workflow_start'" in error.message


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([LIST, LIST], "steps[1].id: 'all' is there twice."),
        ([{"tool": "workflow_lists"}], "steps[0].tool: There is no tool 'workflow_lists'."),
        ([{"tool": "chain", "arguments": {"steps": []}}], "A chain holds no chain."),
        ([LIST | {"id": "a b"}], "steps[0].id: 'a b' is no id."),
        ([LIST | {"arguments": {"name": "${steps.b.output}"}}], "the step 'b' is not there."),
        ([LIST | {"arguments": {"name": "${steps.all.output}"}}], "the step 'all' comes later."),
        ([LIST | {"arguments": {"name": "${nodes.b.output}"}}], "there is no 'nodes.b' here."),
        (
            [LIST, LIST | {"id": "b", "arguments": {"name": "${steps.all.result}"}}],
            "a step has an 'output' only.",
        ),
        ([LIST | {"arguments": {"name": "${1 + 1}"}}], "is no reference"),
    ],
)
async def test_what_could_only_fail_is_refused_before_anything_is_done(
    flow: Desk, steps: list[Any], said: str
) -> None:
    error = await flow.refused("chain", steps=steps)
    assert error.code == "invalid_arguments"
    assert said in error.message


async def test_a_reference_that_leads_nowhere_is_a_failure_of_its_step(flow: Desk) -> None:
    wrong = {"workflow_id": "${steps.all.output.workflows.7.workflow_id}"}
    result = await flow.call("chain", steps=[LIST, {"tool": "workflow_get", "arguments": wrong}])
    assert result.is_error
    assert "leads nowhere" in result.content[0].text  # type: ignore[union-attr]
