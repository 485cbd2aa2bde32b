from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.sandboxes.desktop.wire import CODES, refusal


@pytest.mark.parametrize(
    ("code", "remedy"), [("unsupported", "jupyter-mcp/desktop"), ("unavailable", "Call again")]
)
def test_what_the_program_inside_refuses_comes_with_a_remedy(code: str, remedy: str) -> None:
    error = refusal({"code": code, "message": "Xvfb did not start.", "remedy": ""})
    assert (error.code, error.message) == (code, "Xvfb did not start.")
    assert remedy in error.remedy


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2000),
    lambda inner: st.dictionaries(st.sampled_from(["code", "message", "remedy"]), inner),
    max_leaves=5,
)


@given(JSON)
@example({"message": "\x85", "remedy": " \n"})
def test_a_hostile_refusal_is_an_error_of_ours(told: Any) -> None:
    error = refusal(told)
    assert error.code in CODES
    assert error.message
    assert error.remedy
    assert max(len(error.message), len(error.remedy)) <= 500
