from __future__ import annotations

import resource
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import costs
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from support.specs import json_values

VALUES: dict[str, Any] = {
    "parameters": {"x": 3, "s": "é", "list": [1, 2, 3]},
    "nodes": {"load": {"output": {"n": 5}, "status": "succeeded"}},
    "input": [{"price": 2.5}, {"price": 1}],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("parameters.x + 1", 4),
        ("nodes.load.output.n > 3 && nodes.load.status == 'succeeded'", True),
        ("input.filter(row, row.price > 2.0).size()", 1),
        ("{'a': [1, 2.5, null, true], 'b': parameters.s}", {"a": [1, 2.5, None, True], "b": "é"}),
        ("{1: 'a', 2: 'b'}", {"1": "a", "2": "b"}),
        ("has(parameters.nothing) ? 1 : 2", 2),
        ("b'abc'", "YWJj"),
        ("timestamp('2026-01-31T08:00:00+01:00')", "2026-01-31T07:00:00Z"),
        ("duration('90s')", 90.0),
        ("parameters.s.matches('^.$')", True),
        ("nodes['load']['output'].n", 5),
    ],
)
def test_a_result_is_json_data(text: str, value: Any) -> None:
    assert compile_expression(text).evaluate(VALUES) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 +", "column 4: it ends too early in '1 +'. See https://cel.dev for the language."),
        (
            "1 + parametrs.x",
            (
                "column 5: there is no variable 'parametrs' in '1 + parametrs.x'. "
                "Did you mean 'parameters'?"
            ),
        ),
        (
            "\n\n open('x')",
            (
                "line 3, column 2: there is no function 'open' in 'open('x')'. "
                "See https://cel.dev for the language."
            ),
        ),
        (
            "'x' > 1",
            (
                "column 5: found no matching overload for '_>_' applied to '(string, int)' in "
                "''x' > 1'. Convert one side, as in double(x), int(x) or string(x)."
            ),
        ),
        (
            "${nodes.a.output} > 1",
            (
                "column 1: an expression has no ${…} in '${nodes.a.output} > 1'. Write the path "
                "alone: nodes.load.output."
            ),
        ),
        (
            "'a and b' == '' or true",
            (
                "column 17: mismatched input 'or' expecting <EOF> in ''a and b' == '' or true'. "
                "Write && for and, || for or, !x for not x."
            ),
        ),
        (
            "parameters.x == True",
            "column 17: there is no variable 'True' in 'parameters.x == True'. Write true.",
        ),
        (
            "'and' 'or'",
            (
                "column 7: extraneous input ''or'' expecting <EOF> in ''and' 'or''. See "
                "https://cel.dev for the language."
            ),
        ),
        (
            "é",
            (
                "column 1: token recognition error at: 'é' in 'é'. See https://cel.dev for the "
                "language."
            ),
        ),
    ],
)
def test_what_is_no_expression_is_told_with_its_column(text: str, told: str) -> None:
    with pytest.raises(ToolError) as refused:
        compile_expression(text)
    assert str(refused.value) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parameters.y", "there is no 'y'. Ask by has(…) whether it is there."),
        ("parameters.s + 1", "do not fit together. Convert one, as in double(x)."),
        ("parameters.x / 0", "divide by zero."),
        ("1.0 / 0.0", "gives inf, which JSON cannot say."),
        ("type(1)", "gives a type and no value."),
    ],
)
def test_what_cannot_be_evaluated_says_why(text: str, told: str) -> None:
    with pytest.raises(ToolError) as refused:
        compile_expression(text).evaluate(VALUES)
    assert told in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_a_condition_has_to_be_a_truth_value() -> None:
    assert compile_expression("parameters.x == 3").is_true(VALUES)
    with pytest.raises(ToolError, match="neither true nor false"):
        compile_expression("parameters.x").is_true(VALUES)


def test_only_the_variables_that_are_allowed_are_known() -> None:
    with pytest.raises(ToolError, match="no variable 'item'"):
        compile_expression("item", ("parameters",))
    assert compile_expression("file.name", ("file",)).evaluate({"file": {"name": "a"}}) == "a"


def test_what_an_expression_asks_for_is_known() -> None:
    expression = compile_expression("nodes.a.output[0].x + nodes['b'].status + [1].map(i, i)[0]")
    assert expression.paths == {("nodes", "a", "output", 0, "x"), ("nodes", "b", "status")}


def test_only_what_is_asked_for_is_converted() -> None:
    nodes = {"a": {"output": 1}, "b": {"output": object()}}
    assert compile_expression("nodes.a.output").evaluate({"nodes": nodes}) == 1
    huge = {"nodes": {"a": {"output": 1}, "b": {"output": list(range(1_000_000))}}}
    fastest = 1.0
    for _ in range(5):  # one may come when rubbish is collected
        began = time.process_time()
        compile_expression("nodes.a.output").evaluate(huge)
        fastest = min(fastest, time.process_time() - began)
    assert fastest < 0.02


@pytest.mark.parametrize(
    ("text", "given_input"),
    [
        ("input.map(x, x)", list(range(5000))),
        ("input.map(x, input.map(y, x))", list(range(2000))),
        ("input.all(x, input.all(y, input.all(z, true)))", list(range(5000))),
        ("[input]" + ".map(a, a + a)" * 24, "0123456789"),
        ("[input]" + ".map(a, a + a + a + a + a + a)" * 14, "x"),
        ("[input]" + ".map(a, [a, a])" * 24, [1]),
        ("input.map(x, string(x) + parameters.s)", list(range(2000))),
        ("input.all(x, x in parameters.list)", list(range(9000))),
    ],
)
def test_no_expression_takes_all_memory_or_time(text: str, given_input: Any) -> None:
    values = {
        "input": given_input,
        "parameters": {"s": "x" * 200_000, "list": list(range(100_000, 200_000))},
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with pytest.raises(ToolError) as refused:
        compile_expression(text).evaluate(values)
    assert refused.value.code == "too_large"
    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_what_people_write_is_not_refused_for_its_cost() -> None:
    rows = [{"name": f"n{n}", "values": [1.5] * 20} for n in range(1500)]
    names = compile_expression("input.filter(r, r.values.size() > 3).map(r, r.name + '!')")
    assert names.evaluate({"input": rows})[-1] == "n1499!"
    assert costs.cost(names.tree, {"input": rows}) < costs.BUDGET


def test_threads_share_what_was_compiled() -> None:
    expression = compile_expression("input.map(x, x * 2)")
    assert compile_expression("input.map(x, x * 2)") is expression
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(expression.evaluate({"input": [n]})))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[2 * n] for n in range(20)]


@given(st.text(alphabet="parameters.x()[]{}+-*/?:&|!<>='\"0123,é \n", max_size=40))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with suppress(ToolError):
        compile_expression(text).evaluate(VALUES)


@given(json_values())
def test_json_data_goes_through_unchanged(value: Any) -> None:
    assert compile_expression("input").evaluate({"input": value}) == value
