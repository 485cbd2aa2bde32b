"""Notebooks in the live document of jupyter-collaboration: who has them open sees each change.

Edits are single transactions under an origin of our own, so that what a person does can be told
from what agents do. Sources are spliced, outputs appended and streams extended in place; nothing
is rewritten that did not change. Cells are moved as JupyterLab itself does, by taking them out
and putting a copy in, because Yjs 13 in the browser does not know Yjs's move operation.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from tornado.web import HTTPError

from jupyter_mcp.toolsets.notebooks.cells import (
    Raw,
    change_outputs,
    edit_cells,
    index_of,
    set_type,
    write_cell,
)
from jupyter_mcp.toolsets.notebooks.contents_jupyter import (
    ContentsStore,
    check_expected,
    refused,
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
)
from jupyter_mcp.toolsets.notebooks.rooms_jupyter import LiveNotebook, Rooms
from jupyter_mcp.toolsets.notebooks.splices import splices
from jupyter_mcp.workplace import ID_MINOR


class YdocBackend:
    """Opens notebooks in the live document.

    Args:
        rooms: The shared documents of the server.
        store: Tells whether a notebook exists at all.
        trust: Whether outputs of agents' runs are trusted as the person's own are.
    """

    def __init__(self, rooms: Rooms, store: ContentsStore, *, trust: bool = False) -> None:
        self._rooms = rooms
        self._store = store
        self._trust = trust

    async def open(self, path: str) -> YdocDocument:
        """Return the live notebook, which is loaded if nobody has it open yet.

        Raises:
            ToolError: As `ContentsStore.about` and for a notebook that cannot be read.
        """
        about = await self._store.about(path)
        try:
            live = await self._rooms.open(path)
            await live.catch_up(about.get("last_modified"))
        except HTTPError as error:
            raise refused(path, error) from None
        return YdocDocument(path, live, trust=self._trust)

    async def stop(self) -> None:
        """Save what is not saved and leave all rooms."""
        await self._rooms.stop()


class YdocDocument:
    """A notebook that people may have open right now.

    Args:
        path: Its path below the server's root.
        live: The shared document.
        trust: Whether outputs of agents' runs are trusted as the person's own are.
    """

    def __init__(self, path: str, live: LiveNotebook, *, trust: bool = False) -> None:
        self.path = path
        self._live = live
        self._trust = trust

    async def cells(self) -> list[Cell]:
        """Return the cells as everybody sees them now."""
        await self._live.settled()
        return list(self._live.cells())

    async def metadata(self) -> dict[str, Any]:
        """Return a copy of the notebook's metadata."""
        await self._live.settled()
        return dict(self._live.meta().get("metadata", {}))

    def idle_seconds(self, cell_id: str) -> float:
        """Return how long ago somebody else changed the cell's source."""
        return self._live.idle_seconds(cell_id)

    async def apply(self, edits: Sequence[Edit], expect: Mapping[str, str] | None = None) -> None:
        """Make all edits in one transaction; see `Document.apply`."""
        await self._live.settled()
        check_expected(self._live.cells(), expect or {})
        edit_cells([write_cell(cell) for cell in self._live.cells()], edits)  # a dry run
        with self._live.transaction():
            self._give_ids()
            ids = [str(cell["id"]) for cell in self._live.ycells]
            for edit in edits:
                self._edit(ids, edit)

    async def writer(self, cell_id: str) -> YdocWriter:
        """Return the way to write the cell's outputs as they come."""
        await self._live.settled()
        index = index_of([cell.id for cell in self._live.cells()], cell_id)
        return YdocWriter(self._live, index, trust=self._trust)

    async def save(self) -> None:
        """Write the live document to disk now."""
        await self._live.save()

    def _give_ids(self) -> None:
        if self._live.minor >= ID_MINOR and not self._live.has_doubles():
            return
        for ycell, cell in zip(self._live.ycells, self._live.cells(), strict=True):
            if ycell.get("id") != cell.id:
                ycell["id"] = cell.id
        self._live.raise_minor(ID_MINOR)

    def _edit(self, ids: list[str], edit: Edit) -> None:
        """Make one edit in the running transaction; `ids` mirrors the order of the cells."""
        ycells = self._live.ycells
        if isinstance(edit, Insert):
            ycells.insert(edit.index, self._live.notebook.create_ycell(write_cell(edit.cell)))
            ids.insert(edit.index, edit.cell.id)
            return
        index = index_of(ids, edit.cell_id)
        match edit:
            case Delete():
                del ycells[index]
                del ids[index]
            case Move(index=to):
                self._move(index, to)
                ids.insert(to, ids.pop(index))
            case SetSource(source=source):
                splice_text(ycells[index], source)
            case SetMetadata(metadata=metadata):
                set_metadata(ycells[index], metadata)
            case SetType(cell_type=cell_type):
                self._set_type(index, cell_type)

    def _move(self, index: int, to: int) -> None:
        ycells = self._live.ycells
        raw = ycells[index].to_py()
        state = raw.pop("execution_state", None)
        del ycells[index]
        moved = self._live.notebook.create_ycell(raw)
        ycells.insert(to, moved)
        if state is not None:
            ycells[to]["execution_state"] = state

    def _set_type(self, index: int, cell_type: str) -> None:
        """Replace the cell: front ends choose a cell's widget once, when it comes."""
        ycells = self._live.ycells
        raw = ycells[index].to_py()
        raw.pop("execution_state", None)
        set_type(raw, cell_type)
        ycells[index] = self._live.notebook.create_ycell(raw)


