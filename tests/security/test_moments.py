from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.moments import in_local_time, in_utc, moment_of, seconds_of

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), (" 2W ", 1_209_600)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@given(
    st.text(max_size=12) | st.sampled_from(["0d", "-1d", "1", "d", "1.5h", "7x", "9999999d", "٣d"])
)
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    told = ""
    try:
        assert seconds_of(text) > 0
    except ToolError as error:
        told = str(error)
    assert not told or told.endswith("such as 30m, 12h, 7d or 2w.")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1d", NOW - 86_400),
        ("30m", NOW - 1_800),
        ("1700000000.5", 1_700_000_000.5),
        ("2026-11-21T12:00:00+00:00", datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()),
        ("2026-11-21", datetime(2026, 11, 21).timestamp()),  # noqa: DTZ001 - the machine's zone
    ],
)
def test_people_write_moments_in_many_ways(text: str, moment: float) -> None:
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "", "nan", "inf", "-5", "1e300", "0d", "13-13-2026"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ToolError, match=r"is no (moment|duration)") as caught:
        moment_of(text, NOW)
    assert "7d" in caught.value.remedy


@given(st.text(max_size=60))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    with suppress(ToolError):
        assert isinstance(moment_of(text, NOW), float)


@given(st.integers(0, 4_000_000_000))
def test_what_is_shown_can_be_written_again(at: int) -> None:
    assert moment_of(in_utc(at), NOW) == moment_of(in_local_time(at), NOW) == at
