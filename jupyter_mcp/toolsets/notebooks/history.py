"""The change log: every edit that an agent made in a notebook, who made it, and its inverse.

A record holds the cell before and after, with its neighbours, so that any change can be taken
back by what it was and not by what kind of edit made it. Undoing is itself a change with a
record. Runs are not in here: their outputs are in the notebook.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.notebooks.cells import Raw, read_cell, write_cell
from jupyter_mcp.toolsets.notebooks.model import Cell
from jupyter_mcp.toolsets.notebooks.revisions import short_diff

OUTPUT_BYTES = 1_000_000
"""Outputs larger than this are not kept for an undo."""

EDITS = ("insert", "edit", "delete", "move")
UNDO = "undo"
REDO = "redo"


@dataclass(frozen=True, slots=True)
class Who:
    """On whose behalf a change is made.

    Args:
        id: The principal.
        name: The name to show in the log.
        client: The program, as it calls itself.
        call_id: The call that made the change.
    """

    id: str
    name: str
    client: str = ""
    call_id: str = ""

    @property
    def reader(self) -> str:
        """Who remembers what was read: two programs of one person do not read for each other."""
        return f"{self.id}\0{self.client}"


@dataclass(frozen=True, slots=True)
class Place:
    """A cell and where it stands.

    Args:
        cell: The cell.
        index: Its position among all cells.
        previous: The id of the cell above; empty at the top.
        following: The id of the cell below; empty at the end.
    """

    cell: Cell
    index: int
    previous: str
    following: str

    @classmethod
    def of(cls, cells: Sequence[Cell], index: int) -> Place:
        """Return the place of the cell at `index`."""
        return cls(
            cell=cells[index],
            index=index,
            previous=cells[index - 1].id if index else "",
            following=cells[index + 1].id if index + 1 < len(cells) else "",
        )

    def to_json(self, *, outputs: bool) -> Raw:
        """Return the form of the record; outputs only where an undo has to bring them back."""
        raw = write_cell(self.cell)
        if not outputs or len(json.dumps(raw.get("outputs", []), default=str)) > OUTPUT_BYTES:
            raw.pop("outputs", None)
        return {
            "cell": raw,
            "index": self.index,
            "previous": self.previous,
            "following": self.following,
        }

    @classmethod
    def from_json(cls, raw: Raw) -> Place:
        """Rebuild what `to_json` wrote."""
        cell = read_cell(raw["cell"], raw["cell"]["id"])
        return cls(cell, raw["index"], raw["previous"], raw["following"])


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of one cell.

    Args:
        action: One of `EDITS`, or ``undo`` or ``redo``.
        cell_id: The cell.
        before: The cell before; None when there was none.
        after: The cell after; None when it is gone.
    """

    action: str
    cell_id: str
    before: Place | None
    after: Place | None
    id: int = 0
    at: float = 0.0
    principal: str = ""
    client: str = ""
    undone_by: int | None = None

    @property
    def private(self) -> bool:
        """Whether the cell was private before or after."""
        return any(place is not None and place.cell.private for place in (self.before, self.after))

    def diff(self) -> str:
        """Return what changed, for people and models to read."""
        old, new = self.before, self.after
        text = short_diff(old.cell.source if old else "", new.cell.source if new else "")
        notes = []
        if old and new:
            if old.cell.cell_type != new.cell.cell_type:
                notes.append(f"type: {old.cell.cell_type} → {new.cell.cell_type}")
            if old.cell.metadata != new.cell.metadata:
                notes.append("metadata changed")
            if (old.previous, old.following) != (new.previous, new.following):
                notes.append(f"moved from {old.index} to {new.index}")
        return "\n".join([*notes, text] if text else notes)


class ChangeLog:
    """The table of changes.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def add(self, path: str, change: Change, who: Who, undoes: Change | None = None) -> int:
        """Record `change` and return its number.

        Args:
            path: The notebook.
            change: What was done.
            who: Who did it.
            undoes: The change that this one takes back, if it is an undo or a redo.
        """
        row = _row(path, change, who)

        def write(connection: Any) -> int:
            from jupyter_mcp.storage.tables import changes

            number = int(connection.execute(changes.insert().values(row)).inserted_primary_key[0])
            if undoes is not None:
                mine = changes.c.id == undoes.id
                connection.execute(changes.update().where(mine).values(undone_by=number))
                if undoes.action in (UNDO, REDO):  # what was taken back is in force again
                    again = changes.c.undone_by == undoes.id
                    connection.execute(changes.update().where(again).values(undone_by=None))
            return number

        return await self._storage.run(write)

    async def page(self, path: str, before: int | None, limit: int) -> list[Change]:
        """Return the newest changes of `path`, or those older than number `before`."""

        def read(connection: Any) -> list[Change]:
            from jupyter_mcp.storage.tables import changes

            query = changes.select().where(changes.c.path == path)
            if before is not None:
                query = query.where(changes.c.id < before)
            rows = connection.execute(query.order_by(changes.c.id.desc()).limit(limit))
            return [_change(row) for row in rows]

        return await self._storage.run(read)

    async def standing(self, path: str, actions: Sequence[str], limit: int) -> list[Change]:
        """Return the newest changes of these kinds that nobody has taken back."""

        def read(connection: Any) -> list[Change]:
            from jupyter_mcp.storage.tables import changes

            query = (
                changes.select()
                .where(changes.c.path == path, changes.c.undone_by.is_(None))
                .where(changes.c.action.in_(actions))
                .order_by(changes.c.id.desc())
                .limit(limit)
            )
            return [_change(row) for row in connection.execute(query)]

        return await self._storage.run(read)


def _row(path: str, change: Change, who: Who) -> dict[str, Any]:
    before, after = change.before, change.after
    loses = before is not None and (after is None or after.cell.cell_type != before.cell.cell_type)
    return {
        "at": time.time(),
        "principal": who.name[:200],
        "client": who.client[:200],
        "call_id": who.call_id[:64],
        "path": path,
        "action": change.action,
        "cell_id": change.cell_id,
        "before": before.to_json(outputs=loses) if before else None,
        "after": after.to_json(outputs=change.action in (UNDO, REDO)) if after else None,
        "revision_before": before.cell.revision if before else "",
        "revision_after": after.cell.revision if after else "",
    }


def _change(row: Any) -> Change:
    return Change(
        action=row.action,
        cell_id=row.cell_id,
        before=Place.from_json(row.before) if row.before else None,
        after=Place.from_json(row.after) if row.after else None,
        id=row.id,
        at=row.at,
        principal=row.principal,
        client=row.client,
        undone_by=row.undone_by,
    )
