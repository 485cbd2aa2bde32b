"""Who saw which state of a cell, so that nobody's change is overwritten unseen.

An edit may name the revision that it was made from. One that names none is held against what the
same caller last read of the cell, and against a person who is typing in it right now. Private
cells do not exist here: for agents they are neither counted nor found.
"""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import no_cell
from jupyter_mcp.toolsets.notebooks.model import Cell, notebook_revision

TYPING_SECONDS = 3.0
"""A person who changed a cell less than this ago is taken to be still at it."""

DIGITS_OF_AN_ID = 8
"""A number this long is the id of a cell that is gone, not a position."""

REMEMBERED = 4_000
REMEMBERED_SOURCE = 20_000
DIFF_LINES = 40
DIFF_CHARACTERS = 2_000


def visible(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells that are there for agents."""
    return [cell for cell in cells if not cell.private]


def find(cells: Sequence[Cell], reference: str, revision: str | None = None) -> Cell:
    """Return the visible cell that `reference` names.

    Args:
        cells: The visible cells of the notebook.
        reference: A cell id, or a position counted from 0 when `revision` is given as well.
        revision: The revision of the cell or the notebook that the caller has seen.

    Raises:
        ToolError: ``not_found``; ``invalid_arguments`` for a position without a revision.
    """
    for cell in cells:
        if cell.id == reference:
            return cell
    position = reference.isascii() and reference.isdigit() and len(reference) < DIGITS_OF_AN_ID
    if not position or int(reference) >= len(cells):
        raise no_cell(reference)
    if revision is None:
        raise ToolError(
            "invalid_arguments",
            f"Position {reference} names no cell for certain, for cells come and go.",
            "Give the cell's id, or the revision that was read as well.",
        )
    cell = cells[int(reference)]
    if revision not in (cell.revision, notebook_revision(cells)):
        raise conflict(cell, f"Position {reference} may hold another cell by now.", None)
    return cell


def short_diff(old: str, new: str) -> str:
    """Return what leads from `old` to `new` as a unified diff, cut where it gets long."""
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:]
    text = "\n".join(lines[:DIFF_LINES])
    cut = len(lines) > DIFF_LINES or len(text) > DIFF_CHARACTERS
    return text[:DIFF_CHARACTERS] + ("\n…" if cut else "")


def conflict(cell: Cell, message: str, base: str | None) -> ToolError:
    """Return the error of an edit whose cell is no longer what the caller saw.

    Args:
        cell: The cell as it is.
        message: What happened.
        base: The source as the caller saw it, where it is known.
    """
    data = {"cell_id": cell.id, "revision": cell.revision}
    diff = short_diff(base, cell.source) if base is not None else ""
    if diff:
        data["diff"] = diff
    else:
        data["source"] = cell.source[:DIFF_CHARACTERS]
    return ToolError(
        "conflict",
        message,
        f"Read it with cell_read, then edit again with revision='{cell.revision}'.",
        data=data,
    )


class Seen:
    """What callers last read of cells, and recent sources by revision."""

    def __init__(self) -> None:
        self._revisions: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._sources: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def note(self, reader: str, path: str, cells: Iterable[Cell]) -> None:
        """Remember that `reader` (see `Who.reader`) was shown `cells` of the notebook `path`."""
        for cell in cells:
            _put(self._revisions, (reader, path, cell.id), cell.revision)
            if len(cell.source) <= REMEMBERED_SOURCE:
                _put(self._sources, (path, cell.id, cell.revision), cell.source)

    def revision(self, reader: str, path: str, cell_id: str) -> str | None:
        """Return the revision that `reader` last saw, if that is remembered."""
        return self._revisions.get((reader, path, cell_id))

    def source(self, path: str, cell_id: str, revision: str) -> str | None:
        """Return the source of a revision that somebody was shown, if that is remembered."""
        return self._sources.get((path, cell_id, revision))


def _put(
    memory: OrderedDict[tuple[str, str, str], str], key: tuple[str, str, str], value: str
) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)


def guard(
    cells: Sequence[Cell],
    cell: Cell,
    revision: str | None,
    seen: tuple[str | None, float],
    base: str | None,
) -> None:
    """Refuse an edit of `cell` whose caller has not seen what is there now.

    Args:
        cells: The visible cells.
        cell: The cell to edit.
        revision: The revision that the caller gave, of the cell or of the notebook.
        seen: The revision that the caller last read, and the seconds since a person typed.
        base: The source as the caller saw it, where it is known.

    Raises:
        ToolError: ``conflict``.
    """
    if revision is not None:
        if revision not in (cell.revision, notebook_revision(cells)):
            raise conflict(cell, f"Cell '{cell.id}' is not at revision '{revision}'.", base)
        return
    last, idle = seen
    if last == cell.revision:
        return
    if last is not None:
        raise conflict(cell, f"Cell '{cell.id}' was changed since you read it.", base)
    if idle < TYPING_SECONDS:
        raise conflict(cell, f"A person is typing in cell '{cell.id}'.", base)
