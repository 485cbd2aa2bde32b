"""Which element was meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.elements import Element, found_in, the_one
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen

SCREEN = Screen()


def told(name: str = "Save", box: Any = (10, 20, 100, 40), **values: Any) -> dict[str, Any]:
    element = {"name": name, "role": "push button", "box": list(box), "showing": True}
    return {**element, "enabled": True, **values}


def one(*elements: Any, nodes: int = 9) -> Element:
    found = found_in({"elements": list(elements), "total": len(elements), "nodes": nodes}, SCREEN)
    return the_one(found, "Save", "", SCREEN)


def test_the_middle_of_the_element_is_meant() -> None:
    assert (one(told()).x, one(told()).y) == (60, 40)


def test_several_are_listed_with_where_they_are() -> None:
    with pytest.raises(ToolError, match=r"2 elements fit 'Save'.*\[60, 40\].*\[60, 140\]") as error:
        one(told(), told(box=(10, 120, 100, 40)))
    assert error.value.code == "conflict"
    assert [each["coordinate"] for each in error.value.data["elements"]] == [[60, 40], [60, 140]]


def test_one_that_is_absent_has_a_remedy() -> None:
    with pytest.raises(ToolError, match="Nothing on the screen is called 'Save'"):
        one()
    with pytest.raises(ToolError, match="No program on the screen tells accessible names"):
        one(nodes=1)


@pytest.mark.parametrize("element", [told(showing=False), told(box=(10, 900, 100, 40))])
def test_one_that_cannot_be_seen_is_not_clicked(element: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="is out of sight"):
        one(element)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["name", "role", "box", "elements", "total"]), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["elements", "total", "is_cut", "nodes"]), json_values))
def test_whatever_a_hostile_desktop_tells_is_elements_or_nothing(answer: dict[str, Any]) -> None:
    found = found_in(answer, SCREEN)
    assert all(isinstance(element, Element) for element in found.elements)
