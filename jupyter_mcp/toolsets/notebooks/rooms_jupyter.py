"""The rooms of jupyter-collaboration that agents are in, and how they leave them.

A room holds the live document of one notebook. jupyter-collaboration drops a room some time after
the last browser has left, whatever an agent is doing in it, and never drops one that no browser
ever entered. So an agent is in a room as a browser is: by a channel of its own, which keeps the
room for as long as somebody works in it and takes it down by the same rules afterwards.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any

from tornado.web import HTTPError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import read_cells
from jupyter_mcp.toolsets.notebooks.contents_jupyter import not_found, refused
from jupyter_mcp.toolsets.notebooks.model import Cell

_log = logging.getLogger(__name__)

ORIGIN = "jupyter_mcp"
"""The origin of our transactions; everybody else's count as a person's."""

LINGER = 60.0
"""Seconds to stay in a room after the last call, where the extension does not say otherwise."""

Spawn = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]


class Presence:
    """Our channel into a room: it hears everything, needs nothing, and says who is there."""

    path = "jupyter-mcp"

    async def send(self, message: bytes) -> None:
        """Drop the message: we look at the document itself."""


class LiveNotebook:
    """A shared notebook and what was seen of its changes.

    Args:
        room: The room of jupyter-collaboration.
        notebook: Its ``YNotebook``.
        changed: Called after each change, whoever made it.
    """

    def __init__(self, room: Any, notebook: Any, changed: Callable[[], None]) -> None:
        self.room = room
        self.notebook = notebook
        self.ycells = notebook.ycells
        self.order = 0
        """Grows when cells come, go or move."""
        self.used = time.monotonic()
        self._changed = changed
        self._snapshot: tuple[Cell, ...] | None = None
        self._touched: dict[str, float] = {}
        self._held: set[object] = set()
        self.free = asyncio.Event()
        """Set while no run writes into it."""
        self.free.set()
        self._subscription = self.ycells.observe_deep(self._observe)
        self._presence = Presence()
        room.clients.add(self._presence)

    @property
    def minor(self) -> int:
        """The notebook's ``nbformat_minor``."""
        return int(self.meta().get("nbformat_minor", 0))

    def meta(self) -> dict[str, Any]:
        """Return the notebook's format and metadata."""
        meta: dict[str, Any] = _numbers(str(self._ymeta))
        return meta

    def raise_minor(self, minor: int) -> None:
        """Let the notebook be of format 4.`minor` at least."""
        if self.minor < minor:
            self._ymeta["nbformat_minor"] = minor

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells; computed once after each change.

        Serialising the whole list in Rust costs 2 ms for 500 cells; cell by cell it is 30.
        """
        if self._snapshot is None:
            self._snapshot = tuple(read_cells(_numbers(str(self.ycells)), self.minor))
        return self._snapshot

    def has_doubles(self) -> bool:
        """Whether two cells carry the same id, or some cell none."""
        ids = [ycell.get("id") for ycell in self.ycells]
        return None in ids or len(set(ids)) < len(ids)

    def find(self, cell_id: str) -> Any:
        """Return the shared map of the cell with this id, or None."""
        return next((ycell for ycell in self.ycells if ycell.get("id") == cell_id), None)

    def idle_seconds(self, cell_id: str) -> float:
        """Return how long ago somebody else changed the cell's source."""
        at = self._touched.get(cell_id)
        return math.inf if at is None else time.monotonic() - at

    def transaction(self) -> AbstractContextManager[Any]:
        """Return a transaction of ours, or the one that a reload of the file is in."""
        doc = self.notebook.ydoc
        try:
            transaction: AbstractContextManager[Any] = doc.transaction(origin=ORIGIN)
        except RuntimeError:  # "Nested transactions must have same origin"
            transaction = doc.transaction()
        return transaction

    async def settled(self) -> None:
        """Wait until the room is not being filled from the file."""
        self.used = time.monotonic()
        async with self.room._update_lock:  # noqa: SLF001 - the room offers no other way
            return

    async def catch_up(self, modified: Any) -> None:
        """Load the file anew where it is newer than what the room holds.

        The extension looks once a second, and throws away what was edited before it looked.

        Args:
            modified: When the file was last changed.
        """
        loader = self.room._file  # noqa: SLF001 - the room offers no other way
        if modified and loader.last_modified and loader.last_modified < modified:
            await loader.maybe_notify()

    async def save(self) -> None:
        """Write the document to disk now.

        Not by the room's own way, which gives up in silence when somebody types meanwhile.

        Raises:
            ToolError: When the file cannot be written; ``conflict`` when another program changed
                it, so that the extension takes the file and drops the document.
        """
        from jupyter_server_ydoc.utils import (  # type: ignore[import-untyped]  # it has no types
            OutOfBandChanges,
        )

        await self.settled()
        room, path, pending = self.room, self.notebook.path, self.room._saving_document  # noqa: SLF001 - no public way
        model = {"format": room.file_format, "type": room.file_type}
        try:
            content = await self.notebook.aget()
            saved = await room._file.maybe_save_content({**model, "content": content})  # noqa: SLF001 - as the room does
        except OutOfBandChanges:
            await room._on_outofband_change()  # noqa: SLF001 - as the room does
            raise _changed_on_disk(path) from None
        except HTTPError as error:
            raise refused(path, error) from None
        except RuntimeError:  # "No path found for file ID"
            raise not_found(path) from None
        if saved is None:  # it takes a cancellation for an answer
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            raise _read_only(path)
        async with room._update_lock:  # noqa: SLF001 - as the room does
            self.notebook.dirty = False
            self.notebook.hash = saved["hash"]
        if pending is not None and room._saving_document is pending:  # noqa: SLF001 - as above
            pending.cancel()

    def hold(self, holder: object) -> None:
        """Keep the room while `holder` writes into it."""
        self._held.add(holder)
        self.free.clear()

    def release(self, holder: object) -> None:
        """Take back `hold`."""
        self._held.discard(holder)
        self.used = time.monotonic()
        if not self._held:
            self.free.set()

    def leave(self) -> None:
        """Stop watching and leave the room."""
        self.ycells.unobserve(self._subscription)
        self.room.clients.discard(self._presence)

    @property
    def _ymeta(self) -> Any:
        return self.notebook._ymeta  # noqa: SLF001 - YNotebook offers no public way to it

    def _observe(self, events: list[Any]) -> None:
        self._snapshot = None
        for event in events:
            if not event.path:
                self.order += 1
            if event.transaction.origin != ORIGIN:
                self._note(event)
        self._changed()

    def _note(self, event: Any) -> None:
        """Remember the cells whose source somebody else changed."""
        now = time.monotonic()
        for index in _sources(event):
            if index < len(self.ycells):
                self._touched[str(self.ycells[index].get("id"))] = now


