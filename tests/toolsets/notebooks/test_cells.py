"""Cells in all the conditions that notebook files come in."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import (
    change_outputs,
    edit_cells,
    read_cell,
    read_cells,
    write_cell,
)
from jupyter_mcp.toolsets.notebooks.model import (
    Append,
    Cell,
    Clear,
    Delete,
    Extend,
    Insert,
    Move,
    Replace,
    SetSource,
    SetType,
    notebook_revision,
    revision_of,
)


def raw(source: str | list[str], cell_id: str | None = None, kind: str = "code") -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "source": source, "metadata": {}}
    return cell if cell_id is None else {**cell, "id": cell_id}


def test_lines_are_joined_but_json_lists_stay() -> None:
    data = {"text/html": ["<b>", "</b>"], "application/json": ["x"], "application/geo+json": [1]}
    cell = read_cell(
        {
            **raw(["a\n", "b"], "x"),
            "execution_count": 3.0,
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]},
                {"output_type": "display_data", "data": data, "metadata": {}},
            ],
        },
        "x",
    )
    assert cell.source == "a\nb"
    assert cell.execution_count == 3
    assert cell.outputs[0]["text"] == "1\n2\n"
    assert cell.outputs[1]["data"] == {**data, "text/html": "<b></b>"}


def test_attachments_of_a_text_cell_survive() -> None:
    attachments = {"a.png": {"image/png": "AAAA"}}
    cell = read_cell({**raw("![](a)", "x", "markdown"), "attachments": attachments}, "x")
    assert write_cell(cell)["attachments"] == attachments


def test_edits_follow_each_other() -> None:
    cells = [write_cell(Cell(name, "code", name)) for name in "abc"]
    edits = [
        Insert(0, Cell("n", "markdown", "# N")),
        Move("a", 3),
        Delete("b"),
        SetSource("c", "changed"),
        SetType("c", "raw"),
    ]
    edit_cells(cells, edits)
    assert [(cell["id"], cell["source"]) for cell in cells] == [
        ("n", "# N"),
        ("c", "changed"),
        ("a", "a"),
    ]
    assert set(cells[1]) == {"id", "cell_type", "metadata", "source"}


def test_an_edit_of_a_missing_cell_says_what_to_do() -> None:
    with pytest.raises(ToolError, match="notebook_read") as error:
        edit_cells([], [Delete("x")])
    assert error.value.code == "not_found"


def test_output_changes_apply_in_order_and_never_fail() -> None:
    outputs: list[dict[str, Any]] = []
    for change in (
        Append({"output_type": "stream", "name": "stdout", "text": "a"}),
        Extend(0, "b"),
        Extend(5, "nowhere"),
        Append({"output_type": "error"}),
        Replace(1, {"output_type": "display_data"}),
        Replace(7, {}),
    ):
        change_outputs(outputs, change)
    assert outputs == [
        {"output_type": "stream", "name": "stdout", "text": "ab"},
        {"output_type": "display_data"},
    ]
    change_outputs(outputs, Clear())
    assert outputs == []


def test_revisions_are_of_sources_and_not_of_outputs() -> None:
    cell = Cell("a", "code", "x")
    assert cell.revision == Cell("b", "code", "x", outputs=({"output_type": "error"},)).revision
    assert cell.revision != Cell("a", "markdown", "x").revision
    assert len(cell.revision) == 12
    assert revision_of("ab", "c") != revision_of("a", "bc")
    other = Cell("b", "code", "y")
    assert notebook_revision([cell, other]) != notebook_revision([other, cell])


def test_a_private_cell_is_known_by_its_tag() -> None:
    assert Cell("a", "code", "", {"tags": ["private"]}).private
    assert not Cell("a", "code", "", {"tags": "private"}).private
    assert not read_cells([raw("x", "a")], 5)[0].private
