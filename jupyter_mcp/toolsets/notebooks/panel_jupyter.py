"""Notebooks that a person has open in a JupyterLab without collaboration, through our panel.

The panel (``labextension/``) answers these operations on the notebook model that the person sees,
so that edits appear at once and Lab's own undo and saving go on working. Each is one JSON object
in, one JSON object out, over ``Panel.request(path, op)``; cells and outputs are nbformat 4.5 JSON
with texts joined to single strings:

``{"op": "read"}``
    → ``{"cells": [CELL…], "metadata": {…}, "typed": {CELL_ID: SECONDS}}``. All cells, in order,
    each with its ``id``. ``typed`` gives, for cells whose source the person changed in the last
    60 seconds, how long ago that was.

``{"op": "apply", "edits": [EDIT…], "expect": {CELL_ID: SOURCE}}``
    → ``{"ok": true}`` | ``{"stale": [CELL_ID…]}`` | ``{"missing": CELL_ID}``. First every cell
    in ``expect`` is compared: if one is gone or its source is another one, nothing is done and
    the answer is ``stale``. Then all edits are made without yielding, in one transaction of the
    shared model. An EDIT is one of

    - ``{"kind": "insert", "index": N, "cell": CELL}`` (N counts all cells; the length: at the end)
    - ``{"kind": "delete", "cell_id": ID}``
    - ``{"kind": "splice", "cell_id": ID, "splices": [[START, DELETED, INSERTED]…]}``: positions
      in UTF-16 code units, last one first, so that they are applied one after the other
    - ``{"kind": "type", "cell_id": ID, "cell_type": "code"|"markdown"|"raw"}``
    - ``{"kind": "metadata", "cell_id": ID, "metadata": {…}}`` (replaces the whole)
    - ``{"kind": "move", "cell_id": ID, "index": N}`` (N counts after the cell was taken out)

``{"op": "output", "cell_id": ID, "changes": [CHANGE…]}``
    → ``{"ok": true}``, also when the cell is gone. A CHANGE is one of

    - ``{"kind": "begin", "trusted": BOOL}``: no outputs, no execution count, shown as running
    - ``{"kind": "append", "output": OUTPUT}``
    - ``{"kind": "extend", "index": N, "text": TEXT}``: more text for a stream
    - ``{"kind": "replace", "index": N, "output": OUTPUT}``
    - ``{"kind": "clear"}``
    - ``{"kind": "count", "execution_count": N}``
    - ``{"kind": "end"}``: shown as idle

``{"op": "save"}``
    → ``{"ok": true}`` once Lab has saved the notebook.

An unknown operation is answered with ``{"error": TEXT}``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import (
    Raw,
    edit_cells,
    index_of,
    no_cell,
    read_cells,
    write_cell,
)
from jupyter_mcp.toolsets.notebooks.model import (
    Append,
    Cell,
    Clear,
    Delete,
    Edit,
    Extend,
    Insert,
    Move,
    OutputChange,
    Replace,
    SetMetadata,
    SetSource,
    SetType,
    StaleError,
)
from jupyter_mcp.toolsets.notebooks.splices import splices
from jupyter_mcp.workplace import ID_MINOR

Spawn = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]


class Panel(Protocol):
    """The panels that are connected to this server."""

    def connected(self, path: str) -> bool:
        """Whether one of them has the notebook open."""

    async def request(self, path: str, op: dict[str, Any]) -> dict[str, Any]:
        """Do `op` on the open notebook; ToolError ``unavailable`` when the page went away."""


class PanelBackend:
    """Opens notebooks that are open in a connected JupyterLab.

    Args:
        panel: The connected panels.
        spawn: Starts a background task under a name.
        trust: Whether outputs of agents' runs are trusted as the person's own are.
    """

    def __init__(self, panel: Panel, spawn: Spawn, *, trust: bool = False) -> None:
        self._panel = panel
        self._spawn = spawn
        self._trust = trust

    async def open(self, path: str) -> PanelDocument | None:
        """Return the open notebook, or None when nobody has it open."""
        if not self._panel.connected(path):
            return None
        return PanelDocument(path, self._panel, self._spawn, trust=self._trust)

    async def stop(self) -> None:
        """Nothing is kept open."""


class PanelDocument:
    """A notebook in a person's JupyterLab.

    Args:
        path: Its path below the server's root.
        panel: The connected panels.
        spawn: Starts a background task under a name.
        trust: Whether outputs of agents' runs are trusted as the person's own are.
    """

    def __init__(self, path: str, panel: Panel, spawn: Spawn, *, trust: bool = False) -> None:
        self.path = path
        self._panel = panel
        self._spawn = spawn
        self._trust = trust
        self._typed: dict[str, float] = {}
        self._writers: list[PanelWriter] = []

    async def request(self, op: str, **values: Any) -> Raw:
        """Ask the panel to do one operation.

        Raises:
            ToolError: ``unavailable`` when it cannot.
        """
        answer = await self._panel.request(self.path, {"op": op, **values})
        if "error" in answer:
            raise ToolError(
                "unavailable",
                f"The panel could not {op} '{self.path}': {answer['error']}",
                "Reload the page that has the notebook open, or close it there, and try again.",
            )
        return answer

    async def cells(self) -> list[Cell]:
        """Return the cells as the person sees them."""
        answer = await self.request("read")
        self._typed = dict(answer.get("typed", {}))
        return read_cells(answer["cells"], ID_MINOR)

    async def metadata(self) -> dict[str, Any]:
        """Return the notebook's metadata."""
        return dict((await self.request("read")).get("metadata", {}))

    def idle_seconds(self, cell_id: str) -> float:
        """Return how long before the last reading the person typed in the cell."""
        return float(self._typed.get(cell_id, math.inf))

    async def apply(self, edits: Sequence[Edit], expect: Mapping[str, str] | None = None) -> None:
        """Make all edits in the open notebook; see `Document.apply`."""
        cells = await self.cells()
        sources = {cell.id: cell.source for cell in cells}
        revisions = {cell.id: cell.revision for cell in cells}
        edit_cells([write_cell(cell) for cell in cells], edits)  # a dry run
        for cell_id, revision in (expect or {}).items():
            if revisions.get(cell_id) != revision:
                raise StaleError(cell_id)
        guarded = set(expect or {}) | {e.cell_id for e in edits if isinstance(e, SetSource)}
        answer = await self.request(
            "apply",
            edits=[_edit_json(edit, sources) for edit in edits],
            expect={cell_id: sources[cell_id] for cell_id in sorted(guarded) if cell_id in sources},
        )
        if answer.get("stale"):
            raise StaleError(*answer["stale"])
        if answer.get("missing"):
            raise no_cell(str(answer["missing"]))

    async def writer(self, cell_id: str) -> PanelWriter:
        """Return the way to write the cell's outputs as they come."""
        index_of([cell.id for cell in await self.cells()], cell_id)
        writer = PanelWriter(self, cell_id, self._spawn, trust=self._trust)
        self._writers.append(writer)
        return writer

    async def save(self) -> None:
        """Wait for the outputs to arrive, then let Lab save."""
        for writer in self._writers:
            await writer.drained()
        await self.request("save")


