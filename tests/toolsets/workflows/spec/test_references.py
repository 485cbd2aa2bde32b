from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import references
from jupyter_mcp.toolsets.workflows.spec.references import Reference
from support.specs import good_text, json_values

SCOPE = {
    "parameters": {"x": [1, {"y": None}], "s": "text", "a name": {"}": True}},
    "nodes": {"load": {"output": {"rows": [{"name": "one"}]}, "status": "succeeded"}},
    "workflow": {"id": "w-1"},
    "item": 3.5,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${parameters.x}", [1, {"y": None}]),
        ("${ parameters.x }", [1, {"y": None}]),
        ("${item}", 3.5),
        ("${nodes.load.output.rows.0.name}", "one"),
        ("${nodes.load.output.rows[0].name}", "one"),
        ('${parameters["a name"]["}"]}', True),
        ("${workflow.id}:${nodes.load.status}", "w-1:succeeded"),
        ("n=${parameters.x}!", 'n=[1,{"y":null}]!'),
        ("${parameters.s}${parameters.s}", "texttext"),
        ("$${parameters.s}", "${parameters.s}"),
        ("$$${parameters.s}", "$${parameters.s}"),
        ("costs $5 {a}", "costs $5 {a}"),
        ("", ""),
    ],
)
def test_a_reference_is_replaced_by_its_value(text: str, value: Any) -> None:
    assert references.resolve(text, SCOPE) == value


def test_references_are_replaced_everywhere_and_the_rest_is_copied() -> None:
    given_value = {"a": ["${item}", {"b": "${parameters.s}"}], "c": None}
    assert references.resolve(given_value, SCOPE) == {"a": [3.5, {"b": "text"}], "c": None}
    rows = references.resolve("${nodes.load.output.rows}", SCOPE)
    rows.append("mine")
    assert SCOPE["nodes"]["load"]["output"]["rows"] == [{"name": "one"}]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "${parameters.xx}",
            "${parameters.xx} leads nowhere: there is no 'xx' in parameters. Did you mean 'x'?",
        ),
        (
            "${nodes.laod.output}",
            "${nodes.laod.output} leads nowhere: there is no 'laod' in nodes. Did you mean 'load'?",
        ),
        (
            "${nodes.load.output.rows.7}",
            (
                "${nodes.load.output.rows.7} leads nowhere: nodes.load.output.rows is a list of 1, "
                "which has no '7'. Positions count from 0."
            ),
        ),
        (
            "${parameters.s.length}",
            (
                "${parameters.s.length} leads nowhere: parameters.s is text, which has no parts. "
                "Refer to the value itself."
            ),
        ),
        ("${itm}", "${itm} leads nowhere: there is no 'itm'. Did you mean 'item'?"),
        (
            "a ${1 + 1}",
            (
                "'${1 + 1}' is no reference (column 3). Write a path such as '${parameters.x}'; "
                "expressions compute, references do not."
            ),
        ),
        (
            "${parameters.x",
            "'${parameters.x' is not closed (column 1). Add '}', or write '$${' for the text '${'.",
        ),
    ],
)
def test_what_leads_nowhere_is_told_with_what_there_is(text: str, told: str) -> None:
    with pytest.raises(ToolError) as refused:
        references.resolve(text, SCOPE)
    assert str(refused.value) == told


def test_all_references_are_found_with_their_places() -> None:
    value = {"a": ["x ${item} ${nodes.b.output}"], "c": "$${nodes.no}"}
    found = list(references.find(value))
    assert [(each.path, each.place, each.column) for each in found] == [
        (("item",), ("a", 0), 3),
        (("nodes", "b", "output"), ("a", 0), 11),
    ]
    assert [each.node for each in found] == [None, "b"]


def test_nothing_is_evaluated() -> None:
    for text in ("${__import__('os')}", "${parameters.s.__class__}", "${parameters.__len__}"):
        with pytest.raises(ToolError):
            references.resolve(text, SCOPE)


def test_a_text_cannot_grow_without_end() -> None:
    with pytest.raises(ToolError, match="more than") as refused:
        references.resolve("${item}${item}" * 3, {"item": "x" * (references.LARGEST // 2)})
    assert refused.value.code == "too_large"


@given(good_text())
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    assert references.resolve(references.escape(text), {}) == text


@given(st.text(alphabet="${}[].\"'\\ab0 é", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(ToolError):
        for part in references.parse(text):
            if isinstance(part, Reference):
                again = Reference(part.path, part.text)
                assert references.parse("${" + part.text + "}") == [again]


@given(st.lists(good_text() | st.integers(0, 99), max_size=4), json_values())
def test_what_is_shown_of_a_path_leads_there(path: list[str | int], value: Any) -> None:
    scope: Any = value
    for key in reversed(path):
        scope = {key: scope} if isinstance(key, str) else [None] * key + [scope]
    whole = ("parameters", *path)
    assert references.resolve(references.written(whole), {"parameters": scope}) == value
