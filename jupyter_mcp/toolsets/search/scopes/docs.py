"""Finds what installed packages document: `in:docs`.

The documentation is read without importing anything, kept by package and version in a database of
its own, and read again only for packages that came or changed. What is read can be searched while
the rest is still being read; packages that a question names come first, then those that somebody
asked the installer for.
"""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.index.model import Progress, Report
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError, OtherVersionError
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces
from jupyter_mcp.toolsets.search.lexical.scan import LATE
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from jupyter_mcp.toolsets.search.lexical.words import columns
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.ranking.rank import Ranked
from jupyter_mcp.toolsets.search.ranking.stages import joined
from jupyter_mcp.toolsets.search.scopes.distributions import Distribution, distributions
from jupyter_mcp.toolsets.search.scopes.docs_ranking import DEPTH, by_words, rank
from jupyter_mcp.toolsets.search.scopes.readers import Readers
from jupyter_mcp.toolsets.search.scopes.reading_order import ReadingOrder, names_in

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Embedder

_NAME = "docs.db"

_EMPTY = "empty"
"""The note of the packages in which nothing is documented."""

_READING = ("reading", "2")
"""The note of how packages were read: what was read otherwise is read again."""

_DEEPER = 600
"""So many are ranked for later pages: more than can be paged through."""

_LOOK_SECONDS = 0.1
"""How often somebody may end it."""