class PanelWriter:
    """Sends the outputs of a running cell, in order, as fast as the page takes them.

    Args:
        document: The open notebook.
        cell_id: The cell that runs.
        spawn: Starts a background task under a name.
        trust: Whether the outputs are trusted as the person's own are.
    """

    def __init__(self, document: PanelDocument, cell_id: str, spawn: Spawn, *, trust: bool) -> None:
        self._document = document
        self._cell_id = cell_id
        self._spawn = spawn
        self._trust = trust
        self._waiting: list[Raw] = []
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Clear the outputs and show the cell as running."""
        self._send({"kind": "begin", "trusted": self._trust})

    def change(self, change: OutputChange) -> None:
        """Send one change of the outputs."""
        self._send(_change_json(change))

    def count(self, execution_count: int) -> None:
        """Show the number of the run."""
        self._send({"kind": "count", "execution_count": execution_count})

    def end(self) -> None:
        """Show the cell as idle."""
        self._send({"kind": "end"})

    async def drained(self) -> None:
        """Wait until everything is sent.

        Raises:
            ToolError: ``unavailable`` when the page went away.
        """
        if self._task is not None:
            await asyncio.shield(self._task)

    def _send(self, change: Raw) -> None:
        last = self._waiting[-1] if self._waiting else {}
        if change["kind"] == last.get("kind") == "extend" and change["index"] == last["index"]:
            last["text"] += change["text"]
            return
        self._waiting.append(change)
        if self._task is None or self._task.done():
            self._task = self._spawn(f"outputs of {self._cell_id}", self._drain())

    async def _drain(self) -> None:
        while self._waiting:
            changes, self._waiting = self._waiting, []
            await self._document.request("output", cell_id=self._cell_id, changes=changes)


def _change_json(change: OutputChange) -> Raw:
    match change:
        case Clear():
            return {"kind": "clear"}
        case Append(output):
            return {"kind": "append", "output": dict(output)}
        case Extend(index, text):
            return {"kind": "extend", "index": index, "text": text}
        case Replace(index, output):
            return {"kind": "replace", "index": index, "output": dict(output)}


def _edit_json(edit: Edit, sources: Mapping[str, str]) -> Raw:
    match edit:
        case Insert(index, cell):
            return {"kind": "insert", "index": index, "cell": write_cell(cell)}
        case Delete(cell_id):
            return {"kind": "delete", "cell_id": cell_id}
        case SetSource(cell_id, source):
            changes = utf16_splices(sources[cell_id], source)
            return {"kind": "splice", "cell_id": cell_id, "splices": changes}
        case SetType(cell_id, cell_type):
            return {"kind": "type", "cell_id": cell_id, "cell_type": cell_type}
        case SetMetadata(cell_id, metadata):
            return {"kind": "metadata", "cell_id": cell_id, "metadata": dict(metadata)}
        case Move(cell_id, index):
            return {"kind": "move", "cell_id": cell_id, "index": index}


def utf16_splices(old: str, new: str) -> list[tuple[int, int, str]]:
    """Return the splices from `old` to `new` as JavaScript counts characters."""
    return [
        (
            _utf16(old[: splice.start]),
            _utf16(old[splice.start : splice.start + splice.deleted]),
            splice.inserted,
        )
        for splice in splices(old, new)
    ]


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
