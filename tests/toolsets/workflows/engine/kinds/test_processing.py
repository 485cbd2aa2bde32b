"""Processing nodes: expressions, Python in kernels and sandboxes, and rules."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from jupyter_mcp.toolsets.workflows.engine.code import programs
from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from jupyter_mcp.toolsets.workflows.spec.uses import tools_of
from support.flows import Bench, Ended
from support.places import FakeKernel, Folder
from support.specs import json_values


def _node(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": "p", "kind": "processing", **fields}]


def _error(ended: Ended) -> dict[str, Any]:
    assert ended.status == "failed"
    assert ended.error is not None
    return ended.error


async def test_an_expression_makes_a_value(flows: Bench) -> None:
    expression = "{'n': size(input), 'big': input.filter(x, x > 2), 'run': workflow.id}"
    ended = await flows.run(
        _node(input="${parameters.rows}", expression=expression), parameters={"rows": [1, 2, 3]}
    )
    assert ended.outputs["p"] == {"n": 3, "big": [3], "run": ended.run}
    assert flows.ledger.nodes[ended.run, "p"]["input"] == [1, 2, 3]


async def test_an_expression_that_cannot_be_evaluated_says_why(flows: Bench) -> None:
    error = _error(await flows.run(_node(input={"a": 1}, expression="input.b + 1")))
    assert "there is no 'b'" in error["message"]


async def test_a_result_that_breaks_rules_fails_with_their_messages(flows: Bench) -> None:
    rules = [
        {"expression": "output > 0", "message": "It has to be positive."},
        {"expression": "output < input", "message": "It has to be less than the input."},
        {"expression": "true", "message": "Never told."},
    ]
    error = _error(await flows.run(_node(input=-1, expression="input + 1 - 1", rules=rules)))
    assert error["code"] == "rule_broken"
    assert "positive. It" in error["message"].replace(";", "")
    assert "Never" not in error["message"]
    good = await flows.run(_node(input=5, expression="input - 1", rules=rules))
    assert good.outputs["p"] == 4


CODE = """
def run(input):
    print('working')
    return {'sum': sum(input), 'text': 'é\\n\\x1b[1m'}
"""


async def test_code_in_a_kernel_returns_json_and_leaves_nothing_behind(flows: Bench) -> None:
    kernel = FakeKernel(flows.toolbox)
    before = set(kernel.variables)
    ended = await flows.run(_node(input=[1, 2], code=CODE, kernel_id="k"))
    assert ended.outputs["p"] == {"sum": 3, "text": "é\n\x1b[1m"}
    assert flows.ledger.nodes[ended.run, "p"]["log"] == "working\n"
    assert set(kernel.variables) - before <= {"__builtins__"}


async def test_code_in_a_kernel_sees_its_variables_and_changes_none(flows: Bench) -> None:
    kernel = FakeKernel(flows.toolbox, factor=10)
    code = "factor = factor + 1\ndef run(input):\n    return factor * input"
    ended = await flows.run(
        _node(input=2, code=code, kernel_id="${parameters.k}"), parameters={"k": "k"}
    )
    assert ended.outputs["p"] == 22
    assert kernel.variables["factor"] == 10
    assert flows.toolbox.calls[0].arguments["kernel_id"] == "k"


async def test_a_large_result_comes_by_pieces(flows: Bench) -> None:
    FakeKernel(flows.toolbox)
    code = "def run(input):\n    print('x' * 50_000)\n    return ['a \"b\" c'] * input"
    ended = await flows.run(_node(input=5000, code=code, kernel_id="k"))
    assert ended.outputs["p"] == ['a "b" c'] * 5000
    keys = [each.key for each in flows.toolbox.calls]
    assert len(set(keys)) == len(keys) > 10


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def run(input):\n    return 1 / 0", "ZeroDivisionError: division by zero"),
        ("def run(input):\n    return {1, 2}", "TypeError"),
        ("def run(input):\n    return float('nan')", "ValueError"),
        ("def other(input): ...", "NameError: The code defines no function run(input)."),
        ("def run(input) return", "SyntaxError"),
        ("def run(input):\n    return 'x' * 2_000_000", "write it to a file"),
    ],
)
@pytest.mark.parametrize("place", ["kernel_id", "sandbox_id"])
async def test_what_is_wrong_with_code_is_told(
    flows: Bench, tmp_path: Path, place: str, code: str, message: str
) -> None:
    FakeKernel(flows.toolbox)
    Folder(flows.toolbox, tmp_path)
    error = _error(await flows.run(_node(code=code, **{place: "x"})))
    assert message in error["message"]


async def test_code_in_a_sandbox_returns_json_and_is_tidied_away(
    flows: Bench, tmp_path: Path
) -> None:
    Folder(flows.toolbox, tmp_path)
    code = "def run(input):\n    print('hi')\n    return [input['a']] * 60_000"
    ended = await flows.run(_node(input={"a": "ü"}, code=code, sandbox_id="sb-1"))
    assert ended.outputs["p"] == ["ü"] * 60_000
    assert flows.ledger.nodes[ended.run, "p"]["log"] == "hi\n"
    assert {each.arguments["sandbox_id"] for each in flows.toolbox.calls} == {"sb-1"}
    assert list(_files(tmp_path / ".jupyter-mcp")) == []
    (checked,) = parse({"name": "a", "nodes": _node(code=code, sandbox_id="sb-1")}).nodes
    assert {each.tool for each in flows.toolbox.calls} == {*tools_of(checked)}


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file())


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(json_values())
def test_every_json_value_goes_into_a_kernel_and_comes_back(value: Any) -> None:
    printed = io.StringIO()
    mark = programs.token("key")
    with contextlib.redirect_stdout(printed):
        exec(programs.for_kernel("def run(input): return input", value, "n", mark), {})
    text = printed.getvalue().split(mark)[1].partition(":")[2]
    assert json.loads(text) == value


def test_the_same_key_gives_the_same_program() -> None:
    assert programs.token("a") == programs.token("a") != programs.token("b")
