"""Notebooks on disk, through Jupyter's contents manager, where nobody has them open live.

Every write is guarded: what is written was computed from the very bytes that are still there.
Where the file changed in between, the edit is computed anew on the changed file; where it
changed in the cells that the edit touches, the caller is told. A file is never overwritten with
what somebody else had already replaced.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakValueDictionary

from tornado.web import HTTPError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import (
    Raw,
    edit_cells,
    give_ids,
    index_of,
    read_cells,
)
from jupyter_mcp.toolsets.notebooks.contents_writer import ContentsWriter
from jupyter_mcp.toolsets.notebooks.model import Cell, Edit, StaleError

_log = logging.getLogger(__name__)

Spawn = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]

ATTEMPTS = 5
"""How often a write is computed anew when the file keeps changing under it."""

HALF_WRITTEN_SECONDS = (0.02, 0.1)
"""How long to wait for somebody who may be writing a file that cannot be read."""

LATE_SECONDS = 0.2
"""How long changes of outputs are gathered that come after their run."""

CACHED_NOTEBOOKS = 8
CACHED_BYTES = 8 * 1024 * 1024
"""Larger notebooks are parsed anew each time rather than kept in memory."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A notebook as it was read; never changed once made.

    Args:
        content: The notebook's JSON.
        cells: Its cells.
        stamp: What the file's metadata said, to see whether it changed.
        digest: A hash of the file, where the contents manager can tell.
    """

    content: Raw
    cells: tuple[Cell, ...]
    stamp: tuple[Any, ...]
    digest: str | None


class ContentsStore:
    """Reads and writes notebooks through a contents manager of either kind.

    Args:
        manager: Jupyter's contents manager, synchronous or asynchronous.
        missing: Called with the path of a notebook that was asked for and is not there.
    """

    def __init__(self, manager: Any, missing: Callable[[str], None] | None = None) -> None:
        self.manager = manager
        self._missing = missing
        self._hashes = "require_hash" in inspect.signature(manager.get).parameters
        self._cache: OrderedDict[str, Snapshot] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the contents manager.

        The old synchronous ones block the event loop, as they do when Jupyter calls them: they
        keep signatures in an SQLite connection that only the thread that made it may use.
        """
        result = getattr(self.manager, method)(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def about(self, path: str) -> Raw:
        """Return the contents model of the notebook at `path`, without its content.

        Raises:
            ToolError: ``not_found``, or ``invalid_arguments`` for what is no notebook.
        """
        return await self._get(path, content=False)

    def lock(self, path: str) -> asyncio.Lock:
        """Return the lock that this process's writers of `path` take turns with."""
        lock = self._locks.get(path)
        if lock is None:
            lock = self._locks[path] = asyncio.Lock()
        return lock

    async def read(self, path: str) -> Snapshot:
        """Return the notebook at `path`, from memory when the file is still the same.

        Raises:
            ToolError: As `about`, and ``invalid_notebook`` for a broken file.
        """
        known = await self._known(path)
        if known is not None:
            return known
        async with self.lock(path):  # not while one of us writes: a save is no single step
            return await self._read(path)

    async def _known(self, path: str) -> Snapshot | None:
        known = self._cache.get(path)
        return known if known and known.stamp == _stamp(await self.about(path)) else None

    async def _read(self, path: str) -> Snapshot:
        model = await self._whole(path)
        content = model["content"]
        cells = tuple(read_cells(content["cells"], int(content.get("nbformat_minor", 0))))
        snapshot = Snapshot(content, cells, _stamp(model), model.get("hash"))
        self._remember(path, snapshot, model)
        return snapshot

    async def unchanged(self, path: str, snapshot: Snapshot) -> bool:
        """Whether the file still is what `snapshot` was read from."""
        model = await self._get(path, content=False, digest=self._hashes)
        if snapshot.digest is not None:
            return bool(model.get("hash") == snapshot.digest)
        return _stamp(model) == snapshot.stamp

    async def write(self, path: str, content: Raw) -> None:
        """Save `content` as the notebook at `path`; the contents manager signs it if trusted."""
        model = {"type": "notebook", "format": "json", "content": content}
        try:
            await self.call("save", model, path)
        except HTTPError as error:
            raise refused(path, error) from None
        finally:
            self._cache.pop(path, None)

    async def change(self, path: str, change: Callable[[Raw, Sequence[Cell]], None]) -> None:
        """Read the notebook, let `change` alter a copy, and write it if nothing came between.

        Raises:
            ToolError: ``conflict`` when the file keeps changing.
            StaleError: What `change` raises is passed on.
        """
        async with self.lock(path):
            for _ in range(ATTEMPTS):
                snapshot = await self._known(path) or await self._read(path)
                content = _copied(snapshot.content)
                change(content, snapshot.cells)
                if await self.unchanged(path, snapshot):
                    await self.write(path, content)
                    return
                self._cache.pop(path, None)
        raise ToolError(
            "conflict",
            f"'{path}' is being changed by somebody else all the time.",
            "Try again in a moment.",
        )

    async def _whole(self, path: str) -> Raw:
        """Read the file, again where another program may be in the middle of writing it."""
        for seconds in HALF_WRITTEN_SECONDS:
            try:
                return await self._get(path, content=True, digest=self._hashes)
            except ToolError as error:
                if error.code != "invalid_notebook":
                    raise
            await asyncio.sleep(seconds)
        return await self._get(path, content=True, digest=self._hashes)

    async def _get(self, path: str, *, content: bool, digest: bool = False) -> Raw:
        extra = {"require_hash": True} if digest else {}
        try:
            model: Raw = await self.call("get", path, content=content, type="notebook", **extra)
        except HTTPError as error:
            if error.status_code == 404 and self._missing is not None:  # noqa: PLR2004 - HTTP's
                self._missing(path)
            raise refused(path, error) from None
        return model

    def _remember(self, path: str, snapshot: Snapshot, model: Raw) -> None:
        if (model.get("size") or 0) > CACHED_BYTES or _just_written(model):
            return
        self._cache[path] = snapshot
        self._cache.move_to_end(path)
        while len(self._cache) > CACHED_NOTEBOOKS:
            self._cache.popitem(last=False)


def _stamp(model: Mapping[str, Any]) -> tuple[Any, ...]:
    return (model.get("last_modified"), model.get("size"))


def _just_written(model: Mapping[str, Any]) -> bool:
    """Whether a second write could still get the same time stamp (git's "racily clean" files)."""
    written = model.get("last_modified")
    if not isinstance(written, datetime):
        return True
    tick = 0.05 if written.microsecond else 2.0
    return abs((datetime.now(UTC) - written).total_seconds()) < tick


def _copied(content: Raw) -> Raw:
    """Copy what edits may alter; outputs are shared, because they are only ever replaced."""
    cells = [dict(cell) | {"metadata": dict(cell["metadata"])} for cell in content["cells"]]
    return dict(content) | {"cells": cells}


def refused(path: str, error: HTTPError) -> ToolError:
    """Say what the contents manager said, without the server's own paths in it."""
    status, text = error.status_code, error.log_message or ""
    if status == 404:  # noqa: PLR2004 - HTTP's own number
        return not_found(path)
    if "is a directory" in text:
        return ToolError(
            "invalid_arguments",
            f"'{path}' is a folder, not a notebook.",
            "Call notebook_list with this path to see the notebooks in it.",
        )
    if status == 403:  # noqa: PLR2004 - HTTP's own number
        return ToolError(
            "forbidden", f"The server may not read or write '{path}'.", "Check its permissions."
        )
    if status == 400:  # noqa: PLR2004 - HTTP's own number
        return ToolError(
            "invalid_notebook",
            f"'{path}' is not a readable notebook.",
            "Open it in a text editor and mend its JSON, or choose another file.",
        )
    return ToolError("unavailable", f"The server could not handle '{path}'.", "Try again.")


def not_found(path: str) -> ToolError:
    """Return the error of a missing notebook."""
    return ToolError(
        "not_found",
        f"There is no notebook '{path}'.",
        "Call notebook_list to see what there is, or notebook_create to make it.",
    )


class ContentsDocument:
    """A notebook on disk.

    Args:
        path: Its path below the server's root.
        store: What reads and writes it.
        trust: Whether outputs of agents' runs are trusted as the person's own are.
        late: Called with the document when outputs changed after their run.
    """

    def __init__(
        self,
        path: str,
        store: ContentsStore,
        *,
        trust: bool = False,
        late: Callable[[ContentsDocument], None] | None = None,
    ) -> None:
        self.path = path
        self._store = store
        self._trust = trust
        self._late = late
        self._writers: list[ContentsWriter] = []

    async def cells(self) -> list[Cell]:
        """Return the cells on disk."""
        return list((await self._store.read(self.path)).cells)

    async def metadata(self) -> dict[str, Any]:
        """Return a copy of the notebook's metadata."""
        return copy.deepcopy(dict((await self._store.read(self.path)).content["metadata"]))

    def idle_seconds(self, cell_id: str) -> float:
        """Nobody can be seen typing in a file."""
        del cell_id
        return math.inf

    async def apply(self, edits: Sequence[Edit], expect: Mapping[str, str] | None = None) -> None:
        """Write all edits to the file, guarded as `Document.apply` says."""

        def change(content: Raw, cells: Sequence[Cell]) -> None:
            check_expected(cells, expect or {})
            give_ids(content)
            edit_cells(content["cells"], edits)

        await self._store.change(self.path, change)

    async def writer(self, cell_id: str) -> ContentsWriter:
        """Return a writer that keeps the outputs until `save`."""
        index_of([cell.id for cell in await self.cells()], cell_id)
        writer = ContentsWriter(cell_id, self._changed_late)
        self._writers.append(writer)
        return writer

    async def save(self) -> None:
        """Put what the writers gathered into the file as it is by now."""
        pending = [writer for writer in self._writers if writer.dirty]
        if not pending:
            return

        def change(content: Raw, cells: Sequence[Cell]) -> None:
            del cells
            give_ids(content)
            by_id = {cell["id"]: cell for cell in content["cells"]}
            for writer in pending:
                writer.dirty = False  # before the file is written: what comes then is new
                writer.write_to(by_id.get(writer.cell_id), trusted=self._trust)

        try:
            await self._store.change(self.path, change)
        except BaseException:
            for writer in pending:
                writer.dirty = True
            raise

    def _changed_late(self) -> None:
        if self._late is not None:
            self._late(self)


class ContentsBackend:
    """Opens notebooks on disk.

    Args:
        store: What reads and writes them.
        spawn: Starts a background task under a name; without it late changes are not saved.
        trust: Whether outputs of agents' runs are trusted as the person's own are.
    """

    def __init__(
        self, store: ContentsStore, spawn: Spawn | None = None, *, trust: bool = False
    ) -> None:
        self._store = store
        self._spawn = spawn
        self._trust = trust
        self._late: set[ContentsDocument] = set()

    async def open(self, path: str) -> ContentsDocument:
        """Return the notebook on disk.

        Raises:
            ToolError: As `ContentsStore.about`.
        """
        await self._store.about(path)
        return ContentsDocument(path, self._store, trust=self._trust, late=self._later)

    async def stop(self) -> None:
        """Save what changed late."""
        for document in list(self._late):
            await self._save(document)

    def _later(self, document: ContentsDocument) -> None:
        if self._spawn is not None and document not in self._late:
            self._late.add(document)
            self._spawn(f"late outputs of {document.path}", self._save_soon(document))

    async def _save_soon(self, document: ContentsDocument) -> None:
        await asyncio.sleep(LATE_SECONDS)
        await self._save(document)

    async def _save(self, document: ContentsDocument) -> None:
        self._late.discard(document)
        try:
            await document.save()
        except ToolError as error:
            _log.warning("A display that changed after its run was not saved: %s", error)


def check_expected(cells: Sequence[Cell], expect: Mapping[str, str]) -> None:
    """Make sure that the cells an edit was computed from are still the same.

    Raises:
        StaleError: If one is gone or changed.
    """
    if not expect:
        return
    now = {cell.id: cell for cell in cells}
    for cell_id, revision in expect.items():
        if cell_id not in now or now[cell_id].revision != revision:
            raise StaleError(cell_id)
