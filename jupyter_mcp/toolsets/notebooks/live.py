"""Looks at the notebooks that somebody has open, without joining them.

Who edits a notebook joins its room and keeps it alive; search only looks, often and at all of them.
So the documents of jupyter-collaboration are watched from outside, from the first look on, and a
page is asked for what it has open only when somebody wants to know.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import Raw, read_cells, write_cell
from jupyter_mcp.toolsets.notebooks.revisions import visible
from jupyter_mcp.workplace import ID_MINOR

SUFFIX = ".ipynb"


class Pages(Protocol):
    """The connected pages of JupyterLab."""

    def opened(self) -> frozenset[str]:
        """Return the documents that they have open."""

    async def request(self, path: str, op: dict[str, Any]) -> dict[str, Any]:
        """Do `op` on an open document; ToolError ``unavailable`` when the page went away."""


class _Watched:
    """A live document and how often it was seen to change."""

    def __init__(self, notebook: Any) -> None:
        self.notebook = notebook
        self.changes = 0
        self._subscription = notebook.ycells.observe_deep(self._changed)

    def leave(self) -> None:
        self.notebook.ycells.unobserve(self._subscription)

    def content(self) -> Raw:
        """Return its JSON; in one piece, which is much quicker than cell by cell."""
        meta = json.loads(str(self.notebook._ymeta))  # noqa: SLF001 - no public way to it
        cells = json.loads(str(self.notebook.ycells), parse_float=_number)
        minor = int(meta.get("nbformat_minor", 0))
        return _content(meta.get("metadata") or {}, cells, minor)

    def _changed(self, _events: list[Any]) -> None:
        self.changes += 1


class LiveDocuments:
    """The notebooks that are open in this moment.

    Args:
        extension: The extension app of jupyter-collaboration; None without it.
        pages: The connected pages; None for none.
    """

    def __init__(self, extension: Any = None, pages: Pages | None = None) -> None:
        self._extension = extension
        self._pages = pages
        self._watched: dict[str, _Watched] = {}

    def live(self) -> dict[str, Hashable | None]:
        """Return what is open; see `jupyter_mcp.workplace.LiveNotebooks`."""
        found: dict[str, Hashable | None] = {}
        if self._pages is not None:
            found |= dict.fromkeys(path for path in self._pages.opened() if path.endswith(SUFFIX))
        for room_id, watched in self._rooms().items():
            found[str(watched.notebook.path)] = (room_id, id(watched.notebook), watched.changes)
        return found

    async def read(self, path: str) -> Raw | None:
        """Return the JSON of an open notebook; None when nobody has it open."""
        for watched in self._rooms().values():
            if watched.notebook.path == path:
                return watched.content()
        if self._pages is None or path not in self._pages.opened():
            return None
        answer = await self._pages.request(path, {"op": "read"})
        if "error" in answer:
            raise ToolError("unavailable", f"The page did not tell '{path}'.", "Reload the page.")
        return _content(answer.get("metadata") or {}, answer["cells"], ID_MINOR)

    def stop(self) -> None:
        """Look no more."""
        for watched in self._watched.values():
            watched.leave()
        self._watched.clear()

    def _rooms(self) -> dict[str, _Watched]:
        """Return the live documents by their room, watched from now on."""
        server = getattr(self._extension, "ywebsocket_server", None)
        rooms = {} if server is None else server.rooms
        now = {
            room_id: room._document  # noqa: SLF001 - the room offers no other way
            for room_id, room in rooms.items()
            if _is_notebook(room)
        }
        for room_id, watched in list(self._watched.items()):
            if now.get(room_id) is not watched.notebook:
                self._watched.pop(room_id).leave()
        for room_id, notebook in now.items():
            if room_id not in self._watched:
                self._watched[room_id] = _Watched(notebook)
        return self._watched


def _is_notebook(room: Any) -> bool:
    document = getattr(room, "_document", None)
    return bool(
        getattr(room, "ready", False)
        and hasattr(document, "ycells")
        and str(getattr(document, "path", None) or "").endswith(SUFFIX)
    )


def _content(metadata: Mapping[str, Any], raw: list[Raw], minor: int) -> Raw:
    cells = visible(read_cells(raw, minor))
    return {
        "nbformat": 4,
        "nbformat_minor": ID_MINOR,
        "metadata": dict(metadata),
        "cells": [write_cell(cell) for cell in cells],
    }


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value
