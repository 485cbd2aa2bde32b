"""What the index knows of each file, in memory: searches and updates ask for it all the time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces, FileState
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore


class KnownFiles:
    """The states of the files in a store. Thread-safe; a mapping once given never changes.

    Args:
        store: Where they are kept.
        is_shared: Whether another process writes there.
    """

    def __init__(self, store: LexicalStore, *, is_shared: bool) -> None:
        self._store, self._is_shared = store, is_shared
        self._lock = threading.Lock()
        self._files: Mapping[str, FileState] | None = None
        self._stamp: object = None

    def all(self) -> Mapping[str, FileState]:
        """Return all of them by path.

        Whoever compares them with pieces must ask for the files first: an older state only makes
        it look at a file needlessly, a newer one would let a stale piece pass.
        """
        with self._lock:
            stamp = self._written() if self._is_shared else None
            if self._files is None or stamp != self._stamp:
                self._files, self._stamp = MappingProxyType(self._store.files()), stamp
            return self._files

    def put(self, files: Iterable[FilePieces]) -> None:
        """Take what was written into the store."""
        with self._lock:
            if self._files is not None:
                before = self._files
                now = {file.path: _state(file, before.get(file.path)) for file in files}
                self._files = MappingProxyType(dict(before) | now)

    def remove(self, paths: Iterable[str]) -> None:
        """Forget what was removed from the store."""
        with self._lock:
            if self._files is not None:
                gone = set(paths)
                self._files = MappingProxyType(
                    {path: state for path, state in self._files.items() if path not in gone}
                )

    def _written(self) -> object:
        """Return what differs when another process has written."""
        stamps: list[object] = []
        for end in ("", "-wal"):
            try:
                found = Path(f"{self._store.path}{end}").stat()
                stamps.append((found.st_size, found.st_mtime_ns, found.st_ino))
            except OSError:
                stamps.append(None)
        return tuple(stamps)


def _state(file: FilePieces, before: FileState | None) -> FileState:
    """Return the state of a file; one that was only touched comes without its pieces."""
    chunks, error = len(file.pieces), file.error
    if not chunks and before is not None and before.digest == file.digest:
        chunks, error = before.chunks, error or before.error
    return FileState(file.path, file.size, file.mtime_ns, file.digest, chunks, error)
