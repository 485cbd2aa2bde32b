"""What each action does with mouse and keyboard."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.actions import (
    CLICK_SECONDS,
    PLANS,
    Key,
    Move,
    Pause,
    Press,
    Step,
    Write,
    steps_of,
)
from jupyter_mcp.toolsets.sandboxes.desktop.aliases import canonical
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen
from jupyter_mcp.toolsets.sandboxes.desktop.request import Anthropic, Request

SCREEN = Screen()
CONTROL = 0xFFE3


def steps(action: str, **values: Any) -> list[Step]:
    return steps_of(canonical(Request(action, **values)), SCREEN)


def click(number: int, count: int = 1) -> list[Step]:
    return [Press(number, is_down=True), Press(number, is_down=False)] * count


@pytest.mark.parametrize(
    ("action", "number", "count"),
    [
        ("left_click", 1, 1),
        ("middle_click", 2, 1),
        ("right_click", 3, 1),
        ("double_click", 1, 2),
        ("triple_click", 1, 3),
    ],
)
def test_a_click_moves_there_and_presses(action: str, number: int, count: int) -> None:
    apart = [Pause(CLICK_SECONDS), *click(number)] * (count - 1)
    assert steps(action, coordinate=(10, 20)) == [Move(10, 20), *click(number), *apart]
    assert steps(action) == [*click(number), *apart]


@pytest.mark.parametrize(
    ("button", "number"), [(None, 1), ("left", 1), ("right", 3), ("wheel", 2), ("back", 8)]
)
def test_the_click_of_openai_has_a_button(button: str | None, number: int) -> None:
    assert steps("click", button=button, coordinate=(1, 2)) == [Move(1, 2), *click(number)]


def test_a_click_holds_the_keys_of_its_text() -> None:
    assert steps("left_click", text="ctrl") == [
        Key(CONTROL, is_down=True),
        *click(1),
        Key(CONTROL, is_down=False),
    ]


def test_keys_are_released_in_the_opposite_order() -> None:
    down = [Key(CONTROL, is_down=True), Key(ord("s"), is_down=True)]
    up = [Key(ord("s"), is_down=False), Key(CONTROL, is_down=False)]
    assert steps("key", text="ctrl+s") == down + up
    assert steps("keypress", keys=("CTRL", "S")) == down + up
    assert steps("hold_key", text="ctrl+s", duration=2) == [*down, Pause(2), *up]


def test_scroll_turns_the_wheel() -> None:
    assert steps("scroll", scroll_direction="down", scroll_amount=2) == click(5, 2)
    assert steps("scroll", scroll_direction="left", coordinate=(3, 4)) == [Move(3, 4), *click(6, 3)]


def test_scroll_of_openai_is_in_pixels() -> None:
    assert steps("scroll", scroll_x=0, scroll_y=-360) == click(4, 3)
    assert steps("scroll", scroll_x=10, scroll_y=120) == [*click(7), *click(5)]


def test_a_drag_goes_there_in_small_steps() -> None:
    found = steps("left_click_drag", start_coordinate=(0, 0), coordinate=(120, 60))
    moves = [step for step in found if isinstance(step, Move)]
    assert moves[0] == Move(0, 0)
    assert moves[-1] == Move(120, 60)
    assert len(moves) > 5
    assert found.index(Press(1, is_down=True)) < found.index(moves[1])
    assert found[-1] == Press(1, is_down=False)


def test_the_drag_of_openai_passes_all_its_points() -> None:
    moves = [
        step for step in steps("drag", path=((0, 0), (50, 0), (50, 90))) if isinstance(step, Move)
    ]
    assert Move(50, 0) in moves
    assert moves[-1] == Move(50, 90)


def test_text_is_typed_in_pieces_that_together_are_the_text() -> None:
    text = "Grüße, 漢字\n" * 100
    found = steps("type", text=text)
    assert all(isinstance(step, Write) and len(step.text) <= 200 for step in found)
    assert "".join(step.text for step in found if isinstance(step, Write)) == text


@pytest.mark.parametrize(
    ("action", "values", "told"),
    [
        ("left_click", {"coordinate": (1280, 10)}, "1280x800"),
        ("left_click", {"coordinate": (-1, 10)}, "1280x800"),
        ("mouse_move", {"coordinate": (math.nan, 10)}, "1280x800"),
        ("mouse_move", {}, "needs coordinate"),
        ("left_click_drag", {"start_coordinate": (1, 1)}, "needs coordinate"),
        ("left_click_drag", {"start_coordinate": (1, 900), "coordinate": (1, 1)}, "1280x800"),
        ("drag", {"path": ((1, 1),)}, "path has 1 points"),
        ("key", {}, "needs text"),
        ("key", {"text": "Retrun"}, "no key 'Retrun'"),
        ("hold_key", {"text": "a", "duration": 1e9}, "not possible"),
        ("wait", {"duration": math.inf}, "no number"),
        ("wait", {"duration": -1}, "not possible"),
        ("scroll", {}, "needs a direction"),
        ("scroll", {"scroll_direction": "up", "scroll_amount": 101}, "not possible"),
        ("scroll", {"scroll_x": math.nan}, "no number"),
        ("type", {}, "no text"),
        ("type", {"text": "a\x07"}, r"U\+0007 cannot be typed"),
        ("type", {"text": "\ud800"}, r"U\+D800 cannot be typed"),
        ("type", {"text": "x" * 20_001}, "20001 characters"),
        ("click", {"button": "fourth"}, "no mouse button"),
    ],
)
def test_bad_input_says_what_to_do(action: str, values: dict[str, Any], told: str) -> None:
    with pytest.raises(ToolError, match=told) as error:
        steps(action, **values)
    assert error.value.remedy


def test_every_action_of_anthropic_has_a_meaning() -> None:
    served_elsewhere = {"screenshot", "zoom", "cursor_position"}
    assert set(get_args(Anthropic)) - served_elsewhere <= set(PLANS)


@given(
    st.sampled_from(sorted(set(PLANS) - {"left_mouse_down"})),
    st.none() | st.tuples(st.floats(), st.floats()),
    st.none() | st.text(max_size=30),
    st.none() | st.floats(),
    st.none() | st.floats(allow_nan=True),
)
def test_whatever_is_asked_all_that_goes_down_comes_up(
    action: str,
    coordinate: tuple[float, float] | None,
    text: str | None,
    duration: float | None,
    scroll_y: float | None,
) -> None:
    try:
        found = steps(
            action, coordinate=coordinate, text=text, duration=duration, scroll_y=scroll_y
        )
    except ToolError:
        return
    down: list[Any] = []
    for step in found:
        match step:
            case Press(number, True):
                down.append(number)
            case Key(keysym, True):
                down.append(-keysym)
            case Press(number, False) if action != "left_mouse_up":
                down.remove(number)
            case Key(keysym, False):
                down.remove(-keysym)
            case Move(x, y):
                assert 0 <= x < SCREEN.width
                assert 0 <= y < SCREEN.height
    assert down == []
