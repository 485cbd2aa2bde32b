"""What people write after ``%mcp search``, and what they see; `test_search.py` runs it for real."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.ipython.hits import Found, Links, cited, links_of
from jupyter_mcp.ipython.own_variables import KernelQuestion, merged
from jupyter_mcp.ipython.search_words import completions, question_in, wish

HIT = {"path": "src/a b.py", "line": 4, "end_line": 9, "score": 0.5, "snippet": "x", "kind": "code"}
CELL = {**HIT, "path": "n/one.ipynb", "cell_id": "c1", "kind": "notebook"}


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("search where is it", "where is it"),
        ("  search  don't 'quote\" me", "don't 'quote\" me"),
        ("search x=1 in:vars", "x=1 in:vars"),
        ("search", ""),
        ("search query=counts limit=2", None),
        ("search_similar path=a", None),
        ("tools search", None),
    ],
)
def test_the_rest_of_the_line_is_the_question(line: str, question: str | None) -> None:
    assert question_in(line) == question


@pytest.mark.parametrize(
    ("question", "arguments", "target"),
    [
        ("where is it", {"query": "where is it"}, ""),
        ("--in notebooks read csv", {"query": "read csv", "scope": "notebooks"}, ""),
        ("read --scope docs csv", {"query": "read csv", "scope": "docs"}, ""),
        ('--path "my data" csv', {"query": "csv", "path": "my data"}, ""),
        ("csv --limit 3 --mode=literal", {"query": "csv", "limit": 3, "mode": "literal"}, ""),
        ("--language r --kernel k1 x", {"query": "x", "language": "r", "kernel_id": "k1"}, ""),
        ("counts -o found", {"query": "counts"}, "found"),
        ("--mode literal -- --path x", {"query": "--path x", "mode": "literal"}, ""),
        ("two -- --path x", {"query": "two --path x"}, ""),
        ("a-o b --", {"query": "a-o b --"}, ""),
    ],
)
def test_options_stand_where_people_put_them(
    question: str, arguments: dict[str, Any], target: str
) -> None:
    assert wish(question) == (arguments, target)


@pytest.mark.parametrize(
    "question", ["", "--limit many x", "--colour red x", "--path", "--in docs"]
)
def test_what_nobody_understands_is_told_with_the_usage(question: str) -> None:
    with pytest.raises(UsageError, match="Write %mcp search"):
        wish(question)


@given(st.text())
def test_any_line_is_a_question_or_a_mistake(text: str) -> None:
    question = question_in(f"search {text}")
    if question is not None:
        try:
            arguments, _ = wish(question)
        except UsageError:
            return
        assert arguments["query"].strip()


@pytest.mark.parametrize(
    ("folder", "hit", "link"),
    [
        ("", HIT, "./src/a%20b.py#line=3"),
        ("src", HIT, "./a%20b.py#line=3"),
        ("n/deep", HIT, "../../src/a%20b.py#line=3"),
        ("n", CELL, "./one.ipynb#cell-id=c1"),
        (None, CELL, "http://h/lab/tree/n/one.ipynb#cell-id=c1"),
        ("", {**HIT, "kind": "docs"}, ""),
        ("", {**HIT, "path": "elsewhere:a.py"}, ""),
        ("", {**HIT, "path": "kernel://1/variables"}, ""),
    ],
)
def test_links_lead_there_from_the_notebooks_folder(
    folder: str | None, hit: dict[str, Any], link: str
) -> None:
    assert Links("http://h/lab/", folder).to(hit) == link


def test_without_a_place_to_open_there_is_text_only() -> None:
    assert links_of(None, "/root/n.ipynb") == Links()
    server = Server("http://h/base/mcp", root="/root")
    assert links_of(server, "/root/n/a.ipynb") == Links("http://h/base/lab/", "n")
    assert links_of(server, "/root/a.ipynb") == Links("http://h/base/lab/", "")
    assert links_of(server, "/other/a.ipynb") == Links("http://h/base/lab/", None)
    assert "<a" not in Found([HIT]).to_html()


def test_what_files_hold_cannot_become_markup() -> None:
    evil = {**HIT, "path": '"><img src=x>.py', "symbol": "<b>", "snippet": "<script>1</script>"}
    shown = Found([evil], ["<i>note</i>"], Links("", "")).to_html()
    for tag in ("<img", "<b>", "<script", "<i>"):
        assert tag not in shown
    assert "&lt;script&gt;1&lt;/script&gt;" in shown
    assert "<script>1</script>" in Found([evil]).to_text()


def test_names_out_of_a_hostile_notebook_stay_in_their_line() -> None:
    evil = "c1\n1. other.py:1\x1b[2J\u202e"
    written = r"c1\n1. other.py:1\x1b[2J\u202e"
    hit = {**CELL, "cell_id": evil, "symbol": evil, "snippet": "x\x1b[2J"}
    found = Found([hit], [evil], Links("", ""))
    lines = found.to_text().split("\n")
    assert lines[0] == written
    assert lines[1] == f"1. n/one.ipynb#{written}  {written}  (0.50)"
    assert lines[2:] == [r"   x\x1b[2J"]
    shown = found.to_html()
    assert shown.isprintable()
    assert 'href="./n/one.ipynb#cell-id=c1%0A1.%20other.py%3A1%1B%5B2J%E2%80%AE"' in shown


def test_hits_are_cited_by_line_or_cell() -> None:
    assert [cited(HIT), cited(CELL)] == ["src/a b.py:4-9", "n/one.ipynb#c1"]
    assert cited({**HIT, "end_line": 4}) == "src/a b.py:4"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%mcp search --in no", ["notebooks"]),
        ("%mcp search --mode l", ["lexical", "literal"]),
        ("%mcp search counts in:v", ["in:vars"]),
        ("%mcp search --la", ["--language"]),
        ("%mcp search where", []),
        ("%mcp index ", ["status", "update", "drop"]),
        ("%mcp index update a", []),
        ("%mcp search query=", None),
        ("%mcp sea", None),
    ],
)
def test_words_are_completed(line: str, expected: list[str] | None) -> None:
    assert completions(line) == expected


def test_variables_are_answered_here_and_the_rest_elsewhere() -> None:
    question = KernelQuestion.of({"query": "in:all path:src counts", "limit": 3})
    assert list(question.elsewhere) == [
        {"query": "counts", "path": "src", "scope": "code"},
        {"query": "counts", "path": "src", "scope": "docs"},
    ]
    found = question.answered({"count_table": [1, 2], "other": 1, "_hidden_count": 1}, 3)
    assert [(each["symbol"], each["kind"]) for each in found] == [("count_table", "variable")]
    alone = KernelQuestion.of({"query": "counts", "scope": "vars"})
    assert list(alone.elsewhere) == []
    assert KernelQuestion.of({"query": "in:docs counts"}).answered({"counts": 1}, 3) == []


def test_hits_of_several_scopes_are_ordered_by_one_measure() -> None:
    def of(scope: str, *scores: float) -> list[dict[str, Any]]:
        return [{"path": f"{scope}{number}", "score": each} for number, each in enumerate(scores)]

    found = {"vars": of("vars", 1.0, 0.3), "code": of("code", 1.34, 1.2), "docs": of("docs", 1.0)}
    hits = merged(found, 4)
    assert [each["path"] for each in hits] == ["code0", "vars0", "code1", "docs0"]
    assert [each["score"] for each in hits] == [1.0, 0.95, 0.896, 0.8]
    assert merged({"vars": [], "code": of("code", 1.34)}, 3) == of("code", 1.34)


def test_variables_are_found_here_by_a_pattern_too() -> None:
    asked = {"query": r"^count_\w+e$", "scope": "vars", "mode": "regex"}
    found = KernelQuestion.of(asked).answered({"count_table": [1], "counts": 1}, 3)
    assert [each["symbol"] for each in found] == ["count_table"]
