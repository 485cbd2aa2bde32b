"""Taking back what agents did, where nobody has changed it since.

The inverse of a change follows from the cell before and after it. It is made only where the cell
still is as the agent left it; else the person's later work would be lost, so it is refused with
what changed. An undo is a change like any other, with a record of its own, and can be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.documents import Documents
from jupyter_mcp.toolsets.notebooks.edits import Editor, Plan
from jupyter_mcp.toolsets.notebooks.history import EDITS, REDO, UNDO, Change, ChangeLog, Place, Who
from jupyter_mcp.toolsets.notebooks.model import (
    Cell,
    Delete,
    Document,
    Edit,
    Insert,
    Move,
    SetMetadata,
    SetSource,
)
from jupyter_mcp.toolsets.notebooks.revisions import conflict

LOOK_BACK = 500
"""How many changes are looked at to find those that concern visible cells."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back.

    Args:
        path: The notebook.
        changes: The changes, in the order in which they were taken back.
        stopped: Why the next one could not be; None when all were.
    """

    path: str
    changes: tuple[Change, ...]
    stopped: ToolError | None = None


class Undoer:
    """Takes back agents' changes.

    Args:
        documents: Opens notebooks.
        editor: Makes the inverse edits.
        log: The change log.
    """

    def __init__(self, documents: Documents, editor: Editor, log: ChangeLog) -> None:
        self._documents = documents
        self._editor = editor
        self._log = log

    async def undo(self, path: str, steps: int, who: Who) -> Undone:
        """Take back the last `steps` edits of agents, or, where negative, the last undos.

        Raises:
            ToolError: ``conflict`` when not even the first could be taken back, ``not_found``
                when there is nothing to take back.
        """
        document = await self._documents.open(path)
        action, kinds = (UNDO, EDITS) if steps > 0 else (REDO, (UNDO,))
        done: list[Change] = []
        for _ in range(abs(steps)):
            change = await self._last(document, kinds)
            if change is None:
                break
            try:
                await self._take_back(document.path, change, action, who)
            except ToolError as error:
                if not done:
                    raise
                return Undone(document.path, tuple(done), error)
            done.append(change)
        if not done:
            raise ToolError(
                "not_found",
                f"There is nothing to {action} in '{document.path}'.",
                "See notebook_history.",
            )
        return Undone(document.path, tuple(done))

    async def _last(self, document: Document, kinds: Sequence[str]) -> Change | None:
        hidden = {cell.id for cell in await document.cells() if cell.private}
        for change in await self._log.standing(document.path, kinds, LOOK_BACK):
            if not change.private and change.cell_id not in hidden:
                return change
        return None

    async def _take_back(self, path: str, change: Change, action: str, who: Who) -> None:
        def plan(cells: list[Cell], document: Document) -> Plan:
            del document
            edits = inverse(change, cells)
            now = {cell.id: cell.revision for cell in cells if cell.id == change.cell_id}
            return Plan(change.cell_id, edits, action, now)

        await self._editor.run(path, plan, who, undoes=change)


def inverse(change: Change, cells: Sequence[Cell]) -> list[Edit]:
    """Return the edits that take `change` back.

    Raises:
        ToolError: ``conflict`` when the cell is not as the change left it.
    """
    now = next((cell for cell in cells if cell.id == change.cell_id), None)
    if change.after is None:
        if now is not None or change.before is None:
            raise _gone(change, "is there again")
        return [Insert(_position(change.before, cells), change.before.cell)]
    if now is None:
        raise _gone(change, "was deleted since")
    left = change.after.cell
    if now.revision != left.revision:
        message = f"Cell '{now.id}' was changed since."
        raise conflict(now, message, left.source)
    if change.before is None:
        return [Delete(now.id)]
    return [*_content(change.before.cell, left, now), *_order(change, cells, now)]


def _content(before: Cell, left: Cell, now: Cell) -> list[Edit]:
    if before.cell_type != left.cell_type:
        return []  # the whole cell is put back, see `_order`
    edits: list[Edit] = []
    if before.source != left.source:
        edits.append(SetSource(now.id, before.source))
    metadata = dict(now.metadata)
    for key in before.metadata.keys() | left.metadata.keys():
        old, new = before.metadata.get(key), left.metadata.get(key)
        if old == new or key == "trusted":
            continue
        if now.metadata.get(key) != new:
            raise conflict(now, f"The metadata '{key}' of cell '{now.id}' was changed since.", None)
        metadata.pop(key, None)
        if old is not None:
            metadata[key] = old
    if metadata != dict(now.metadata):
        edits.append(SetMetadata(now.id, metadata))
    return edits


def _order(change: Change, cells: Sequence[Cell], now: Cell) -> list[Edit]:
    before, after = change.before, change.after
    if before is None or after is None:
        return []
    index = list(cells).index(now)
    if before.cell.cell_type != after.cell.cell_type:
        return [Delete(now.id), Insert(index, before.cell)]
    if (before.previous, before.following) == (after.previous, after.following):
        return []
    place = Place.of(cells, index)
    if place.previous != after.previous and place.following != after.following:
        raise conflict(now, f"Cell '{now.id}' was moved since.", None)
    rest = [cell for cell in cells if cell.id != now.id]
    return [Move(now.id, _position(before, rest))]


def _position(place: Place, cells: Sequence[Cell]) -> int:
    """Return where a cell goes so that it stands where it stood."""
    ids = [cell.id for cell in cells]
    if place.previous in ids:
        return ids.index(place.previous) + 1
    if place.following in ids:
        return ids.index(place.following)
    return min(place.index, len(ids))


def _gone(change: Change, what: str) -> ToolError:
    return ToolError(
        "conflict",
        f"Cell '{change.cell_id}' {what}, so the last {change.action} cannot be taken back.",
        "See notebook_history and edit the notebook directly.",
        data={"cell_id": change.cell_id, "change": change.id},
    )
