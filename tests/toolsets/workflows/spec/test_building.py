from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

import jupyter_mcp
from jupyter_mcp import ToolError, Workflow, step
from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.functions import Step
from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from support.specs import FewTools

LIMIT = 3


@step
def clean(load: Any, factor: int = 2) -> Any:
    """Round the prices."""
    return json.dumps([math.floor(row["price"]) * factor for row in load["rows"]])


@step(node_id="each", retry={"attempts": 2}, sandbox_id="s-2")
def each_row(row: Any) -> Any:
    return row


def built() -> Workflow:
    workflow = Workflow("prices", version="1.0.0", sandbox_id="s-1")
    path = workflow.parameter("path", "string", description="The file.")
    workflow.parameter("factor", "integer", default=3)
    load = workflow.action("load", "file_read", {"path": path})
    cleaned = workflow.add(clean)
    tell = workflow.notification("tell", "panel", f"{cleaned.output[0]} of {path}")
    rows = workflow.map("rows", load.output.rows, each_row)
    workflow.decision("big", {"yes": ("nodes.load.output.size > 3", [tell])}, otherwise=["rest"])
    workflow.wait("rest", seconds=1, needs=[rows])
    return workflow


def test_what_is_built_is_a_spec_that_can_run() -> None:
    spec = built().to_spec()
    assert check(spec, FewTools(), {"path": "a"}) == []
    assert parse(built().to_yaml()) == spec
    assert built().to_dict() == spec.to_dict()
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The file."},
            "factor": {"type": "integer", "default": 3},
        },
        "required": ["path"],
    }
    nodes = {node["id"]: node for node in spec.to_dict()["nodes"]}
    assert nodes["tell"]["body"] == "${nodes.clean.output[0]} of ${parameters.path}"
    assert nodes["rest"]["needs"] == ["rows"]
    assert nodes["big"]["branches"][0]["next"] == ["tell"]


def test_a_step_gets_what_its_parameters_are_named_after() -> None:
    (node,) = [node for node in built().to_dict()["nodes"] if node["id"] == "clean"]
    assert node["input"] == {"load": "${nodes.load.output}", "factor": "${parameters.factor}"}
    assert node["sandbox_id"] == "s-1"


def test_a_step_gets_what_is_passed_to_it() -> None:
    workflow = Workflow("a", kernel_id="k")
    first = workflow.wait("first", seconds=1)
    workflow.add(clean, first, factor=5)
    assert workflow.to_dict()["nodes"][1]["input"] == {
        "load": "${nodes.first.output}",
        "factor": 5,
    }


def test_the_source_of_a_step_runs_alone() -> None:
    space: dict[str, Any] = {}
    exec(clean.code(), space)
    rows = [{"price": 1.5}, {"price": 2.5}]
    assert space["run"]({"load": {"rows": rows}, "factor": 2}) == "[2, 4]"
    assert clean({"rows": rows}) == "[2, 4]"
    assert "@step" not in clean.code()
    assert clean.__doc__ == "Round the prices."


def test_a_map_repeats_a_step() -> None:
    (node,) = [node for node in built().to_dict()["nodes"] if node["id"] == "rows"]
    assert node["over"] == "${nodes.load.output.rows}"
    assert node["node"]["input"] == {"row": "${item}"}
    assert node["node"]["retry"] == {"attempts": 2}
    assert node["node"]["sandbox_id"] == "s-2"


def test_every_kind_can_be_built() -> None:
    workflow = Workflow("all", description="d", priority=5, on_failure="stop", parameters={})
    inner = Workflow("inner")
    inner.wait("w", until="2026-01-31T08:00:00Z")
    workflow.processing("p", "input + 1", 1, rules=[{"expression": "output > 1", "message": "m"}])
    workflow.analysis(
        "a", "thresholds", {"x": 1}, thresholds=[{"name": "x", "path": "x", "min": 0}]
    )
    workflow.notebook("n", "a.ipynb", {"x": 1}, output="b.ipynb")
    workflow.approval("y", "Is it right?", expires=60, on_expiry="skip", title="Look")
    workflow.subworkflow("s", inner, {})
    workflow.subworkflow("t", "nightly@1.0.0")
    workflow.map("m", [1, 2], {"kind": "wait", "seconds": "${n}"}, item="n", concurrency=1)
    workflow.decision("d", {"x": ("true", ["p"])})
    kinds = [node["kind"] for node in workflow.to_dict()["nodes"]]
    assert kinds == [
        "processing",
        "analysis",
        "notebook",
        "approval",
        "subworkflow",
        "subworkflow",
        "map",
        "decision",
    ]
    assert check(workflow.to_spec()) == []


def uses_a_name() -> int:
    return LIMIT


def nested() -> Callable[[], int]:
    inside = 3

    def uses_a_variable() -> int:
        return inside

    return uses_a_variable


async def waits() -> None: ...


def takes_one(row: Any) -> Any:
    return row


def takes_all(*rows: Any) -> Any:
    return rows


@pytest.mark.parametrize(
    ("add", "told"),
    [
        (lambda w: w.wait("first", seconds=1), "There is another node 'first'."),
        (lambda w: w.wait("second"), "It needs either 'seconds' or 'until'."),
        (lambda w: w.node("second", "wiat"), "There is no kind 'wiat'. Did you mean 'wait'?"),
        (lambda w: w.add(clean), "Nothing gives 'load' to the step 'clean'."),
        (lambda w: w.add(clean, laod=1), "cannot be called so: got an unexpected keyword"),
        (
            lambda w: w.add(uses_a_name),
            (
                "The step 'uses_a_name' uses 'LIMIT', which is defined outside of it. "
                "Define or import it inside the function."
            ),
        ),
        (lambda w: w.add(nested()), "uses 'inside', which is defined outside of it"),
        (lambda w: w.add(waits), "is asynchronous"),
        (lambda w: w.add(takes_all), "takes any arguments"),
        (lambda w: w.add(len), "A step has to be a function."),
        (lambda _: Workflow("b").add(Step(takes_one), 1), "Nothing says where the step"),
    ],
)
def test_a_mistake_is_told_where_it_is_made(add: Callable[[Workflow], Any], told: str) -> None:
    workflow = Workflow("a", sandbox_id="s")
    workflow.wait("first", seconds=1)
    with pytest.raises(ToolError) as refused:
        add(workflow)
    assert told in str(refused.value)


def test_values_that_are_known_later_cannot_be_looked_at() -> None:
    node = Workflow("a").wait("w", seconds=1)
    with pytest.raises(TypeError, match=r"Workflow\.decision"):
        bool(node.output.x)
    with pytest.raises(TypeError, match=r"Workflow\.map"):
        list(node.output)
    assert str(node.output["a name"][0]) == '${nodes.w.output["a name"][0]}'
    assert str(node.status) == "${nodes.w.status}"


def test_it_is_public() -> None:
    assert jupyter_mcp.Workflow is Workflow
    assert jupyter_mcp.step is step


def test_who_is_told_how_a_run_ended() -> None:
    workflow = Workflow("a")
    address = workflow.parameter("mail", "string")
    workflow.wait("w", seconds=1)
    workflow.notify("panel", "${workflow.error.message}")
    workflow.notify("email", "Done.", on=["succeeded"], to=address)
    assert workflow.to_dict()["notify"] == [
        {"channel": "panel", "body": "${workflow.error.message}"},
        {"channel": "email", "to": "${parameters.mail}", "body": "Done.", "on": ["succeeded"]},
    ]
