"""Words inside of a question that say where to look."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.asking import LONGEST, understood

ALL = {"code", "notebooks", "docs", "vars"}


def test_words_of_a_question_win_over_its_arguments() -> None:
    asked = understood("in:vars big  table path:src lang:R", "code", path="lib", language="python")
    assert (asked.text, asked.scopes) == ("big table", {"vars"})
    assert (asked.path, asked.language) == ("src", "r")


def test_without_words_the_arguments_count() -> None:
    asked = understood("big table", "notebooks", path="lib", language="Python")
    assert asked.scopes == {"notebooks"}
    assert (asked.path, asked.language) == ("lib", "python")
    assert asked.kinds == {"notebook"}


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("in:code in:vars x", {"code", "vars"}),
        ("in:code,docs x", {"code", "docs"}),
        ("x in:all", ALL),
        ("IN:Notebook x", {"notebooks"}),
        ("builtin:vars x", {"code"}),
    ],
)
def test_several_scopes_may_be_named(query: str, scopes: set[str]) -> None:
    assert understood(query).scopes == scopes


def test_a_path_may_hold_spaces() -> None:
    assert understood('x path:"my notes/a b"').path == "my notes/a b"


def test_all_pieces_of_the_project_are_code() -> None:
    assert understood("x").kinds == frozenset()
    assert understood("in:docs x").is_of_project is False


def test_a_pattern_is_left_alone() -> None:
    asked = understood("in:vars path:x", "code", mode="literal", path="src")
    assert (asked.text, asked.scopes, asked.path) == ("in:vars path:x", {"code"}, "src")


@pytest.mark.parametrize("query", ["", "  ", "in:vars", "path:src"])
def test_nothing_to_find_is_told(query: str) -> None:
    with pytest.raises(ToolError, match="Nothing to find"):
        understood(query)


def test_an_unknown_scope_tells_which_there_are() -> None:
    with pytest.raises(ToolError, match=r"in:emails.*in:notebooks"):
        understood("x in:emails")


@pytest.mark.parametrize("scope", ["code", "docs", "vars"])
def test_a_path_that_leads_out_is_refused_in_all_scopes(scope: str) -> None:
    with pytest.raises(ToolError, match="leads out of the folder"):
        understood(f"in:{scope} path:../ counts")


def test_a_file_is_no_question() -> None:
    with pytest.raises(ToolError, match="search_similar"):
        understood("x" * (LONGEST + 1))


@given(st.text(max_size=200))
def test_any_text_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(ToolError):
        assert understood(text).text.strip()