class DocsScope:
    """The documentation of the packages of one Python environment.

    Methods block and may be called in any thread; an update waits for the one before it.

    Args:
        state: The folder of its database.
        paths: Where the environment's packages are: its ``sys.path``.
    """

    def __init__(self, state: Path, paths: Sequence[str]) -> None:
        self._state = state
        self._paths = paths
        self._opened: LexicalStore | None = None
        self._order: ReadingOrder | None = None
        self._wanted: frozenset[str] = frozenset()
        self._opening = threading.Lock()
        self._updating = threading.Lock()

    def update(
        self,
        progress: Callable[[Progress], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> Report:
        """Read the packages that came or changed and forget those that went.

        Raises:
            ToolError: ``unavailable`` when the database cannot be written.
        """
        with self._updating:
            return self._update(progress or (lambda _: None), is_cancelled or (lambda: False))

    def prefer(self, query: Query) -> None:
        """Read first what a question names, in the update that goes on or in the next."""
        self._wanted = names_in(query)
        if self._order is not None:
            self._order.wanted = self._wanted

    def lacks(self, query: Query) -> bool:
        """Tell whether an update goes on that has still to read what a question names."""
        order = self._order
        return order is not None and order.lacks(names_in(query))

    def holds(self, path: str) -> bool:
        """Tell whether documentation of a path, or of a glob, is there."""
        return any(map(Filter(path).fits, self._store().files()))

    def search(self, query: Query) -> list[tuple[Chunk, Ranked]]:
        """Return the pieces of documentation that fit best, and how well.

        Raises:
            ToolError: ``invalid_arguments`` for a pattern that is none, ``timeout`` for one that
                takes too long.
        """
        store = self._store()
        wanted = Filter(path=query.path, language=query.language)
        if query.mode in {"regex", "literal"}:
            is_regex = query.mode == "regex"
            scanned = store.scan(
                query.text, query.limit, wanted, is_regex=is_regex, is_of_chunks=True
            )
            if scanned.is_late and query.tell:
                query.tell(LATE)
            found = [Ranked(match.chunk, 1.0, {"lexical": 1.0}) for match in scanned.matches]
        else:
            found = list(islice(joined(self._stages(query, wanted)), query.limit))
        chunks = store.chunks([one.id for one in found])
        return [(chunks[one.id], one) for one in found if one.id in chunks]

    def drop(self) -> None:
        """Forget all of it, also on the disk. Not while an update goes on."""
        with self._updating:
            self.close()
            _remove(self._state / _NAME)

    def close(self) -> None:
        """Let go of the database."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @cached_property
    def _embedder(self) -> Embedder | None:
        """What tells the meaning of words, where its library is there."""
        if importlib.util.find_spec("numpy") is None:
            return None
        from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder

        return StaticEmbedder()

    def _stages(self, query: Query, wanted: Filter) -> Iterator[list[Ranked]]:
        """Yield what is ranked for the first pages, and then what is for later ones."""
        store = self._store()
        for depth in (DEPTH, max(_DEEPER, query.limit)):
            scored = store.search(query.text, depth, wanted)
            if query.mode == "lexical":
                yield by_words(scored)
            else:
                chunks = store.chunks([number for number, _ in scored])
                yield rank(query, scored, chunks, self._embedder)
            if len(scored) < depth:
                return  # that is all

    def _update(
        self, progress: Callable[[Progress], None], is_cancelled: Callable[[], bool]
    ) -> Report:
        started = time.monotonic()
        store = self._store()
        known = _known(store)
        there = distributions(self._paths)
        new = [each for each in there if each.key not in known]
        removed = known.keys() - {each.key for each in there}
        if removed:
            store.remove([path for key in removed for path in known[key]])
        names = {key.partition("-")[0] for key in removed}
        written, done = 0, []
        for each, pieces in self._read(new, is_cancelled):
            written += pieces
            done.append(each)
            progress(Progress("reading", len(done), len(new), each.key))
        changed = sum(each.name in names for each in done)
        return Report(
            added=len(done) - changed,
            changed=changed,
            removed=len(removed) - changed,
            chunks=written,
            seconds=time.monotonic() - started,
            is_cancelled=len(done) < len(new),
        )

    def _read(
        self, new: Sequence[Distribution], is_cancelled: Callable[[], bool]
    ) -> Iterator[tuple[Distribution, int]]:
        """Read packages and keep them; yield each with how many pieces it has."""
        if not new:
            return
        store = self._store()
        order = self._order = ReadingOrder(new, self._wanted)
        going: dict[Future[list[Any]], Distribution] = {}
        try:
            with Readers() as readers:
                while not is_cancelled():
                    while len(going) <= readers.count and (each := order.next()):
                        going[readers.begin(each)] = each
                    if not going:
                        return
                    ready, _ = wait(going, _LOOK_SECONDS, FIRST_COMPLETED)
                    for future in ready:
                        if is_cancelled():
                            return
                        each = going.pop(future)
                        pieces = _keep(store, each, future.result())
                        order.done(each)
                        yield each, pieces
        finally:
            self._order = None

    def _store(self) -> LexicalStore:
        with self._opening:
            if self._opened is None:
                self._opened = _open(self._state / _NAME)
            return self._opened


def _open(path: Path) -> LexicalStore:
    """Open the database, or a new one where it cannot be read: it is only a copy."""
    try:
        store = LexicalStore(path)
        try:
            store.check()
            _see(store)
        except BaseException:
            store.close()
            raise
    except (CorruptStoreError, OtherVersionError):
        _remove(path)
        store = LexicalStore(path)
        store.set(*_READING)
    return store


def _see(store: LexicalStore) -> None:
    """See that packages were read as they are now; note it in a database that is new.

    Raises:
        OtherVersionError: They were not.
    """
    name, value = _READING
    if store.get(name) == value:
        return
    if _known(store):
        raise OtherVersionError(store.path, store.get(name), value)
    store.set(name, value)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _known(store: LexicalStore) -> dict[str, list[str]]:
    """Return the files of each package that has been read, by its key."""
    known: dict[str, list[str]] = {key: [] for key in json.loads(store.get(_EMPTY, "[]"))}
    for file in store.files().values():
        known.setdefault(file.digest, []).append(file.path)
    return known


def _keep(store: LexicalStore, each: Distribution, read: Sequence[Any]) -> int:
    """Write what was read of a package, all or nothing."""
    files = [_pieces(each, path, items) for path, items in read if items]
    if not files:
        empty = {*json.loads(store.get(_EMPTY, "[]")), each.key}
        store.set(_EMPTY, json.dumps(sorted(empty)))
    return store.replace(files).written


def _pieces(each: Distribution, path: str, items: Sequence[Sequence[Any]]) -> FilePieces:
    chunks = [
        Chunk(
            path=path,
            kind="docs",
            language="python",
            line=line,
            end_line=end_line,
            text=text,
            symbol=symbol,
            extra=each.key,
            ordinal=ordinal,
        )
        for ordinal, (symbol, line, end_line, text) in enumerate(items)
    ]
    size = sum(len(chunk.text) for chunk in chunks)
    return FilePieces(path, size, 0, each.key, [(chunk, columns(chunk)) for chunk in chunks])
