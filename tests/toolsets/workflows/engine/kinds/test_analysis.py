"""Analysis nodes: figures, their limits, tools for code."""

from __future__ import annotations

import json
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.figures import figures
from support.flows import Bench, done

ROWS = [
    {"price": 1.0, "name": "a", "ok": True, "v1.0": 1},
    {"price": 2, "name": "b", "ok": False, "v1.0": 2},
    {"price": None, "name": "b", "ok": None},
    {"price": 9.0, "name": "c", "ok": True},
]


def _node(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": "a", "kind": "analysis", "input": ROWS, **fields}]


async def test_statistics_of_rows(flows: Bench) -> None:
    ended = await flows.run(_node(method="statistics"))
    columns = ended.outputs["a"]["columns"]
    assert ended.outputs["a"]["rows"] == 4
    assert columns["price"] == {
        "count": 3,
        "missing": 1,
        "type": "number",
        "mean": 4.0,
        "std": statistics.stdev([1, 2, 9]),
        "min": 1.0,
        "q1": 1.5,
        "median": 2.0,
        "q3": 5.5,
        "max": 9.0,
    }
    assert columns["name"]["distinct"] == 3
    assert columns["name"]["frequent"][0] == {"value": "b", "count": 2}
    assert columns["ok"] == {"count": 3, "missing": 1, "type": "boolean", "true": 2, "false": 1}


@pytest.mark.parametrize(
    ("data", "names"),
    [([1, 2], ["values"]), ({"x": [1], "y": ["a", "b"]}, ["x", "y"]), ([], ["values"]), ({}, [])],
)
def test_lists_and_columns_have_figures_too(data: Any, names: list[str]) -> None:
    assert list(figures(data)["columns"]) == names


@pytest.mark.parametrize("data", [1, "text", [[1]], {"a": 1}, [{"a": 1}, 2], None])
def test_other_data_is_refused(data: Any) -> None:
    with pytest.raises(ToolError, match="no statistics"):
        figures(data)


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats(-1e150, 1e150) | st.text()))
def test_any_column_gives_figures(values: list[Any]) -> None:
    told = figures(values)["columns"]["values"]
    assert told["count"] + told["missing"] == len(values)
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("values", [[1e308, -1e308, 1e308], [10**400, 1]])
def test_numbers_too_large_are_told(values: list[Any]) -> None:
    with pytest.raises(ToolError, match="too large"):
        figures(values)


async def test_a_limit_that_is_an_error_fails_and_one_that_is_a_warning_is_noted(
    flows: Bench,
) -> None:
    warn = {"name": "mean price", "path": "columns.price.mean", "max": 3, "level": "warning"}
    fine = {"name": "v1", "path": "columns.v1.0.max", "min": 2}
    ended = await flows.run(_node(method="statistics", thresholds=[warn, fine]))
    assert ended.outputs["a"]["warnings"] == ["mean price is 4, more than 3."]
    assert [each["ok"] for each in ended.outputs["a"]["checks"]] == [False, True]
    assert "warning: mean price" in flows.ledger.nodes[ended.run, "a"]["log"]
    ended = await flows.run(_node(method="statistics", thresholds=[{**warn, "level": "error"}]))
    assert ended.error is not None
    assert (ended.error["code"], ended.error["message"]) == (
        "threshold",
        "mean price is 4, more than 3.",
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("columns.none.mean", "There is no 'columns.none.mean'"),
        ("columns.name.frequent", "no number"),
    ],
)
async def test_a_limit_of_nothing_is_told(flows: Bench, path: str, message: str) -> None:
    ended = await flows.run(
        _node(method="statistics", thresholds=[{"name": "x", "path": path, "max": 1}])
    )
    assert ended.error is not None
    assert message in ended.error["message"]


async def test_thresholds_alone_look_at_the_input(flows: Bench) -> None:
    limits = [{"name": "errors", "path": "0.errors", "max": 0}]
    node = {"id": "a", "kind": "analysis", "method": "thresholds", "thresholds": limits}
    ended = await flows.run([{**node, "input": [{"errors": 0}]}])
    assert ended.outputs["a"]["checks"][0]["ok"]
    ended = await flows.run([{**node, "input": [{"errors": 2}]}])
    assert ended.status == "failed"


async def test_a_tool_analyses_code_and_rules_judge(flows: Bench) -> None:
    flows.toolbox.tools["lint"] = lambda arguments: done(findings=[arguments["path"]])
    rule = {"expression": "size(output.findings) == 0", "message": "There are findings."}
    node = {
        "id": "a",
        "kind": "analysis",
        "method": "code",
        "tool": "lint",
        "arguments": {"path": "a.py"},
    }
    assert (await flows.run([node])).outputs["a"] == {"findings": ["a.py"]}
    ended = await flows.run([{**node, "rules": [rule]}])
    assert ended.error is not None
    assert "There are findings." in ended.error["message"]
