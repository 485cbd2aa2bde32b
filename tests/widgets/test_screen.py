from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.widgets.screen import actions

AT = [3, 4]


@pytest.mark.parametrize(
    ("batch", "wanted"),
    [
        (
            [{"kind": "text", "text": "ü"}, {"kind": "text", "text": "b"}],
            [{"action": "type", "text": "üb"}],
        ),
        ([{"kind": "key", "text": "ctrl+s"}], [{"action": "key", "text": "ctrl+s"}]),
        (
            [{"kind": "move", "coordinate": [1, 1]}, {"kind": "move", "coordinate": AT}],
            [{"action": "mouse_move", "coordinate": AT}],
        ),
        (
            [{"kind": "down", "coordinate": AT}, {"kind": "up", "coordinate": AT}],
            [
                {"action": "mouse_move", "coordinate": AT},
                {"action": "left_mouse_down"},
                {"action": "mouse_move", "coordinate": AT},
                {"action": "left_mouse_up"},
            ],
        ),
        (
            [{"kind": "click", "button": "right", "coordinate": AT}],
            [{"action": "right_click", "coordinate": AT}],
        ),
        (
            [{"kind": "scroll", "coordinate": AT, "direction": "down", "amount": 2}],
            [
                {
                    "action": "scroll",
                    "coordinate": AT,
                    "scroll_direction": "down",
                    "scroll_amount": 2,
                }
            ],
        ),
    ],
)
def test_what_a_person_does_becomes_actions(
    batch: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    assert actions(batch) == wanted


messages = st.dictionaries(
    st.sampled_from(["kind", "text", "coordinate", "button", "direction", "amount"]),
    st.one_of(st.none(), st.text(max_size=5), st.integers(), st.lists(st.integers(), max_size=3)),
)


@given(st.lists(messages, max_size=6))
def test_a_message_that_no_view_sends_breaks_nothing(batch: list[dict[str, Any]]) -> None:
    assert all("action" in action for action in actions(batch))


@given(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=20))
def test_nothing_that_was_typed_gets_lost(texts: list[str]) -> None:
    [action] = actions([{"kind": "text", "text": text} for text in texts])
    assert action["text"] == "".join(texts)
