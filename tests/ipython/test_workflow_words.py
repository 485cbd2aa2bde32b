"""What people write after ``%mcp workflow``; `test_workflow_notebook.py` does it for real."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.words import split
from jupyter_mcp.ipython.workflow_tables import run_table, template_table
from jupyter_mcp.ipython.workflow_words import WorkflowWords

SPEC = """\
name: sums
parameters: {type: object, properties: {count: {type: integer}, who: {type: string}}}
nodes: [{id: one, kind: processing, expression: parameters.count}]
"""

RUN: dict[str, Any] = {
    "workflow_id": "wf-1",
    "name": "sums",
    "status": "failed",
    "started_at": "2026-11-21T18:00:00.000Z",
    "ended_at": "2026-11-21T18:00:01.500Z",
    "error": {"message": "It fell.", "node": "one"},
    "nodes": [
        {
            "id": "one",
            "kind": "processing",
            "status": "failed",
            "attempts": 2,
            "started_at": "2026-11-21T18:00:00.000Z",
            "ended_at": "2026-11-21T18:00:01.500Z",
            "error": {"message": "It fell.", "remedy": "Catch it."},
            "input": {"fields": {"properties": {"count": {"type": "integer"}}}},
        }
    ],
}


class Calls:
    """A server that knows one run, and remembers what it was asked."""

    def __init__(self, **answers: Mapping[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = {"workflow_check": {"ok": True, "nodes": 1, "name": "sums"}, **answers}

    def call_tool(self, tool: str, arguments: dict[str, Any], _: Any = None) -> Calls:
        self.asked.append((tool, arguments))
        return self

    def call_within(self, tool: str, arguments: dict[str, Any], _: float) -> Calls:
        return self.call_tool(tool, arguments)

    seconds = 0.0
    text = "wf-1: cancelled (sums)."

    @property
    def structured(self) -> Mapping[str, Any]:
        return self._answers.get(self.asked[-1][0], RUN)

    def __getitem__(self, key: str) -> Any:
        return self.structured[key]

    def end(self, _: float) -> None:
        """The bar has nothing to draw."""


def words(calls: Calls) -> WorkflowWords:
    return WorkflowWords(lambda: calls, lambda _: calls, lambda: False)


@pytest.mark.parametrize(
    ("line", "tool", "given"),
    [
        ("", "workflow_list", {"limit": 10}),
        ("list --all", "workflow_list", {"limit": 100}),
        ("show wf-1", "workflow_get", {"workflow_id": "wf-1"}),
        ("cancel wf-1", "workflow_cancel", {"workflow_id": "wf-1"}),
        ("pause wf-1", "workflow_pause", {"workflow_id": "wf-1"}),
    ],
)
def test_words_are_calls(line: str, tool: str, given: dict[str, Any]) -> None:
    calls = Calls(workflow_list={"workflows": [RUN]})
    assert "sums" in words(calls).carry_out(split(line)).to_text()
    assert calls.asked == [(tool, given)]


@pytest.mark.parametrize(
    "line",
    [
        "run",
        "run a b",
        "list --every",
        "list a=1",
        "show a b",
        "answer wf-1 one perhaps",
        "answer wf-1 one no because",
        "answer wf-1 one no --reason",
        "fork",
        "fork one",
        "fork a b c",
        "answer one yes",
        "edit a b",
        "edit notes.ipynb",
        "dance",
        "cancel",
    ],
)
def test_what_nobody_understands_is_told_with_the_usage(line: str) -> None:
    calls = Calls()
    with pytest.raises(UsageError):
        words(calls).carry_out(split(line))
    assert calls.asked == []


def test_the_usage_is_that_of_the_word_or_of_the_nearest_one() -> None:
    def told(line: str) -> str:
        with pytest.raises(UsageError) as caught:
            words(Calls()).carry_out(split(line))
        return str(caught.value)

    assert told("fork a b c") == "Write %mcp workflow fork [ID] NODE."
    assert "Did you mean %mcp workflow run FILE|NOTEBOOK|" in told("runn x")
    assert "There is no '%mcp workflow dance'. There is run, list, show," in told("dance")
    assert (
        "%mcp workflow answer [ID] NODE yes|no" in words(Calls()).carry_out(split("help")).to_text()
    )


def test_a_run_that_there_is_not_becomes_no_last_run() -> None:
    class Gone(Calls):
        def call_tool(self, tool: str, arguments: dict[str, Any], _: Any = None) -> Calls:
            raise ToolError("not_found", f"{tool}: there is no '{arguments['workflow_id']}'.")

    said = words(Gone())
    with pytest.raises(ToolError):
        said.carry_out(split("show wf-2"))
    assert said.last == ""


def test_words_are_about_the_last_run_unless_one_is_named() -> None:
    calls = Calls()
    said = words(calls)
    said.carry_out(split("show wf-1"))
    said.carry_out(split("fork one"))
    said.carry_out(split("answer one yes count=3"))
    assert ("workflow_fork", {"workflow_id": "wf-1", "node": "one"}) in calls.asked
    tool, given = calls.asked[-1]
    assert (tool, given["workflow_id"], given["node"]) == ("workflow_answer", "wf-1", "one")
    assert given["fields"] == {"count": 3}


def test_all_that_keeps_a_workflow_from_starting_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Refusing(Calls):
        def call_tool(self, tool: str, arguments: dict[str, Any], _: Any = None) -> Calls:
            if tool == "workflow_start":
                problems = [{"message": "One.", "place": "", "remedy": "Do."}, {"message": "Two."}]
                raise ToolError("invalid_arguments", "Wrong.", data={"problems": problems})
            return super().call_tool(tool, arguments)

    with pytest.raises(ToolError, match="see above"):
        words(Refusing()).cell(split("--run"), SPEC)
    assert capsys.readouterr().out == "One. Do.\nTwo.\n"


def test_a_file_is_run_with_parameters_of_their_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sums.yaml").write_text(SPEC)
    calls = Calls()
    words(calls).carry_out(split("run sums.yaml count=3 who=3 more:=[1]"))
    given = {"spec": SPEC, "parameters": {"count": 3, "who": "3", "more": [1]}}
    assert calls.asked[0] == ("workflow_start", given)
    with pytest.raises(ToolError, match="count"):
        words(calls).carry_out(split("run sums.yaml count=many"))
    with pytest.raises(ToolError, match=r"no file 'gone\.yaml'"):
        words(calls).carry_out(split("run gone.yaml"))


def test_a_notebook_is_sent_without_what_it_has_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cell = {"cell_type": "code", "source": "1", "outputs": ["x" * 1000], "metadata": {}}
    (tmp_path / "nightly.ipynb").write_text(json.dumps({"nbformat": 4, "cells": [cell]}))
    calls = Calls()
    words(calls).carry_out(split("run nightly.ipynb kernel_id=k-1"))
    sent = json.loads(calls.asked[0][1]["spec"])
    assert sent["cells"][0]["outputs"] == []
    assert sent["metadata"]["title"] == "nightly"
    assert calls.asked[0][1]["parameters"] == {"kernel_id": "k-1"}
    (tmp_path / "torn.ipynb").write_text('{"cells": 3')
    with pytest.raises(ToolError, match="no notebook"):
        words(calls).carry_out(split("run torn.ipynb"))


def test_a_template_is_run_by_its_name() -> None:
    schema = {"properties": {"count": {"type": "integer"}}}
    calls = Calls(workflow_template_get={"parameters": schema})
    words(calls).carry_out(split("run sums@1.0.0 count=3"))
    assert calls.asked[1] == (
        "workflow_start",
        {"template": "sums@1.0.0", "parameters": {"count": 3}},
    )


def test_an_answer_has_fields_of_their_types() -> None:
    calls = Calls()
    words(calls).carry_out(split('answer wf-1 one no count=3 --reason "not yet"'))
    assert calls.asked[-1] == (
        "workflow_answer",
        {
            "workflow_id": "wf-1",
            "node": "one",
            "approved": False,
            "reason": "not yet",
            "fields": {"count": 3},
        },
    )


def test_the_last_run_needs_no_name() -> None:
    calls = Calls()
    at_hand = words(calls)
    at_hand.carry_out(split("fork wf-0 one"))
    at_hand.carry_out(split("pause"))
    assert calls.asked[-1] == ("workflow_pause", {"workflow_id": "wf-1"})


def test_a_cell_is_checked_and_only_started_when_asked() -> None:
    calls = Calls()
    assert "nothing is wrong" in words(calls).cell(split(""), SPEC).to_text()
    assert calls.asked == [("workflow_check", {"spec": SPEC})]
    words(calls).cell(split("--run count=2"), SPEC)
    assert calls.asked[2] == ("workflow_start", {"spec": SPEC, "parameters": {"count": 2}})
    with pytest.raises(UsageError):
        words(calls).cell(split("count=2"), SPEC)


def test_a_cell_tells_problems_with_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        {"place": "nodes[0].kind", "message": "There is no kind 'x'.", "line": 4},
        {"place": "", "message": "It has no name.", "remedy": "Name it."},
    ]
    calls = Calls(workflow_check={"ok": False, "problems": problems})
    with pytest.raises(ToolError, match="not right"):
        words(calls).cell(split("--run"), SPEC)
    told = "line 4, nodes[0].kind: There is no kind 'x'.\nIt has no name. Name it.\n"
    assert capsys.readouterr().out == told
    assert len(calls.asked) == 1


def test_a_run_as_a_table_says_what_went_wrong() -> None:
    text = run_table(RUN).to_text()
    assert "sums (wf-1): failed. It fell." in text
    assert "one   processing  failed  1.5 s  2" in text
    assert "It fell. Catch it." in text
    told = {"name": "<b>", "version": "1.0.0", "parameters": {"properties": {"<i>": {}}}}
    assert "<b>" not in template_table([told]).to_html()


def test_completions_come_from_the_server() -> None:
    templates = {"templates": [{"name": "nightly"}]}
    calls = Calls(workflow_list={"workflows": [RUN]}, workflow_template_list=templates)
    assert words(calls).ids(1.0) == ["wf-1"]
    assert words(calls).names(1.0) == ["nightly"]
