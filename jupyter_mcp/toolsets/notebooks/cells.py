"""Cells as notebook files carry them, and back: conversion, edits of plain JSON.

Every cell gets an address (`workplace.addresses`) that stays the same for as long as the cell
does, so that an agent that read a cell addresses that cell and no other; the address becomes the
cell's id in the file with the first edit. Nothing here touches a file or a live document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.model import (
    Append,
    Cell,
    Clear,
    Delete,
    Edit,
    Extend,
    Insert,
    Move,
    Output,
    OutputChange,
    Replace,
    SetMetadata,
    SetSource,
    SetType,
)
from jupyter_mcp.workplace import ID_MINOR, addresses

Raw = dict[str, Any]
"""A cell or an output in nbformat's JSON."""


def joined(value: Any) -> str:
    """Return nbformat's multi-line text, a string or a list of lines, as one string."""
    return "".join(value) if isinstance(value, list) else str(value)


def give_ids(content: Raw) -> None:
    """Write the cells' addresses into them as ids and raise the format to the first with ids."""
    cells = content["cells"]
    for cell, address in zip(
        cells, addresses(cells, int(content.get("nbformat_minor", 0))), strict=True
    ):
        cell["id"] = address
    content["nbformat_minor"] = max(ID_MINOR, int(content.get("nbformat_minor", 0)))


def read_cells(cells: Sequence[Mapping[str, Any]], minor: int) -> list[Cell]:
    """Return the cells of a notebook's JSON."""
    return [
        read_cell(cell, address)
        for cell, address in zip(cells, addresses(cells, minor), strict=True)
    ]


def read_cell(raw: Mapping[str, Any], address: str) -> Cell:
    """Return one cell of a notebook's JSON under the id `address`."""
    count = raw.get("execution_count")
    return Cell(
        id=address,
        cell_type=str(raw.get("cell_type", "raw")),
        source=joined(raw.get("source", "")),
        metadata=dict(raw.get("metadata") or {}),
        outputs=tuple(read_output(output) for output in raw.get("outputs") or ()),
        execution_count=None if count is None else int(count),
        attachments=dict(raw.get("attachments") or {}),
    )


def read_output(raw: Mapping[str, Any]) -> Output:
    """Return an output with its texts joined."""
    output = dict(raw)
    if "text" in output:
        output["text"] = joined(output["text"])
    if isinstance(output.get("data"), Mapping):
        output["data"] = {
            mime: joined(data) if isinstance(data, list) and _is_text(mime) else data
            for mime, data in output["data"].items()
        }
    return output


def _is_text(mime: str) -> bool:
    """Whether a list under `mime` is lines of text; under JSON types it is a list."""
    return not (mime == "application/json" or mime.endswith("+json"))


def write_cell(cell: Cell) -> Raw:
    """Return `cell` in nbformat's JSON."""
    raw: Raw = {
        "id": cell.id,
        "cell_type": cell.cell_type,
        "metadata": dict(cell.metadata),
        "source": cell.source,
    }
    if cell.cell_type == "code":
        raw["execution_count"] = cell.execution_count
        raw["outputs"] = [dict(output) for output in cell.outputs]
    elif cell.attachments:
        raw["attachments"] = dict(cell.attachments)
    return raw


def index_of(ids: Sequence[str], cell_id: str) -> int:
    """Return the position of a cell.

    Raises:
        ToolError: ``not_found``.
    """
    try:
        return ids.index(cell_id)
    except ValueError:
        raise no_cell(cell_id) from None


def no_cell(cell_id: str) -> ToolError:
    """Return the error of a cell that is not there, or not for agents to see."""
    return ToolError(
        "not_found",
        f"There is no cell '{cell_id[:80]}' in this notebook.",
        "Read the notebook again: notebook_read lists the cells and their ids.",
    )


def edit_cells(cells: list[Raw], edits: Sequence[Edit]) -> None:
    """Apply `edits` to cells that all have their ids, in place.

    Raises:
        ToolError: ``not_found``; the cells are then half edited and must be thrown away.
    """
    for edit in edits:
        _edit(cells, edit)


def _edit(cells: list[Raw], edit: Edit) -> None:
    if isinstance(edit, Insert):
        cells.insert(edit.index, write_cell(edit.cell))
        return
    index = index_of([cell["id"] for cell in cells], edit.cell_id)
    match edit:
        case Delete():
            del cells[index]
        case Move(index=to):
            cells.insert(to, cells.pop(index))
        case SetSource(source=source):
            cells[index]["source"] = source
        case SetMetadata(metadata=metadata):
            cells[index]["metadata"] = dict(metadata)
        case SetType(cell_type=cell_type):
            set_type(cells[index], cell_type)


def set_type(cell: Raw, cell_type: str) -> None:
    """Make `cell` one of `cell_type`, with the keys that nbformat asks of it and no others."""
    if cell["cell_type"] == cell_type:
        return
    cell["cell_type"] = cell_type
    if cell_type == "code":
        cell.pop("attachments", None)
        cell.update(execution_count=None, outputs=[])
    else:
        cell.pop("execution_count", None)
        cell.pop("outputs", None)
        cell["metadata"].pop("trusted", None)


def change_outputs(outputs: list[Raw], change: OutputChange) -> None:
    """Apply one change to a list of outputs, in place; a position that is gone is no error."""
    match change:
        case Clear():
            outputs.clear()
        case Append(output):
            outputs.append(dict(output))
        case Extend(index, text) if index < len(outputs):
            outputs[index]["text"] = joined(outputs[index].get("text", "")) + text
        case Replace(index, output) if index < len(outputs):
            outputs[index] = dict(output)
        case _:
            pass
