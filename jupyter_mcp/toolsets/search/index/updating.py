"""One update: from what differs to what was written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from jupyter_mcp.toolsets.search.chunking.pool import Pool
from jupyter_mcp.toolsets.search.chunking.prepare import Job, Prepared
from jupyter_mcp.toolsets.search.index.changes import Comparison, Differences
from jupyter_mcp.toolsets.search.index.documents import is_document, number_of
from jupyter_mcp.toolsets.search.index.live import vectors_of
from jupyter_mcp.toolsets.search.index.model import Options, Progress, Report
from jupyter_mcp.toolsets.search.index.pipeline import BATCH, Writer, Written, batches
from jupyter_mcp.toolsets.search.index.stores import Stores
from jupyter_mcp.toolsets.search.lexical.pieces import Changes, FilePieces, FileState
from jupyter_mcp.toolsets.search.walking.rules import Rules
from jupyter_mcp.toolsets.search.walking.walk import Found

FEW = 8
"""So many files are written where the caller is."""

_GONE = "gone"


class Update:
    """Brings an index into step with its folder, once.

    Args:
        rules: What is left out of the folder.
        options: How the index is kept.
        stores: Where it is written.
        pool: What prepares files.
        live: When the file of each notebook that is open somewhere was changed last; those that
            are newer on the disk leave.
        progress: Is told how far it is.
        is_cancelled: Whether to end it.
    """

    def __init__(
        self,
        rules: Rules,
        options: Options,
        stores: Stores,
        pool: Pool,
        *,
        live: dict[str, int],
        progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._rules, self._options, self._stores, self._pool = rules, options, stores, pool
        self._live, self._progress, self._is_cancelled = live, progress, is_cancelled
        self._live_before = dict(live)
        self._known: Mapping[str, FileState] = {}
        self._added = self._changed = self._removed = self._chunks = 0
        self.left = 0
        """Files that are not done yet."""

    def run(self, paths: Sequence[str] | None, *, embed: bool) -> Report:
        """Read what is new or changed and forget what is gone; all of it, or some paths.

        Raises:
            ToolError: It cannot be written, or the folder is not there.
        """
        began = time.monotonic()
        self._known = self._stores.known.all()
        compare = Comparison(
            self._rules.folder, self._rules, self._known, self._live, self._options.most_files
        )
        self._progress(Progress("looking", 0))
        differences = compare.whole(self._is_cancelled) if paths is None else compare.some(paths)
        if differences is not None:
            self._take(differences, embed=embed)
            if paths is None and not self._is_cancelled():
                self._stores.words.set("skipped", json.dumps(differences.skipped))
                self._stores.words.set("updated", repr(time.time()))
            self._note_cut(differences, is_whole=paths is None)
        return Report(
            self._added,
            self._changed,
            self._removed,
            self._chunks,
            time.monotonic() - began,
            is_cancelled=self._is_cancelled(),
        )

    def _note_cut(self, differences: Differences, *, is_whole: bool) -> None:
        """Keep how many files there may be, where there are more: see `condition`."""
        words, before = self._stores.words, self._stores.words.get("cut")
        now = str(self._options.most_files) if differences.is_cut else ""
        if now != before and (now or (is_whole and not self._is_cancelled())):
            words.set("cut", now)

    def _take(self, differences: Differences, *, embed: bool) -> None:
        with ExitStack() as stack:
            if differences.found or differences.gone:
                for meaning in self._stores.meanings().values():
                    stack.enter_context(meaning.ledger.writing())
                    stack.enter_context(meaning.held())
            if differences.found:
                self._read(differences.found, embed=embed)
            # Last, so that what was only moved keeps its vectors.
            if differences.gone and not self._is_cancelled():
                self._forget(self._stores.words.remove(differences.gone), differences.gone)
        for meaning in self._stores.meanings().values():
            meaning.settle()

    def _read(self, found: Sequence[Found], *, embed: bool) -> None:
        static = self._stores.static if embed else None
        states = {one.path: one for one in found}
        self.left = len(found)
        jobs = list(self._jobs(found, is_embedded=static is not None))
        with closing(self._pool.run(jobs, self._is_cancelled)) as run:  # an error keeps no process
            prepared = self._told(self._stated(run, states))
            self._write_all(batches(prepared, static.embedder.name if static else ""), len(jobs))

    def _write_all(self, found: Iterable[Written], files: int) -> None:
        if files <= FEW:
            for batch in found:
                self.write(batch)
            return
        writer = Writer(self.write)
        is_done = False
        try:
            for batch in found:
                if self._is_cancelled():
                    break
                writer.put(batch)
            is_done = not self._is_cancelled()
        finally:
            writer.close(drops=not is_done)

    def _jobs(self, found: Sequence[Found], *, is_embedded: bool) -> Iterator[Job]:
        words_only = 0 if self._known else self._options.words_first
        for one in found:
            words_only -= one.size
            yield self._job(one, is_embedded=is_embedded and words_only <= 0)

    def _job(self, found: Found, *, is_embedded: bool) -> Job:
        known = self._known.get(found.path)
        digest = known.digest if known else ""
        return Job(
            str(self._rules.folder),
            found.path,
            found.size,
            self._options.file_bytes,
            digest,
            is_embedded,
        )

    @staticmethod
    def _stated(prepared: Iterable[Prepared], states: Mapping[str, Found]) -> Iterator[Prepared]:
        """Yield what was prepared, unreadable files with the size and time that were found."""
        for one in prepared:
            if one.file.mtime_ns:
                yield one
            else:
                state = states[one.file.path]
                size, mtime_ns = state.size, state.mtime_ns
                yield replace(one, file=replace(one.file, size=size, mtime_ns=mtime_ns))

    def _told(self, prepared: Iterable[Prepared]) -> Iterator[Prepared]:
        total = self.left
        for one in prepared:
            self.left -= 1
            self._progress(Progress("reading", total - self.left, total, one.file.path))
            yield one

    def put(self, batch: Written) -> int:
        """Write what is open somewhere; return how many pieces were new.

        Another update may run meanwhile: see `_is_outlived`.
        """
        with ExitStack() as stack:
            for meaning in self._stores.meanings().values():
                stack.enter_context(meaning.ledger.writing())
            stack.enter_context(self._stores.writing)
            for file in batch.files:
                self._live.pop(file.path, None)
            chunks = self.write(batch)
            self._live.update((file.path, file.mtime_ns) for file in batch.files)
        return chunks

    def add_documents(self, files: Sequence[FilePieces]) -> None:
        """Write documents in the place of those with the same id."""
        self._known = self._stores.known.all()
        there = {number_of(path): path for path in self._known if is_document(path)}
        names = {there.get(number_of(file.path), file.path): file.path for file in files}
        if moved := [before for before, now in names.items() if before != now]:
            self._forget(self._stores.words.remove(moved), moved)
        with ExitStack() as stack:
            for meaning in self._stores.meanings().values():
                stack.enter_context(meaning.ledger.writing())
            for at in range(0, len(files), BATCH):
                if self._is_cancelled():
                    return
                some = list(files[at : at + BATCH])
                self.write(Written(some, [], vectors_of(self._stores, some)))

    def write(self, batch: Written) -> int:
        """Write a batch; return how many pieces were new.

        Words come first, so that a vector is never of nothing.
        """
        with self._stores.writing:
            current = [file for file in batch.files if not self._is_outlived(file)]
            touched = [file for file in batch.touched if not self._is_outlived(file)]
            files = [file for file in current if file.error != _GONE]
            gone = [file.path for file in current if file.error == _GONE]
            changes = self._stores.words.replace(files)
            self._stores.words.touch(touched)
            self._stores.known.put([*files, *touched])
            for file in files:
                self._live.pop(file.path, None)
        self._chunks += changes.written
        for file in files:
            known = self._known.get(file.path)
            self._added += known is None
            self._changed += known is not None and _differs(file, known)
        self._embed(changes, batch)
        self._forget(changes, ())
        if gone:
            self._forget(self._stores.words.remove(gone), gone)
        return changes.written

    def _is_outlived(self, file: FilePieces) -> bool:
        """Whether a notebook was opened or edited since this update began to look at files."""
        live = self._live.get(file.path)
        return live is not None and live != self._live_before.get(file.path)

    def _embed(self, changes: Changes, batch: Written) -> None:
        static = self._stores.static
        here = {one: vector for one, vector in batch.vectors.items() if one in changes.came}
        if static and here:
            import numpy as np

            static.add(list(here), np.stack(list(here.values())), self._is_cancelled)
        if static and len(here) < len(changes.came):
            static.ledger.lag()
        if self._stores.second and changes.came:
            self._stores.second.ledger.lag()

    def _forget(self, changes: Changes, paths: Sequence[str]) -> None:
        for meaning in self._stores.meanings().values():
            meaning.forget(list(changes.gone))
        for path in paths:
            self._live.pop(path, None)
            self._removed += path in self._known
        self._stores.known.remove(paths)


def _differs(file: FilePieces, known: FileState) -> bool:
    return (file.digest, file.error) != (known.digest, known.error)
