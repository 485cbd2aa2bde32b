"""Keeps the index of one source up to date from its first use on, and answers meanwhile.

The index blocks, so it is worked on in threads: those of the server for questions, and a few of
search's own for what takes long, so that no other tool waits for an index. Its tasks belong to the
server's supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.index.model import Options, Progress, Report, Status
from jupyter_mcp.toolsets.search.place import Place
from jupyter_mcp.toolsets.search.query import Hit, Query
from jupyter_mcp.toolsets.search.sources import Source
from jupyter_mcp.toolsets.search.whole_updates import WholeUpdates
from jupyter_mcp.toolsets.search.workers import Workers

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.index.index import Index
    from jupyter_mcp.toolsets.search.index.watching import Watcher

PATIENCE = 0.8
"""Seconds that a first answer waits for the index; small projects are whole by then."""

AGAIN_SECONDS = 20.0
"""After how long it is looked again whether another process has let go of the index."""

EMBED_SECONDS = (40.0, 600.0)
"""After how long vectors are tried again that could not be made: at first, and at most."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


MakeOptions = Callable[[Source], Coroutine[Any, Any, Options]]


class Keeper:
    """One source: its index, what keeps it up to date, and how far that is.

    Args:
        source: The source.
        options: Makes the options of its index.
        workers: Who does the work.
    """

    def __init__(self, source: Source, options: MakeOptions, workers: Workers) -> None:
        self.source = source
        self.notes: Sequence[str] = ()
        self.problem: ToolError | None = None
        self._options = options
        self._workers = workers
        self._index: Index | None = None
        self._watcher: Watcher | None = None
        self._opening = asyncio.Lock()
        self._keeping: asyncio.Task[Any] | None = None
        self._mending: asyncio.Task[Any] | None = None
        self._embedding: Progress | None = None
        self._meaning = asyncio.Lock()
        self._looked = asyncio.Event()
        self._wake = asyncio.Event()
        self._began = 0.0
        self._embeds_again: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._whole = WholeUpdates(
            f"look at {source.name}", self._update_whole, workers.spawn, self._stopping.is_set
        )
        self._holding = threading.Lock()

    @property
    def is_begun(self) -> bool:
        """Whether anybody has asked for it since the server started."""
        return self._keeping is not None

    @property
    def is_cut(self) -> bool:
        """Whether the last look at all of it was ended before it was done."""
        return self._whole.is_cut and not self._whole.is_running

    @property
    def progress(self) -> Progress | None:
        """How far the update is that goes on; None while none does."""
        return self._whole.progress or self._embedding

    def begin(self) -> None:
        """Keep the index up to date from now on."""
        if self._stopping.is_set():
            raise ToolError("unavailable", "The server is stopping.", "Start it again.")
        self._loop = asyncio.get_running_loop()
        if self._keeping is None or self._keeping.done():
            self._looked.clear()
            self._began = time.monotonic()
            self._keeping = self._workers.spawn(f"index of {self.source.name}", self._keep())
        elif self.is_cut:
            self._wake.set()

    async def search(self, query: Query) -> list[Hit]:
        """Return the best hits of what is in the index by now."""
        return await self._asked(lambda index: index.search(query))

    async def similar(self, path: str, place: Place, limit: int) -> list[Hit]:
        """Return what is like a piece of a file, or like some of its lines."""
        at, end = (place.line, place.cell_id, limit), place.end_line
        return await self._asked(lambda index: index.similar(path, *at, end_line=end))

    async def piece(self, path: str, line: int | None, cell_id: str | None) -> Chunk | None:
        """Return the piece at a line or in a cell, as the file is now; None for none."""
        return await self._asked(lambda index: index.piece(path, line, cell_id))

    async def holds(self, fits: Callable[[str], bool]) -> bool:
        """Return whether a file that fits is in the index."""
        index = await self.index()
        files, _ = await self._workers.quick.run(index.counts, fits)
        return files > 0

    async def languages(self, path: str, allows: Callable[[str], bool] | None) -> dict[str, int]:
        """Return how many files there are of each language, below a path and that are allowed."""
        index = await self.index()
        return await self._workers.quick.run(index.languages, path, allows)

    async def put_notebook(self, path: str, content: Mapping[str, Any]) -> bool:
        """Take the contents of an open notebook.

        Returns:
            Whether that was possible.
        """
        index = await self.index()
        try:
            await self._workers.quick.run(index.put_notebook, path, content)
        except ToolError as error:
            return error.code == "busy"  # nobody has to try again: the owner does it
        self._wake.set()
        return True

    async def close_notebook(self, path: str) -> None:
        """Take the file of a notebook again that is open nowhere any more."""
        index = await self.index()
        with contextlib.suppress(ToolError):
            if self._whole.is_running:
                index.let_go(path)
            else:
                await self._workers.slow.run(index.close_notebook, path)

    async def update(self, paths: Sequence[str] | None = None) -> Report:
        """Read what changed and return when it can be found, by words and by meaning.

        Cancelling ends it, unless somebody else waits for the same.
        """
        self.begin()
        if paths is not None:
            report = await self._update_some(paths)
        else:
            report = await self._whole.join(counts=True)
        if not report.is_cancelled:
            await self._embed(await self.index())
        return report

    async def status(self, allows: Callable[[str], bool] | None = None) -> Status:
        """Return what is in the index and what is not.

        Args:
            allows: Says which files count, with all that is told of them; None for all.
        """
        index = await self.index()
        status = await self._workers.quick.run(index.status)
        self._mend(index)
        if allows is None:  # why changes come late may name a file
            note = self._watcher.note if self._watcher else ""
            return replace(status, notes=[*status.notes, note]) if note else status
        files, chunks = await self._workers.quick.run(index.counts, allows)
        problems = [each for each in status.problems if allows(each.path)]
        return Status(
            status.folder,
            files=files,
            chunks=chunks,
            problems=problems,
            problem_count=len(problems),
            embedders=status.embedders,
            notes=status.notes,
            is_owner=status.is_owner,
            updated=status.updated,
        )

    async def drop(self) -> None:
        """End what goes on and forget the index; the next use begins anew."""
        index = await self.index()
        await self._end()
        try:
            await self._workers.slow.run(index.drop)
        finally:  # another process may own it: this one goes on to read it
            self._stopping.clear()

    async def stop(self) -> None:
        """End all that was begun and let go of the index."""
        await self._end()
        async with self._opening:
            index, self._index = self._index, None
        if index is not None:
            await self._workers.slow.run(index.close)

    async def index(self) -> Index:
        """Return the index, opened at the first use."""
        async with self._opening:
            if self._index is None:
                if self._stopping.is_set():
                    raise ToolError("unavailable", "The server is stopping.", "Start it again.")
                options = await self._options(self.source)
                self._index = await self._workers.quick.run(_opened, self.source, options)
            return self._index

    async def _ready(self) -> Index:
        """Return the index when it is whole, or after a moment as far as it is."""
        self.begin()
        index = await self.index()
        rest = self._began + PATIENCE - time.monotonic()
        if rest > 0 and not self._looked.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._looked.wait()
        return index

    async def _asked(self, ask: Callable[[Index], T]) -> T:
        """Ask the index; what turns out to be damaged is told with the answer, and mended."""
        index = await self._ready()
        try:
            return await self._workers.quick.run(ask, index)
        finally:
            self._mend(index)
            if index.wants_update:
                await self._learn(index)

    async def _keep(self) -> None:
        index = await self.index()
        try:
            await asyncio.gather(self._watch(index), self._look(index))
            if not self._whole.is_cut:  # who ended it does not want it to begin again
                await self._look(index)  # what changed before the folder was being watched
            while True:
                self._wake.clear()
                await self._embed(index)
                await self._learn(index)
                await self._next(index)
        except ToolError as error:
            self.problem = error
            _log.warning("The index of '%s' is not kept up to date: %s", self.source.name, error)
        finally:
            self._looked.set()

    async def _next(self, index: Index) -> None:
        """Wait for something to do; look again where the last look was not the whole."""
        is_whole = self.problem is None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._embeds_again if is_whole else AGAIN_SECONDS):
                await self._wake.wait()
        if self._whole.is_cut or index.wants_update or not is_whole:
            await self._look(index)

    async def _look(self, index: Index) -> None:
        try:
            await self._whole.join(counts=False)
        except ToolError as error:
            self.problem = error
        else:
            self.problem = None
        finally:
            await self._learn(index)
            self._looked.set()

    async def _watch(self, index: Index) -> None:
        try:
            await self._workers.slow.run(self._start_watching, index)
        except (ImportError, ToolError) as error:
            self.notes = (f"Changes are not noticed by themselves ({error}): use index_update.",)

    def _start_watching(self, index: Index) -> None:
        from jupyter_mcp.toolsets.search.index.watching import Watcher

        if self._watcher is not None or self._stopping.is_set():
            return
        watcher = Watcher(index, self._on_change)
        with self._holding:
            if not self._stopping.is_set():
                self._watcher = watcher
                return
        watcher.close()

    def _mend(self, index: Index) -> None:
        """Make again what turned out to be damaged, read what is another file than it was."""
        if index.wants_vectors or (index.wants_update and self.problem is None):
            self._wake.set()
        paths = index.pending
        if not paths or self._whole.is_running or self._mending is not None:
            return

        async def mend() -> None:
            try:
                with contextlib.suppress(ToolError):
                    await self._update_some(paths)
            finally:
                self._mending = None

        self._mending = self._workers.spawn(f"changes of {self.source.name}", mend())

    def _on_change(self, _report: Report) -> None:
        """Wake the task that gives vectors; called in the watcher's thread."""
        loop = self._loop
        if loop is not None and not self._stopping.is_set():
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._wake.set)

    async def _update_whole(
        self, tell: Callable[[Progress], None], is_over: Callable[[], bool]
    ) -> Report:
        index = await self.index()
        report: Report = await self._workers.slow.run(index.update, None, tell, is_over)
        return report

    async def _update_some(self, paths: Sequence[str]) -> Report:
        over = threading.Event()
        index = await self.index()

        def is_over() -> bool:
            return over.is_set() or self._stopping.is_set()

        try:
            return await self._workers.slow.run(index.update, paths, None, is_over)
        except asyncio.CancelledError:
            over.set()
            raise

    async def _embed(self, index: Index) -> None:
        """Give vectors to what has none; what stands in the way is in the index's notes."""
        over = threading.Event()

        def tell(progress: Progress) -> None:
            self._embedding = progress

        def is_over() -> bool:
            return over.is_set() or self._stopping.is_set()

        async with self._meaning:
            try:
                await self._workers.slow.run(index.embed, tell, is_over)
                self._embeds_again = self._later() if index.lacks_embedder else None
            except ToolError as error:
                self._embeds_again = self._later()
                _log.info("No vectors for '%s': %s", self.source.name, error)
            finally:
                over.set()
                self._embedding = None

    def _later(self) -> float:
        """Return after how long vectors are tried again, longer each time."""
        first, most = EMBED_SECONDS
        return min(2 * (self._embeds_again or first / 2), most)

    async def _learn(self, index: Index) -> None:
        """Keep what answers should say of the index."""
        with contextlib.suppress(ToolError):
            self.notes = (await self._workers.quick.run(index.status)).notes

    async def _end(self) -> None:
        """End tasks, threads and the watcher, quickly."""
        with self._holding:
            self._stopping.set()
            watcher, self._watcher = self._watcher, None
        if watcher is not None:
            await self._workers.slow.run(watcher.close)
        tasks = [self._keeping, self._mending, self._whole.task]
        if self._keeping is not None:
            self._keeping.cancel()
        if left := [task for task in tasks if task is not None and not task.done()]:
            await asyncio.wait(left, timeout=5)
        self._keeping = None
        self._looked.clear()


def _opened(source: Source, options: Options) -> Index:
    from jupyter_mcp.toolsets.search.index.index import Index

    return Index(source.folder, source.state, options)
