"""Keeps the documentation of the installed packages searchable, from its first use on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.model import Progress
from jupyter_mcp.toolsets.search.keeping import PATIENCE
from jupyter_mcp.toolsets.search.query import Hit, Query
from jupyter_mcp.toolsets.search.workers import Workers

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.chunk import Chunk
    from jupyter_mcp.toolsets.search.ranking.rank import Ranked
    from jupyter_mcp.toolsets.search.scopes.docs import DocsScope

NAME = "packages"
"""What `index_drop` calls it."""

AGAIN_SECONDS = 300.0
"""After how long it is looked for packages that came or went, when somebody asks."""

NAMED_PATIENCE = 4.0
"""Seconds that an answer waits for the package that its question names: large ones take two."""


class PackageDocs:
    """The documentation of the packages of this server's Python.

    Args:
        state: Where it is kept.
        workers: Who does the work.
        paths: Where packages are; ``sys.path`` for None.
    """

    def __init__(self, state: Path, workers: Workers, paths: Sequence[str] | None = None) -> None:
        self._state = state
        self._workers = workers
        self._paths = paths
        self._scope: DocsScope | None = None
        self._opening = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._progress: Progress | None = None
        self._problem: ToolError | None = None
        self._read = float("-inf")
        self._news = asyncio.Event()
        self._stopping = threading.Event()

    @property
    def notes(self) -> list[str]:
        """What to say beside hits."""
        if self._problem is not None:
            return [str(self._problem)]
        if self._progress is None:
            return []
        done, total = self._progress.done, self._progress.total
        if not done:
            return ["Packages' documentation begins to be read; ask again in a moment."]
        of = "" if total is None else f" of {total:,}"
        return [f"Reading packages' documentation: {done:,}{of} so far; ask again for more."]

    async def search(self, query: Query) -> list[Hit]:
        """Return what fits best in what has been read by now."""
        scope = await self._opened()
        scope.prefer(query)
        self._begin(scope)
        await self._patient(scope, query)
        found = await self._workers.quick.run(scope.search, query)
        return await self._workers.quick.run(
            lambda: [_hit(query.text, chunk, one) for chunk, one in found]
        )

    async def holds(self, path: str) -> bool:
        """Tell whether there is documentation of a module's path, or of a glob."""
        return await self._workers.quick.run((await self._opened()).holds, path)

    async def drop(self) -> None:
        """End what reads and forget all of it; the next search begins anew."""
        await self._end()
        scope = await self._opened()
        await self._workers.slow.run(scope.drop)
        self._problem, self._read = None, float("-inf")
        self._stopping.clear()

    async def stop(self) -> None:
        """End what reads, and let go of the database."""
        await self._end()
        if self._scope is not None:
            await self._workers.slow.run(self._scope.close)

    async def _end(self) -> None:
        self._stopping.set()
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=5)

    async def _patient(self, scope: DocsScope, query: Query) -> None:
        """Wait until all is read or a moment is over; for what is named, a little longer."""
        reading = self._reading
        if reading is None or reading.done():
            return
        await asyncio.wait({reading}, timeout=PATIENCE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NAMED_PATIENCE - PATIENCE):
                while not reading.done() and scope.lacks(query):
                    self._news.clear()
                    await self._news.wait()

    async def _opened(self) -> DocsScope:
        async with self._opening:
            if self._scope is None:
                self._scope = await self._workers.quick.run(self._make)
            return self._scope

    def _make(self) -> DocsScope:
        from jupyter_mcp.toolsets.search.scopes.docs import DocsScope

        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return DocsScope(self._state, sys.path if self._paths is None else self._paths)

    def _begin(self, scope: DocsScope) -> None:
        if self._stopping.is_set() or time.monotonic() - self._read < AGAIN_SECONDS:
            return
        if self._reading is None or self._reading.done():
            self._read = time.monotonic()
            self._reading = self._workers.spawn("documentation of packages", self._update(scope))

    async def _update(self, scope: DocsScope) -> None:
        loop = asyncio.get_running_loop()
        self._progress = Progress("reading", 0)

        def tell(progress: Progress) -> None:
            self._progress = progress
            loop.call_soon_threadsafe(self._news.set)

        try:
            await self._workers.slow.run(scope.update, tell, self._stopping.is_set)
        except ToolError as error:
            self._problem = error
        else:
            self._problem = None
        finally:
            self._progress = None
            self._news.set()


def _hit(text: str, chunk: Chunk, one: Ranked) -> Hit:
    from jupyter_mcp.toolsets.search.ranking.snippet import snippet

    return Hit(
        id=f"{chunk.path}:{chunk.line}",
        path=chunk.path,
        line=chunk.line,
        end_line=chunk.end_line,
        score=round(one.score, 4),
        snippet=snippet(text, replace(chunk, line=1)).text,
        symbol=chunk.symbol,
        language=chunk.language,
        kind="docs",
        parts={name: round(value, 4) for name, value in one.parts.items()},
    )