def splice_text(ycell: Any, source: str) -> None:
    """Turn the cell's text into `source` by the smallest splices.

    pycrdt counts in bytes of UTF-8, not in characters.
    """
    text = ycell["source"]
    old = str(text)
    for splice in splices(old, source):
        start = len(old[: splice.start].encode())
        gone = len(old[splice.start : splice.start + splice.deleted].encode())
        if gone:
            del text[start : start + gone]
        if splice.inserted:
            text.insert(start, splice.inserted)


def set_metadata(ycell: Any, metadata: Mapping[str, Any]) -> None:
    """Make `metadata` the cell's, touching only the keys that differ."""
    ymap = ycell["metadata"]
    now = ymap.to_py()
    for key in now.keys() - metadata.keys():
        del ymap[key]
    for key, value in metadata.items():
        if key not in now or now[key] != value:
            ymap[key] = value


class YdocWriter:
    """Writes the outputs of a running cell into the live document.

    A cell can be moved or deleted while it runs: it is found again by its id, and what comes for
    a cell that is gone goes nowhere.

    Args:
        live: The shared document.
        index: The position of the cell.
        trust: Whether the outputs are trusted as the person's own are.
    """

    def __init__(self, live: LiveNotebook, index: int, *, trust: bool) -> None:
        self._live = live
        self._trust = trust
        self._ycell = live.ycells[index]
        self._id = self._ycell["id"]
        self._order = live.order
        self._count: int | None = None

    def begin(self) -> None:
        """Clear the outputs and show the cell as running."""
        self._live.hold(self)
        cell = self._cell()
        if cell is None:
            return
        with self._live.transaction():
            if len(cell["outputs"]):
                cell["outputs"].clear()
            cell["execution_count"] = None
            cell["execution_state"] = "running"
            cell["metadata"]["trusted"] = self._trust

    def change(self, change: OutputChange) -> None:
        """Write one change of the outputs."""
        cell = self._cell()
        if cell is not None:
            with self._live.transaction():
                self._change(cell["outputs"], change)

    def count(self, execution_count: int) -> None:
        """Keep the number of the run for its end: Lab takes a cell with a number for idle."""
        self._count = execution_count

    def end(self) -> None:
        """Show the cell as idle, with the number of the run."""
        cell = self._cell()
        if cell is not None:
            with self._live.transaction():
                cell["execution_count"] = self._count
                cell["execution_state"] = "idle"
        self._live.release(self)

    def _cell(self) -> Any:
        """Return the cell's shared map, or None when it is gone or no code cell any more."""
        if self._order != self._live.order:
            self._order = self._live.order
            self._ycell = self._live.find(self._id)
        if self._ycell is None or self._ycell.get("cell_type") != "code":
            return None
        return self._ycell

    def _change(self, outputs: Any, change: OutputChange) -> None:
        match change:
            case Clear():
                outputs.clear()
            case Append(output):
                outputs.append(self._shared(output))
            case Replace(index, output) if index < len(outputs):
                self._replace(outputs, index, output)
            case Extend(index, text) if index < len(outputs):
                self._extend(outputs, index, text)
            case _:
                pass

    def _replace(self, outputs: Any, index: int, output: Mapping[str, Any]) -> None:
        # Lab shows what is inserted at the end, wherever it was inserted (CodeCellModel of 4.6),
        # so what follows is inserted again.
        after = [later.to_py() for later in list(outputs)[index + 1 :]]
        del outputs[index:]
        outputs.extend([self._shared(each) for each in (output, *after)])

    def _shared(self, output: Mapping[str, Any]) -> Any:
        """Make the shared form of an output, with the text of a stream as shared text."""
        from pycrdt import Map, Text

        raw = copy.deepcopy(dict(output))
        if raw.get("output_type") == "stream":
            raw["text"] = Text(str(raw.get("text", "")))
        return Map(raw)

    def _extend(self, outputs: Any, index: int, text: str) -> None:
        from pycrdt import Text

        shared = outputs[index]["text"]
        if isinstance(shared, Text):
            shared.insert(len(shared), text)
            return
        raw: list[Raw] = [outputs[index].to_py()]
        change_outputs(raw, Extend(0, text))
        outputs[index] = self._shared(raw[0])
