from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunking.lines import Lines
from jupyter_mcp.toolsets.search.lexical import scan as scanning
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.scan import is_insensitive
from jupyter_mcp.toolsets.search.lexical.scanner import lines, starts
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from support.lexical import file_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LexicalStore]:
    with LexicalStore(tmp_path / "index.db") as opened:
        opened.replace(
            [
                file_of("b.py", "def soup():\n    return Salad", "def salad(): # SALAD\n    pass"),
                file_of("a.py", "x = 'salad'"),
            ]
        )
        yield opened


def test_lines_come_by_file_and_line(store: LexicalStore) -> None:
    found = store.scan("salad", 10, is_regex=False)
    assert [match.text for match in found.matches] == [
        "x = 'salad'",
        "    return Salad",
        "def salad(): # SALAD",
    ]
    assert [match.line for match in found.matches] == [1, 2, 3]
    assert not found.is_cut
    assert store.chunks([found.matches[0].chunk])[found.matches[0].chunk].path == "a.py"


def test_a_capital_in_the_pattern_counts(store: LexicalStore) -> None:
    assert [m.text for m in store.scan("Salad", 10, is_regex=False).matches] == ["    return Salad"]
    assert [m.text for m in store.scan("S\\w+d", 10, is_regex=True).matches] == [
        "    return Salad",
        "def salad(): # SALAD",
    ][:1]


def test_a_pattern_stands_for_lines(store: LexicalStore) -> None:
    found = store.scan(r"^def \w+\(\):$", 10, is_regex=True)
    assert [match.text for match in found.matches] == ["def soup():"]


def test_filter_and_limit(store: LexicalStore) -> None:
    assert len(store.scan("salad", 10, Filter(path="b.py"), is_regex=False).matches) == 2
    assert store.scan("salad", 10, Filter(language="go"), is_regex=False).matches == []
    cut = store.scan("salad", 1, is_regex=False)
    assert len(cut.matches) == 1
    assert cut.is_cut


def test_a_pattern_that_never_ends_is_ended(
    store: LexicalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.replace([file_of("z.py", "a" * 60 + "!")])
    monkeypatch.setattr(scanning, "SECONDS", 1.0)
    started = time.monotonic()
    with pytest.raises(ToolError) as told:
        store.scan(r"(a+)+$", 10, is_regex=True)
    assert told.value.code == "timeout"
    assert time.monotonic() - started < 10


def test_what_is_no_pattern_is_refused_in_one_line(store: LexicalStore) -> None:
    with pytest.raises(ToolError, match="no regular expression") as told:
        store.scan("(", 10, is_regex=True)
    assert told.value.code == "invalid_arguments"
    assert store.scan("(", 10, is_regex=False).matches


@pytest.mark.parametrize(
    ("pattern", "is_regex", "expected"),
    [
        ("salad", False, True),
        ("Salad", False, False),
        (r"\S+\Wx", True, True),
        (r"\S+X", True, False),
        (r"(?P<Name>x)", True, True),
        (r"\S", False, False),
    ],
)
def test_smart_case(pattern: str, is_regex: bool, expected: bool) -> None:
    assert is_insensitive(pattern, is_regex=is_regex) is expected


@given(st.text("İIiSΣKa\n"))
def test_letters_that_are_longer_in_lower_case_move_nothing(text: str) -> None:
    whole = f"{text}\nX" + 200 * "\n"
    look = starts("x", is_regex=False, ignores_case=True)
    assert list(lines(whole, look(whole))) == [(text.count("\n") + 1, "X")]


@given(st.text("ab\n\rc"), st.text("abc", min_size=1))
def test_literal_lines_are_those_that_hold_the_text(text: str, wanted: str) -> None:
    found = list(lines(text, starts(wanted, is_regex=False, ignores_case=False)(text)))
    expected = [(n, line) for n, line in enumerate(Lines(text).texts) if wanted in line]
    assert found == expected
    regex = starts(re.escape(wanted), is_regex=True, ignores_case=False)
    assert list(lines(text, regex(text))) == expected
