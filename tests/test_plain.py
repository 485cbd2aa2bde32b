"""Names and texts out of files, as they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.plain import harmless, one_line


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a/b c.py", "a/b c.py"),
        ("Zählung 数 👩‍🔬", "Zählung 数 👩‍🔬"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u2028b\x85c", r"a\u2028b\x85c"),
        ("cod\u202eyp.exe", r"cod\u202eyp.exe"),
        ("\ud800", r"\ud800"),
    ],
)
def test_a_name_stays_in_its_line(name: str, shown: str) -> None:
    assert one_line(name) == shown


def test_a_text_keeps_its_lines_and_loses_what_a_terminal_does() -> None:
    assert harmless("a\r\n\tb\rc\n") == "a\n\tb\nc\n"
    assert harmless("\x1b]0;title\x07\x9b2J") == r"\x1b]0;title\x07\x9b2J"


@given(st.text(st.characters()))
def test_what_is_shown_can_be_written_and_is_one_line(text: str) -> None:
    one_line(text).encode()
    harmless(text).encode()
    assert len(one_line(text).splitlines()) <= 1
    assert one_line(one_line(text)) == one_line(text)
