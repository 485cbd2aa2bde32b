"""Edits of notebooks by agents: what is asked becomes edits of the document, guarded and logged.

Each operation reads the notebook, plans on what it read, and has the document make the edits only
where the cells in question are still as they were read. What came between is planned anew. Two
agents' edits of one notebook take turns, so that the change log tells them in their order.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import edit_cells, read_cells, write_cell
from jupyter_mcp.toolsets.notebooks.documents import Documents
from jupyter_mcp.toolsets.notebooks.history import Change, ChangeLog, Place, Who
from jupyter_mcp.toolsets.notebooks.model import (
    Cell,
    Delete,
    Document,
    Edit,
    Insert,
    Move,
    StaleError,
)
from jupyter_mcp.toolsets.notebooks.revisions import Seen, conflict, find, guard, visible
from jupyter_mcp.toolsets.notebooks.wishes import Wish, clean

ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a notebook.

    Args:
        cell_id: The cell that it is about.
        edits: The edits, empty when everything is as wanted already.
        action: Their name in the change log.
        expect: Revisions by cell id that the plan was made from.
    """

    cell_id: str
    edits: Sequence[Edit]
    action: str
    expect: Mapping[str, str]


Planner = Callable[[list[Cell], Document], Plan]


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of an edit.

    Args:
        path: The notebook, as the contents API spells it.
        cell: The cell after it; for a deletion, before it.
        change: What goes into the change log; None when there was nothing to do.
    """

    path: str
    cell: Cell
    change: Change | None


class Editor:
    """Edits notebooks on behalf of agents.

    Args:
        documents: Opens notebooks.
        seen: What callers have read.
        log: Where each change is recorded.
    """

    def __init__(self, documents: Documents, seen: Seen, log: ChangeLog) -> None:
        self._documents = documents
        self._seen = seen
        self._log = log
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def insert(
        self,
        path: str,
        source: str,
        who: Who,
        *,
        cell_type: str = "code",
        after: str | None = None,
        before: str | None = None,
    ) -> Edited:
        """Put a new cell after or before another one, or at the end.

        Raises:
            ToolError: ``not_found``, ``invalid_arguments``.
        """
        _one_of(after, before)
        source = clean(source)

        def plan(cells: list[Cell], document: Document) -> Plan:
            del document
            index = _index(cells, after, before)
            taken = {cell.id for cell in cells}
            cell = Cell(id=new_id(taken), cell_type=cell_type, source=source)
            return Plan(cell.id, [Insert(index, cell)], "insert", {})

        return await self.run(path, plan, who)

    async def edit(
        self, path: str, cell_id: str, wish: Wish, who: Who, revision: str | None = None
    ) -> Edited:
        """Change a cell's source, type or metadata.

        Raises:
            ToolError: ``conflict`` where the caller has not seen what is there now,
                ``no_match`` where `Wish.old` does not occur exactly once, ``not_found``.
        """
        wish.check()
        read: list[Cell] = []

        def plan(cells: list[Cell], document: Document) -> Plan:
            seen = visible(cells)
            cell = find(seen, cell_id, revision)
            if read and wish.old is None and read[0].revision != cell.revision:
                raise conflict(cell, f"Cell '{cell.id}' changed just now.", read[0].source)
            read[:] = [cell]
            if revision is not None or (wish.old is None and wish.rewrites(cell)):
                self._guard(document, who, seen, cell, revision)
            return Plan(cell.id, wish.edits(cell), "edit", {cell.id: cell.revision})

        return await self.run(path, plan, who)

    async def delete(
        self, path: str, cell_id: str, who: Who, revision: str | None = None
    ) -> Edited:
        """Take a cell out.

        Raises:
            ToolError: ``conflict``, ``not_found``.
        """
        read: list[Cell] = []

        def plan(cells: list[Cell], document: Document) -> Plan:
            seen = visible(cells)
            cell = find(seen, cell_id, revision)
            if read and read[0].revision != cell.revision:
                raise conflict(cell, f"Cell '{cell.id}' changed just now.", read[0].source)
            read[:] = [cell]
            self._guard(document, who, seen, cell, revision)
            return Plan(cell.id, [Delete(cell.id)], "delete", {cell.id: cell.revision})

        return await self.run(path, plan, who)

    async def move(
        self,
        path: str,
        cell_id: str,
        who: Who,
        *,
        after: str | None = None,
        before: str | None = None,
        revision: str | None = None,
    ) -> Edited:
        """Put a cell after or before another one.

        Raises:
            ToolError: ``conflict``, ``not_found``, ``invalid_arguments``.
        """
        _one_of(after, before)
        if after is None and before is None:
            raise ToolError(
                "invalid_arguments",
                "Where the cell shall go is missing.",
                "Give after or before, the id of another cell.",
            )

        def plan(cells: list[Cell], document: Document) -> Plan:
            seen = visible(cells)
            cell = find(seen, cell_id, revision)
            if revision is not None:
                self._guard(document, who, seen, cell, revision)
            rest = [other for other in cells if other.id != cell.id]
            if cell.id in (after, before):
                raise ToolError(
                    "invalid_arguments",
                    "A cell cannot be moved next to itself.",
                    "Give the id of another cell.",
                )
            index = _index(rest, after, before)
            edits = [] if cells.index(cell) == index else [Move(cell.id, index)]
            return Plan(cell.id, edits, "move", {})

        return await self.run(path, plan, who)

    async def run(self, path: str, plan: Planner, who: Who, undoes: Change | None = None) -> Edited:
        """Open the notebook, plan, make the edits and record them.

        Args:
            path: The notebook.
            plan: Called with all cells, private ones included, as often as they change meanwhile.
            who: Who asked.
            undoes: The change that this takes back.
        """
        document = await self._documents.open(path)
        async with self._lock(document.path):
            edited = await self._apply(document, plan)
            self._seen.note(who.reader, document.path, [edited.cell])
            if edited.change is not None:
                await self._log.add(document.path, edited.change, who, undoes)
        return edited

    def _lock(self, path: str) -> asyncio.Lock:
        lock = self._locks.get(path)
        if lock is None:
            lock = self._locks[path] = asyncio.Lock()
        return lock

    async def _apply(self, document: Document, planner: Planner) -> Edited:
        for _ in range(ATTEMPTS):
            cells = await document.cells()
            plan = planner(cells, document)
            after = edited_cells(cells, plan.edits)
            try:
                if plan.edits:
                    await document.apply(plan.edits, plan.expect)
            except StaleError:
                continue
            return _outcome(document.path, plan, cells, after)
        raise ToolError(
            "conflict",
            f"'{document.path}' is being changed by somebody else all the time.",
            "Try again in a moment.",
        )

    def _guard(
        self,
        document: Document,
        who: Who,
        cells: Sequence[Cell],
        cell: Cell,
        revision: str | None,
    ) -> None:
        last = self._seen.revision(who.reader, document.path, cell.id)
        known = revision or last
        base = self._seen.source(document.path, cell.id, known) if known else None
        guard(cells, cell, revision, (last, document.idle_seconds(cell.id)), base)


def edited_cells(cells: Sequence[Cell], edits: Sequence[Edit]) -> list[Cell]:
    """Return the cells as `edits` will leave them.

    Raises:
        ToolError: ``not_found``.
    """
    raws = [write_cell(cell) for cell in cells]
    edit_cells(raws, edits)
    return read_cells(raws, minor=5)


def _outcome(path: str, plan: Plan, before: Sequence[Cell], after: Sequence[Cell]) -> Edited:
    old, new = _place(before, plan.cell_id), _place(after, plan.cell_id)
    place = new or old
    if place is None:
        raise ToolError("internal", "The edit concerned no cell.", "Report this.")
    change = Change(plan.action, plan.cell_id, old, new) if plan.edits else None
    return Edited(path, place.cell, change)


def _place(cells: Sequence[Cell], cell_id: str) -> Place | None:
    for index, cell in enumerate(cells):
        if cell.id == cell_id:
            return Place.of(cells, index)
    return None


def new_id(taken: set[str]) -> str:
    """Return a cell id that is not `taken`, in the form that Jupyter gives (JEP 62)."""
    while (cell_id := uuid.uuid4().hex[:8]) in taken:
        pass
    return cell_id


def _one_of(after: str | None, before: str | None) -> None:
    if after is not None and before is not None:
        raise ToolError(
            "invalid_arguments", "Both after and before are given.", "Give one of the two."
        )


def _index(cells: Sequence[Cell], after: str | None, before: str | None) -> int:
    """Return the position among all cells that lies after or before a visible one."""
    reference = after if after is not None else before
    if reference is None:
        return len(cells)
    neighbour = find(visible(cells), reference)
    return list(cells).index(neighbour) + (1 if after is not None else 0)
