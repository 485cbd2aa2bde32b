"""Coordinates of pictures and of screens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen

screens = st.builds(Screen, st.integers(320, 4096), st.integers(320, 4096))


def test_the_default_screen_is_shown_as_it_is() -> None:
    assert Screen().shown == (1280, 800)
    assert Screen().on_screen((0, 0)) == (0, 0)
    assert Screen().on_screen((1279, 799)) == (1279, 799)


def test_a_larger_screen_is_shown_scaled() -> None:
    screen = Screen.named("2560x1600")
    assert screen.shown == (1280, 800)
    assert screen.on_screen((100, 50)) == (201, 101)
    assert screen.in_picture(201, 101) == (100, 50)


@given(screens, st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_point_comes_back_to_where_it_was(screen: Screen, across: float, down: float) -> None:
    width, height = screen.shown
    assert width <= 1280
    assert height <= 800
    point = int(across * width), int(down * height)
    x, y = screen.on_screen(point)
    assert 0 <= x < screen.width
    assert 0 <= y < screen.height
    assert screen.in_picture(x, y) == point


@given(screens, st.tuples(*[st.floats(-100, 5000)] * 4))
def test_a_region_is_within_the_screen_or_refused(
    screen: Screen, corners: tuple[float, float, float, float]
) -> None:
    try:
        part, size = screen.region(corners)
    except ToolError:
        return
    assert 0 <= part[0] < part[2]
    assert 0 <= part[1] < part[3]
    assert size[0] <= 1280
    assert size[1] <= 800


def test_a_region_is_shown_large() -> None:
    assert Screen().region((100, 100, 420, 300)) == ([100, 100, 420, 300], [1280, 800])
    assert Screen().region((0, 0, 10, 10)) == ([0, 0, 10, 10], [40, 40])
    assert Screen(2560, 1600).region((0, 0, 640, 400)) == ([0, 0, 1280, 800], [1280, 800])


@pytest.mark.parametrize("text", ["", "big", "100x100", "1280x99999", "1280", "\uff11280x800"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match="is no size of a screen"):
        Screen.named(text)
