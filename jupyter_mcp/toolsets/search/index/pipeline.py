"""The way of changed files into the index: prepared in processes, written by a thread.

The caller's thread takes what the processes have prepared and hands it on in batches; a second
one writes words, which SQLite does without Python's lock; a third one (`Meaning`) writes vectors.
A few files take none of that: they are prepared and written where the caller is.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_mcp.toolsets.search.chunking.prepare import Prepared
from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

BATCH = 400
"""Pieces that are written at once: about 50 ms, after which a cancel or a crash finds a commit."""

_WAITING = 4
_UNSETTLED = 100_000_000
"""A file that was changed so shortly (ns) before it was read may be changed again unnoticed."""


@dataclass(frozen=True)
class Written:
    """A batch as it goes into the stores.

    Args:
        files: Files with their pieces.
        touched: Files whose content is what the index has already.
        vectors: What was made of the pieces, by the piece's digest.
    """

    files: list[FilePieces]
    touched: list[FilePieces]
    vectors: dict[str, Vectors]


class Writer:
    """Writes batches one after the other in a thread.

    Args:
        write: Writes one.
    """

    def __init__(self, write: Callable[[Written], object]) -> None:
        self._write = write
        self._queue: queue.Queue[Written | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._is_dropped = False
        self._thread = threading.Thread(
            target=self._run, name="jupyter-mcp-search-words", daemon=True
        )
        self._thread.start()

    def put(self, batch: Written) -> None:
        """Write a batch before long; wait while there are many.

        Raises:
            ToolError: An earlier one could not be written.
        """
        self._raise()
        self._queue.put(batch)

    def close(self, *, drops: bool = False) -> None:
        """Wait until all is written, or throw away what is not begun."""
        self._is_dropped = drops
        self._queue.put(None)
        self._thread.join()
        if not drops:
            self._raise()

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            if self._error is None and not self._is_dropped:
                try:
                    self._write(batch)
                except BaseException as error:  # noqa: BLE001 - raised by `put` or `close`
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error


def batches(prepared: Iterable[Prepared], embedder: str) -> Iterator[Written]:
    """Put what was prepared together into batches.

    Args:
        prepared: Files.
        embedder: Vectors of another one are not used.
    """
    batch, size = Written([], [], {}), 0
    for one in prepared:
        file = _settled(one.file)
        (batch.touched if one.is_unchanged else batch.files).append(file)
        if one.embedder == embedder and (vectors := one.vectors()) is not None:
            digests = (piece.digest for piece, _ in file.pieces)
            batch.vectors.update(zip(digests, vectors, strict=True))
        size += len(file.pieces) + 1
        if size >= BATCH:
            yield batch
            batch, size = Written([], [], {}), 0
    if size:
        yield batch


def _settled(file: FilePieces) -> FilePieces:
    """Return a file so that it is looked at again if it may have changed unnoticed."""
    if time.time_ns() - file.mtime_ns < _UNSETTLED:
        return replace(file, mtime_ns=file.mtime_ns - 1)
    return file
