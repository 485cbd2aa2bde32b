"""What the notebook tools stand on, put together for one server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.notebooks.announcements import Announcer
from jupyter_mcp.toolsets.notebooks.cells import Raw, write_cell
from jupyter_mcp.toolsets.notebooks.contents_jupyter import ContentsBackend, ContentsStore
from jupyter_mcp.toolsets.notebooks.documents import Documents
from jupyter_mcp.toolsets.notebooks.edits import Editor, new_id
from jupyter_mcp.toolsets.notebooks.folders_jupyter import Folder, FolderEvents, Folders, SaveHook
from jupyter_mcp.toolsets.notebooks.history import Change, ChangeLog, Who
from jupyter_mcp.toolsets.notebooks.live import LiveDocuments
from jupyter_mcp.toolsets.notebooks.model import Backend, Cell
from jupyter_mcp.toolsets.notebooks.panel_jupyter import PanelBackend
from jupyter_mcp.toolsets.notebooks.reading import Detail, NotebookPage, page
from jupyter_mcp.toolsets.notebooks.revisions import Seen, find, visible
from jupyter_mcp.toolsets.notebooks.undo import Undoer
from jupyter_mcp.toolsets.notebooks.wishes import clean
from jupyter_mcp.workplace import ID_MINOR

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.notebooks.rooms_jupyter import Rooms

HISTORY_PAGE = 20

Spawn = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is given.

    Args:
        jupyter: The Jupyter server's parts; None without a server.
        root: The server's root folder.
        storage: The database.
        spawn: Starts a background task under a name.
        publish: Called with the path of a notebook that changed.
        listed: Called when notebooks came or went.
        trust: Whether outputs of agents' runs are trusted as the person's own are.
    """

    jupyter: Any
    root: Path | None
    storage: Storage
    spawn: Spawn
    publish: Callable[[str], None]
    listed: Callable[[], None]
    trust: bool = False


