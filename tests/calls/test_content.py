from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.calls import Audio, Embedded, Image, Link, Result, Text
from jupyter_mcp.calls.content import block_from_json, block_to_json
from jupyter_mcp.errors import ToolError

blocks = (
    st.builds(Text, st.text())
    | st.builds(Image, st.binary(), st.just("image/png"))
    | st.builds(Audio, st.binary(), st.just("audio/wav"))
    | st.builds(Link, st.text(), st.text(), st.none() | st.text(min_size=1), st.none() | st.text())
    | st.builds(Embedded, st.text(), st.text() | st.binary(), st.none() | st.text(min_size=1))
)


@given(blocks)
def test_a_block_survives_its_json(block: Text | Image | Audio | Link | Embedded) -> None:
    assert block_from_json(block_to_json(block)) == block


def test_an_unknown_block_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown content block type 'hologram'"):
        block_from_json({"type": "hologram"})


def test_an_error_is_told_in_text_and_in_structure() -> None:
    result = Result.from_error(ToolError("gone", "It is\ngone.", "Look elsewhere.", data={"n": 1}))
    assert result.is_error
    assert result.content == (Text("It is gone. Look elsewhere."),)
    assert result.structured == {
        "error": {
            "code": "gone",
            "message": "It is gone.",
            "remedy": "Look elsewhere.",
            "data": {"n": 1},
        }
    }


def test_the_diff_of_a_conflict_is_shown_as_text_too() -> None:
    result = Result.from_error(ToolError("conflict", "It changed.", data={"diff": "- a\n+ b"}))
    assert result.content == (Text("It changed."), Text("- a\n+ b"))


def test_a_result_survives_its_json() -> None:
    result = Result((Text("a"), Image(b"\x00", "image/png")), {"x": 1}, is_error=True)
    assert Result.from_json(result.to_json()) == result
