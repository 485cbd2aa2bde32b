from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.lines import Lines
from jupyter_mcp.toolsets.search.ranking.snippet import CHARACTERS, FEWEST, MOST, snippet

FUNCTION = '''def read(path):
    """Read a file."""
    with open(path) as file:
        text = file.read()

    counts = Counter(text.split())
    total = sum(counts.values())
    return {word: count / total for word, count in counts.items()}
'''


def chunk(text: str, line: int = 1) -> Chunk:
    return Chunk("a.py", "code", "python", line, line + len(Lines(text)) - 1, text)


def test_the_lines_that_fit_are_shown_with_their_numbers() -> None:
    long = "\n".join([*("padding = 0" for _ in range(40)), *FUNCTION.split("\n")])
    shown = snippet("divide counts by the total", chunk(long, line=100))
    lines = long.split("\n")
    assert "counts.values()" in shown.text
    assert shown.text.split("\n") == lines[shown.line - 100 : shown.end_line - 99]


def test_a_name_is_shown_where_it_stands() -> None:
    text = "\n".join([*("count = 0" for _ in range(30)), "value = getUserName()", "x = 1", "y = 2"])
    assert "getUserName" in snippet("getUserName", chunk(text)).text


def test_a_short_piece_is_shown_whole() -> None:
    shown = snippet("anything else", chunk("a = 1\nb = 2"))
    assert (shown.text, shown.line, shown.end_line) == ("a = 1\nb = 2", 1, 2)


def test_a_long_line_is_cut_around_the_word() -> None:
    shown = snippet("needle", chunk("x" * 5000 + " needle " + "y" * 5000))
    assert "needle" in shown.text
    assert shown.text.startswith("…")
    assert shown.text.endswith("…")
    assert len(shown.text) <= CHARACTERS


def test_empty_lines_at_the_ends_are_not_shown() -> None:
    shown = snippet("x", chunk("\n\nx = 1\n\n"))
    assert (shown.text, shown.line, shown.end_line) == ("x = 1", 3, 3)


def test_form_feeds_are_no_new_lines() -> None:
    shown = snippet("needle", chunk("\x0c\na = 1\n\x0cb = 2\nneedle = 3"))
    assert shown.end_line == 4


def test_lines_end_as_they_are_counted() -> None:
    shown = snippet("needle", chunk("a = 1\r\r\nb = 2\rneedle = 3\r\n"))
    assert (shown.text, shown.line, shown.end_line) == ("a = 1\n\nb = 2\nneedle = 3", 1, 4)


@given(st.text(max_size=2000), st.text(max_size=80), st.integers(1, 10_000))
def test_any_piece_has_a_small_snippet_within_it(text: str, question: str, line: int) -> None:
    whole = chunk(text, line)
    shown = snippet(question, whole)
    assert whole.line <= shown.line <= shown.end_line <= whole.end_line
    assert shown.text.count("\n") + 1 == shown.end_line - shown.line + 1 <= MOST
    assert len(shown.text) <= CHARACTERS + FEWEST