class NotebookService:
    """Reads, edits, lists and makes notebooks for agents.

    Args:
        parts: The server's parts.
    """

    def __init__(self, parts: Parts) -> None:
        self._panel = getattr(parts.jupyter, "panel", None)
        self._rooms: Rooms | None = None
        self._folders: Folders | None = None
        self._hooks: list[SaveHook | FolderEvents] = []
        self.announcer = Announcer(parts.publish, parts.listed)
        self.documents = Documents(self._backends(parts), parts.root)
        self.live = LiveDocuments(_collaboration(parts.jupyter), self._panel)
        self.log = ChangeLog(parts.storage)
        self.seen = Seen()
        self.editor = Editor(self.documents, self.seen, self.log)
        self.undoer = Undoer(self.documents, self.editor, self.log)

    async def start(self) -> None:
        """Listen for changes."""
        self.announcer.start()
        for hook in self._hooks:
            hook.start()

    async def stop(self) -> None:
        """Save what is not saved and let go of all notebooks."""
        for hook in self._hooks:
            hook.stop()
        self.live.stop()
        await self.documents.stop()
        self.announcer.stop()

    async def folder(self, path: str) -> Folder:
        """Return what is in a folder; see `Folders.look`."""
        folder = await self._need_folders().look(self.documents.inside(path))
        for place, _changed in folder.notebooks:
            self.announcer.know(place)
        return folder

    def watched(self, path: str) -> bool:
        """Whether a person has the notebook open in this moment, as far as can be seen."""
        if self._rooms is not None and self._rooms.watched(path):
            return True
        return self._panel is not None and bool(self._panel.connected(path))

    async def create(self, path: str, cells: list[tuple[str, str]], who: Who) -> list[Cell]:
        """Make a notebook of ``(cell_type, source)`` pairs and return its cells.

        Raises:
            ToolError: ``exists``, ``not_found``, ``forbidden``, ``invalid_arguments``.
        """
        path = self.documents.notebook_path(path)
        made: list[Cell] = []
        for cell_type, source in cells:
            taken = {cell.id for cell in made}
            made.append(Cell(id=new_id(taken), cell_type=cell_type, source=clean(source)))
        await self._need_folders().create(path, made)
        self.seen.note(who.reader, path, made)
        await self.log.add(path, Change("create", "", None, None), who)
        return made

    async def cells(self, path: str) -> tuple[str, list[Cell]]:
        """Return the notebook's path, as the contents API spells it, and its visible cells."""
        document = await self.documents.open(path)
        return document.path, visible(await document.cells())

    async def page(self, path: str, detail: Detail, cursor: str | None, who: Who) -> NotebookPage:
        """Return a page of the notebook; see `reading.page`."""
        path, cells = await self.cells(path)
        read = page(path, cells, detail, cursor)
        shown = {summary.id for summary in read.cells}
        self.seen.note(who.reader, path, (cell for cell in cells if cell.id in shown))
        return read

    async def cell(
        self, path: str, cell_id: str, revision: str | None, who: Who
    ) -> tuple[str, Cell]:
        """Return the notebook's path and one of its visible cells.

        Raises:
            ToolError: ``not_found``, ``conflict``.
        """
        path, cells = await self.cells(path)
        cell = find(cells, cell_id, revision)
        self.seen.note(who.reader, path, [cell])
        return path, cell

    async def content(self, path: str) -> Raw:
        """Return the notebook's JSON without what is private."""
        document = await self.documents.open(path)
        return {
            "nbformat": 4,
            "nbformat_minor": ID_MINOR,
            "metadata": await document.metadata(),
            "cells": [public_cell(cell) for cell in visible(await document.cells())],
        }

    async def history(self, path: str, before: int | None) -> tuple[str, list[Change], int | None]:
        """Return the path, a page of agents' changes, newest first, and where the next begins."""
        document = await self.documents.open(path)
        hidden = {cell.id for cell in await document.cells() if cell.private}
        found = await self.log.page(document.path, before, HISTORY_PAGE + 1)
        more = found[HISTORY_PAGE - 1].id if len(found) > HISTORY_PAGE else None
        shown = [c for c in found[:HISTORY_PAGE] if not c.private and c.cell_id not in hidden]
        return document.path, shown, more

    def _backends(self, parts: Parts) -> list[Backend]:
        jupyter = parts.jupyter
        if jupyter is None:
            return []
        store = ContentsStore(jupyter.contents_manager, self.announcer.missing)
        self._folders = Folders(store, jupyter.kernel_spec_manager)
        self._hooks = [SaveHook(jupyter.contents_manager, self.announcer.saved)]
        backends: list[Backend] = []
        ydoc = _collaboration(jupyter)
        if ydoc is not None:
            from jupyter_mcp.toolsets.notebooks.rooms_jupyter import Rooms
            from jupyter_mcp.toolsets.notebooks.ydoc_jupyter import YdocBackend

            self._hooks.append(FolderEvents(jupyter.contents_manager, self.announcer.gone))
            self._rooms = Rooms(ydoc, parts.spawn, self.announcer.changed)
            backends.append(YdocBackend(self._rooms, store, trust=parts.trust))
        if self._panel is not None:
            backends.append(PanelBackend(self._panel, parts.spawn, trust=parts.trust))
        return [*backends, ContentsBackend(store, parts.spawn, trust=parts.trust)]

    def _need_folders(self) -> Folders:
        if self._folders is None:
            raise self.documents.no_server()
        return self._folders


def _collaboration(jupyter: Any) -> Any:
    """Return the extension app of jupyter-collaboration where it is at work."""
    ydoc = getattr(jupyter, "ydoc", None)
    return None if getattr(ydoc, "disable_rtc", False) else ydoc


def public_cell(cell: Cell) -> Raw:
    """Return a cell's JSON as agents get it: whether outputs are trusted is not their affair."""
    raw = write_cell(cell)
    raw["metadata"] = public_metadata(cell.metadata)
    return raw


def public_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata without what only the server needs."""
    return {key: value for key, value in metadata.items() if key != "trusted"}
