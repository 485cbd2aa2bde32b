from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.duration import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), (" 2W ", 1_209_600)],
)
def test_as_people_write_it(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@given(
    st.text(max_size=12) | st.sampled_from(["0d", "-1d", "1", "d", "1.5h", "7x", "9999999d", "٣d"])
)
def test_all_else_is_one_clear_line(text: str) -> None:
    told = ""
    try:
        assert seconds_of(text) > 0
    except ToolError as error:
        told = str(error)
    assert not told or told.endswith("such as 30m, 12h, 7d or 2w.")
