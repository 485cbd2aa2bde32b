"""Outputs by the rules of nbformat, without a kernel."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.notebooks.displays import KEPT, Displays
from jupyter_mcp.toolsets.notebooks.model import Append, Extend
from jupyter_mcp.toolsets.notebooks.outputs import Limits, OutputArea
from support.kernels import Cell, until


class Paper:
    """A spool in memory."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def stream(text: str, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "stream", {"name": name, "text": text}


def display(text: str, display_id: str = "") -> tuple[str, dict[str, Any]]:
    transient = {"display_id": display_id} if display_id else {}
    return "display_data", {"data": {"text/plain": text}, "metadata": {}, "transient": transient}


MESSAGES = st.one_of(
    st.builds(stream, st.text(max_size=40), st.sampled_from(["stdout", "stderr"])),
    st.builds(display, st.text(max_size=40), st.sampled_from(["", "d1", "d2"])),
    st.builds(
        lambda text, key: ("update_display_data", display(text, key)[1]),
        st.text(max_size=40),
        st.sampled_from(["d1", "d2", "d3"]),
    ),
    st.builds(lambda wait: ("clear_output", {"wait": wait}), st.booleans()),
    st.just(("error", {"ename": "E", "evalue": "v", "traceback": ["t"]})),
    st.just(("comm_msg", {"data": {}})),
)


@given(st.lists(MESSAGES, max_size=40), st.integers(min_value=1, max_value=60))
async def test_the_cell_always_shows_what_the_area_holds(
    messages: list[tuple[str, dict[str, Any]]], size: int
) -> None:
    """Whatever comes: changes written one by one lead to the outputs, and nbformat takes them."""
    cell = Cell()
    limits = Limits(stream=size, total=3 * size, outputs=8)
    area = OutputArea(Displays(), cell, open_spool=Paper, limits=limits)
    area.begin()
    for kind, content in messages:
        area.message(kind, content)
    area.end()
    assert cell.outputs == area.outputs
    assert not cell.running
    assert len(cell.outputs) <= limits.outputs + 1
    for output in cell.outputs:
        nbformat.validate(output, "output", version=4)


async def test_streams_of_one_name_are_one_output() -> None:
    area = OutputArea(Displays())
    for kind, content in [stream("a"), stream("b"), stream("!", "stderr"), stream("c")]:
        area.message(kind, content)
    assert [(o["name"], o["text"]) for o in area.outputs] == [
        ("stdout", "ab"),
        ("stderr", "!"),
        ("stdout", "c"),
    ]


async def test_small_changes_are_gathered() -> None:
    cell = Cell()
    area = OutputArea(Displays(), cell)
    for number in range(1000):
        area.message(*stream(f"{number}\n"))
    await until(lambda: cell.text.endswith("999\n"))
    assert len(cell.changes) < 20
    assert isinstance(cell.changes[0], Append)
    assert isinstance(cell.changes[1], Extend)
    area.end()


async def test_the_spool_holds_all_the_text() -> None:
    papers: list[Paper] = []

    def open_spool() -> Paper:
        papers.append(Paper())
        return papers[-1]

    area = OutputArea(Displays(), open_spool=open_spool, limits=Limits(stream=10, total=25))
    texts = ["12345", "67890", "abc", "defghijklmnopqrstuvwxyz"]
    for text in texts:
        area.message(*stream(text))
    area.end()
    assert [paper.text for paper in papers] == ["".join(texts)]
    assert area.spooled
    assert area.outputs[0]["text"].startswith("1234567890\n[... 24 characters left out ...]\n")
    assert area.outputs[0]["text"].endswith("yz")


async def test_what_is_small_is_not_spooled() -> None:
    area = OutputArea(Displays(), open_spool=lambda: pytest.fail("opened"))
    area.message(*stream("small"))
    area.end()
    assert not area.spooled


async def test_a_display_is_updated_in_every_place() -> None:
    displays = Displays()
    first, second = OutputArea(displays), OutputArea(displays)
    first.message(*display("old", "d"))
    first.message(*display("old", "d"))
    second.message(*display("old", "d"))
    first.end()
    second.message("update_display_data", display("new", "d")[1])
    shown = [output["data"]["text/plain"] for area in (first, second) for output in area.outputs]
    assert shown == ["new", "new", "new"]


async def test_displays_are_forgotten() -> None:
    displays = Displays()
    area = OutputArea(displays, code="x", place="nb#a")
    area.message(*display("old", "d"))
    displays.forget_place("")
    assert len(displays) == 1
    displays.forget_code("x")
    assert len(displays) == 0
    for number in range(KEPT + 5):
        area.message(*display("old", f"d{number}"))
    assert len(displays) == KEPT
    area.message("clear_output", {"wait": False})
    assert len(displays) == 0
