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
    from jupyter_mcp.toolsets.search.scopes.docs import DocsScope

AGAIN_SECONDS = 300.0
"""After how long it is looked for packages that came or went, when somebody asks."""


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
        self._stopping = threading.Event()

    @property
    def notes(self) -> list[str]:
        """What to say beside hits."""
        if self._problem is not None:
            return [str(self._problem)]
        if self._progress is None:
            return []
        done, total = self._progress.done, self._progress.total
        of = "" if total is None else f" of {total:,}"
        return [f"Reading packages' documentation: {done:,}{of} so far; ask again for more."]

    async def search(self, query: Query) -> list[Hit]:
        """Return what fits best in what has been read by now."""
        scope = await self._opened()
        self._begin(scope)
        if self._reading is not None and not self._reading.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await asyncio.shield(self._reading)
        found = await self._workers.quick.run(scope.search, query)
        most = max((score for _, score in found), default=0.0) or 1.0
        return await self._workers.quick.run(
            lambda: [_hit(query.text, chunk, score / most) for chunk, score in found]
        )

    async def stop(self) -> None:
        """End what reads, and let go of the database."""
        self._stopping.set()
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=5)
        if self._scope is not None:
            await self._workers.slow.run(self._scope.close)

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
        def tell(progress: Progress) -> None:
            self._progress = progress

        try:
            await self._workers.slow.run(scope.update, tell, self._stopping.is_set)
        except ToolError as error:
            self._problem = error
        else:
            self._problem = None
        finally:
            self._progress = None


def _hit(text: str, chunk: Chunk, score: float) -> Hit:
    from jupyter_mcp.toolsets.search.ranking.snippet import snippet

    return Hit(
        id=f"{chunk.path}:{chunk.line}",
        path=chunk.path,
        line=chunk.line,
        end_line=chunk.end_line,
        score=round(score, 4),
        snippet=snippet(text, replace(chunk, line=1)).text,
        symbol=chunk.symbol,
        language=chunk.language,
        kind="docs",
        parts={"lexical": round(score, 4)},
    )
