"""What a terminal would show of a text, and what is kept of too much of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.printed.text import (
    Tail,
    joined,
    overwritten,
    shortened,
    without_ansi,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n", "plain\n"),
        ("10%\r20%\r", "20%\r"),
        ("10%\rdone\n", "done\n"),
        ("long line\rshort", "shortline"),
        ("abc\x08\x08X", "aXc"),
        ("\x08\x08a", "a"),
        ("windows\r\n", "windows\n"),
        ("one\ntwo\rTWO\nthree", "one\nTWO\nthree"),
    ],
)
def test_cursor_movements_take_effect(text: str, shown: str) -> None:
    assert overwritten(text) == shown


@given(st.lists(st.text(alphabet="ab\r\n\x08", max_size=6), max_size=6))
def test_pieces_show_what_the_whole_shows_in_the_end(pieces: list[str]) -> None:
    """A kernel cuts its text anywhere; only a backspace reaches past what is kept of a piece."""
    text = ""
    for piece in pieces:
        text = joined(text, piece)
    assert "\x08" not in text
    if not any("\r" in piece or "\x08" in piece for piece in pieces):
        assert text == "".join(pieces)


def test_a_progress_bar_in_pieces() -> None:
    text = ""
    for percent in range(0, 101, 10):
        text = joined(text, f"{percent}%\r")
    assert joined(text, "\ndone\n") == "100%\ndone\n"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;5;28;01mfor\x1b[39;00m", "for"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b[2J\x1b[1;1Hhome", "home"),
        ("[31m stays", "[31m stays"),
    ],
)
def test_escape_sequences_go(text: str, plain: str) -> None:
    assert without_ansi(text) == plain


@given(st.text())
def test_no_colour_survives(text: str) -> None:
    assert "\x1b[3" not in without_ansi(text + "\x1b[31m")


@given(st.lists(st.text(max_size=30)), st.integers(min_value=1, max_value=20))
def test_a_tail_ends_as_the_whole_and_counts_what_is_missing(pieces: list[str], size: int) -> None:
    tail = Tail(size)
    for piece in pieces:
        tail.add(piece)
    whole = "".join(pieces)
    kept = tail.text()
    assert kept.endswith(whole[-size:])
    if len(whole) > size:
        assert f"[... {len(whole) - size} characters left out ...]" in kept


@given(st.text(max_size=200), st.integers(min_value=3, max_value=50))
def test_shortened_keeps_head_and_tail(text: str, size: int) -> None:
    short = shortened(text, size)
    assert short == text or (short[:1] == text[:1] and short[-1:] == text[-1:])
    assert len(short) <= max(len(text), size + 50)
