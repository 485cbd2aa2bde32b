"""Finds what installed packages document: `in:docs`.

The documentation is read without importing anything, kept by package and version in a database of
its own, and read again only for packages that came or changed. What is read can be searched while
the rest is still being read; packages that somebody asked for come first.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.index.model import Progress, Report
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError, OtherVersionError
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from jupyter_mcp.toolsets.search.lexical.words import columns
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.scopes.distributions import Distribution, distributions

MOST = 1500
"""Pieces of documentation of one package."""

_NAME = "docs.db"

_EMPTY = "empty"
"""The note of the packages in which nothing is documented."""

_PROGRAM = str(Path(__file__).with_name("docstrings.py"))


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

    def search(self, query: Query) -> list[tuple[Chunk, float]]:
        """Return the pieces of documentation that fit best, with their score.

        Raises:
            ToolError: ``invalid_arguments`` for a pattern that is none, ``timeout`` for one that
                takes too long.
        """
        store = self._store()
        wanted = Filter(path=query.path, language=query.language)
        if query.mode in {"regex", "literal"}:
            scanned = store.scan(query.text, query.limit, wanted, is_regex=query.mode == "regex")
            found = [(match.chunk, 1.0) for match in scanned.matches]
        else:
            found = store.search(query.text, query.limit, wanted)
        chunks = store.chunks([number for number, _ in found])
        return [(chunks[number], score) for number, score in found if number in chunks]

    def close(self) -> None:
        """Let go of the database."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

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
        written = done = 0
        if new:
            with _reader() as read:
                for each in new:
                    if is_cancelled():
                        break
                    written += _keep(store, each, read(each))
                    done += 1
                    progress(Progress("reading", done, len(new), each.key))
        changed = sum(each.name in names for each in new[:done])
        return Report(
            added=done - changed,
            changed=changed,
            removed=len(removed) - changed,
            chunks=written,
            seconds=time.monotonic() - started,
            is_cancelled=done < len(new),
        )

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
        except BaseException:
            store.close()
            raise
    except (CorruptStoreError, OtherVersionError):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return LexicalStore(path)
    return store


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


@contextmanager
def _reader() -> Iterator[Callable[[Distribution], list[Any]]]:
    """Start what reads the files; return what reads those of one package."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-S", "-W", "ignore", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        stdin, stdout = process.stdin, process.stdout

        def read(each: Distribution) -> list[Any]:
            asked = {"folder": str(each.folder), "files": each.modules(), "most": MOST}
            stdin.write(json.dumps(asked).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()
            return json.loads(line) if line else []

        try:
            yield read
        finally:
            process.kill()
