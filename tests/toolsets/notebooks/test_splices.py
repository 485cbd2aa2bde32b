"""Splices: the smallest edits between two texts, in characters, in bytes and as browsers count."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.notebooks.panel_jupyter import utf16_splices
from jupyter_mcp.toolsets.notebooks.splices import MAX_LINES, Splice, splices
from jupyter_mcp.toolsets.notebooks.ydoc_jupyter import splice_text

TEXT = st.text(alphabet="ab é😀\n\r\u2028", max_size=60)


def spliced(text: str, changes: list[Splice]) -> str:
    """Apply `changes`, given last one first, to `text`."""
    for change in changes:
        text = text[: change.start] + change.inserted + text[change.start + change.deleted :]
    return text


@given(TEXT, TEXT)
@example("a\r\nb", "a\nb")
@example("😀😀", "😀")
def test_splices_lead_from_one_text_to_the_other(old: str, new: str) -> None:
    assert spliced(old, splices(old, new)) == new


@given(TEXT, TEXT)
def test_a_shared_text_ends_up_the_same(old: str, new: str) -> None:
    from pycrdt import Doc, Map, Text

    doc: Doc[Map] = Doc()
    doc["cell"] = cell = Map({"source": Text(old)})
    splice_text(cell, new)
    assert str(cell["source"]) == new


@given(TEXT, TEXT)
def test_a_browser_ends_up_with_the_same_text(old: str, new: str) -> None:
    units = old.encode("utf-16-le")
    for start, deleted, inserted in utf16_splices(old, new):
        head, tail = units[: start * 2], units[(start + deleted) * 2 :]
        units = head + inserted.encode("utf-16-le") + tail
    assert units.decode("utf-16-le") == new


def test_what_is_equal_is_left_alone() -> None:
    old = "import os\n\nx = 1\nprint(x)\n"
    new = "import os\n\nx = 12\nprint(x)\nprint(os)\n"
    assert splices(old, new) == [Splice(26, 0, "print(os)\n"), Splice(16, 0, "2")]
    assert splices(old, old) == []


def test_a_very_long_text_is_compared_as_one() -> None:
    old = "line\n" * MAX_LINES
    assert splices(old, f"{old}more") == [Splice(len(old), 0, "more")]
