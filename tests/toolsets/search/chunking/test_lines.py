from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.chunking.cutting import WHOLE, cut
from jupyter_mcp.toolsets.search.chunking.lines import Lines

TEXT = st.text(st.sampled_from("ab \t\r\n\f\v\x1c\x85\u2028é")) | st.text()


@given(TEXT)
def test_lines_end_where_editors_end_them(text: str) -> None:
    lines = Lines(text)
    assert lines.texts == text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [
        text[start:][: len(each)] for start, each in zip(lines.starts, lines.texts, strict=True)
    ] == (lines.texts)
    assert lines.piece(1, len(lines)) == text or text.endswith(("\r", "\n"))


@given(TEXT, st.data())
def test_an_offset_lies_in_its_line(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    line = Lines(text).at(offset)
    assert line == len(Lines(text[:offset])) or text[offset - 1 : offset + 1] == "\r\n"


def lines_of(*sizes: int) -> Lines:
    return Lines("\n".join("x" * size for size in sizes))


def test_what_fits_stays_whole() -> None:
    assert list(cut(lines_of(0, 1000, 1000, 400, 0), 1, 5)) == [(2, 4)]


def test_a_cut_is_made_at_a_blank_line_or_at_the_least_indentation() -> None:
    text = "\n".join(
        ["def f():"] + ["        deep = 1"] * 60 + ["    shallow = 1"] + ["        deep = 1"] * 100
    )
    pieces = list(cut(Lines(text), 1, 162))
    assert pieces[0] == (1, 61)
    assert pieces[1][0] == 62
    prose = "\n".join((["word " * 12] * 20 + [""]) * 4)
    assert [first for first, _ in cut(Lines(prose), 1, 84)] == [1, 22, 43]


def test_no_crumb_is_left_at_the_end() -> None:
    lines = lines_of(*[99] * 24)
    assert list(cut(lines, 1, 24)) == [(1, 24)]
    assert lines.size(1, 24) <= WHOLE


def test_a_line_that_nobody_wrote_is_left_out() -> None:
    assert list(cut(lines_of(10, 100_000, 10), 1, 3)) == [(1, 1), (3, 3)]
    assert list(cut(lines_of(10, 3000, 10), 1, 3)) == [(1, 1), (2, 2), (3, 3)]
