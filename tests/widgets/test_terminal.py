from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.widgets.terminal import calls


@pytest.mark.parametrize(
    ("batch", "wanted"),
    [
        (
            [{"kind": "input", "text": "l"}, {"kind": "input", "text": "s\r"}],
            [("terminal_send", {"text": "ls\r"})],
        ),
        (
            [
                {"kind": "input", "text": "a"},
                {"kind": "resize", "rows": 5, "columns": 6},
                {"kind": "input", "text": "b"},
            ],
            [
                ("terminal_send", {"text": "a"}),
                ("terminal_resize", {"rows": 5, "columns": 6}),
                ("terminal_send", {"text": "b"}),
            ],
        ),
    ],
)
def test_what_a_person_types_is_sent_in_order_and_in_one_go(
    batch: list[dict[str, Any]], wanted: list[tuple[str, dict[str, Any]]]
) -> None:
    assert calls(batch) == wanted


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["kind", "text", "rows", "columns"]),
            st.one_of(st.none(), st.integers(), st.sampled_from(["input", "resize", "x"])),
        ),
        max_size=4,
    )
)
def test_nothing_else_of_a_view_becomes_a_call(batch: list[dict[str, Any]]) -> None:
    typed = "".join(str(each["text"]) for each in batch if is_input(each))
    sent = "".join(each["text"] for tool, each in calls(batch) if tool == "terminal_send")
    assert sent == typed


def is_input(message: dict[str, Any]) -> bool:
    return message.get("kind") == "input" and isinstance(message.get("text"), str)