def _changed_on_disk(path: str) -> ToolError:
    return ToolError(
        "conflict",
        f"Another program changed '{path}' on disk meanwhile, and the file was loaded anew.",
        "Read the notebook again; run the cells again whose outputs are missing.",
    )


def _read_only(path: str) -> ToolError:
    return ToolError("forbidden", f"'{path}' could not be written.", "Check its permissions.")


def _sources(event: Any) -> list[int]:
    """Return the positions of the cells whose source `event` concerns."""
    path = event.path
    if len(path) > 1 and path[1] == "source":
        return [path[0]]
    if len(path) == 1:
        return [path[0]] if "source" in event.keys else []
    return [] if path else _inserted(event.delta)


def _inserted(delta: list[dict[str, Any]]) -> list[int]:
    index = 0
    found: list[int] = []
    for part in delta:
        index += part.get("retain", 0)
        if "insert" in part:
            found += range(index, index + len(part["insert"]))
            index += len(part["insert"])
    return found


def _numbers(text: str) -> Any:
    """Parse the JSON of a shared type: Yjs knows only floating numbers, notebooks whole ones."""
    return json.loads(text, parse_float=_number)


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


class Rooms:
    """The live notebooks of this server that agents work in.

    Args:
        extension: The ``jupyter_server_ydoc`` extension app.
        spawn: Starts a background task under a name.
        changed: Called with the path of a notebook after each change.
    """

    def __init__(self, extension: Any, spawn: Spawn, changed: Callable[[str], None]) -> None:
        self._extension = extension
        self._spawn = spawn
        self._changed = changed
        self._live: dict[str, LiveNotebook] = {}

    async def open(self, path: str) -> LiveNotebook:
        """Return the live notebook at `path`, which must exist.

        Raises:
            tornado.web.HTTPError: When the file cannot be read as a notebook.
            ToolError: ``unavailable`` when the collaboration extension gave no document.
        """
        try:
            notebook = await self._extension.get_document(
                path=path, content_type="notebook", file_format="json", copy=False, create=True
            )
        except HTTPError:
            self._forget_unfilled()
            raise
        room = self._room(notebook)
        if room is None or not room.ready:
            self._forget_unfilled()
            raise ToolError("unavailable", f"'{path}' cannot be opened live.", "Try again.")
        if room.cleaner is not None:
            room.cleaner.cancel()
        return self._enter(path, room, notebook)

    async def stop(self) -> None:
        """Save what waits to be saved and leave all rooms."""
        for live in list(self._live.values()):
            pending = live.room._saving_document  # noqa: SLF001 - no public way to know
            if pending is not None and not pending.done():
                await _save_last(live)
            live.leave()
        self._live.clear()

    def watched(self, path: str) -> bool:
        """Whether a person has the notebook open in this moment."""
        for room in self._extension.ywebsocket_server.rooms.values():
            notebook = getattr(room, "_document", None)
            others = [client for client in room.clients if not isinstance(client, Presence)]
            if others and notebook is not None and notebook.path == path:
                return True
        return False

    def _forget_unfilled(self) -> None:
        """Drop rooms whose file could not be read; the extension would offer them as empty."""
        rooms = self._extension.ywebsocket_server.rooms
        for name, room in list(rooms.items()):
            stopped = getattr(room, "_task_group", None) is None
            if stopped and not room.ready and not room.clients:
                del rooms[name]

    def _room(self, notebook: Any) -> Any:
        rooms = self._extension.ywebsocket_server.rooms.values()
        return next((r for r in rooms if getattr(r, "_document", None) is notebook), None)

    def _enter(self, path: str, room: Any, notebook: Any) -> LiveNotebook:
        live = self._live.get(room.room_id)
        if live is not None and live.room is room:
            live.used = time.monotonic()
            return live
        if live is not None:
            live.leave()
        live = LiveNotebook(room, notebook, lambda: self._changed(notebook.path or path))
        self._live[room.room_id] = live
        self._spawn(f"room of {path}", self._linger(live))
        return live

    async def _linger(self, live: LiveNotebook) -> None:
        """Stay until nobody has used the notebook for a while, then leave."""
        delay = self._extension.document_cleanup_delay
        stay = LINGER if delay is None else float(delay)
        while True:
            await live.free.wait()
            rest = live.used + stay - time.monotonic()
            if rest <= 0:
                break
            await asyncio.sleep(rest)
        if self._live.get(live.room.room_id) is live:
            del self._live[live.room.room_id]
        live.leave()
        if delay is not None:
            await self._take_down(live)

    async def _take_down(self, live: LiveNotebook) -> None:
        """Do what the extension does when the last browser leaves (handlers.py, _clean_room)."""
        extension, room = self._extension, live.room
        async with extension._room_locks[room.room_id]:  # noqa: SLF001 - shared with its handlers
            rooms = extension.ywebsocket_server.rooms
            if room.clients or rooms.get(room.room_id) is not room:
                return
            pending = room._saving_document  # noqa: SLF001 - no public way to know
            if pending is not None and not pending.done():
                await _save_last(live)
            await extension.ywebsocket_server.delete_room(room=room)
            file_id = room.room_id.split(":", 2)[2]
            if extension.file_loaders[file_id].number_of_subscriptions == 0:
                await extension.file_loaders.remove(file_id)


async def _save_last(live: LiveNotebook) -> None:
    try:
        await live.save()
    except ToolError as error:
        _log.warning("A notebook could not be saved before its room was left: %s", error)
