"""The index of one folder: what of it changed, is read, and is found again.

It brings together what the rooms beside it do: files are walked, cut and put among the words and
the vectors by `updating`, found by the engines, ordered by `ranking` and checked against the file
before anybody sees them. All of it blocks and may be called in any thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.pool import Pool
from jupyter_mcp.toolsets.search.index import condition, live, places
from jupyter_mcp.toolsets.search.index.changes import below
from jupyter_mcp.toolsets.search.index.documents import documents_of
from jupyter_mcp.toolsets.search.index.filling import clean, fill_all
from jupyter_mcp.toolsets.search.index.finding import Answer, Finding
from jupyter_mcp.toolsets.search.index.layout import Layout
from jupyter_mcp.toolsets.search.index.model import Options, Progress, Report, Status
from jupyter_mcp.toolsets.search.index.opening import Opening
from jupyter_mcp.toolsets.search.index.pipeline import Written
from jupyter_mcp.toolsets.search.index.stores import Stores
from jupyter_mcp.toolsets.search.index.turns import Turns
from jupyter_mcp.toolsets.search.index.updating import Update
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.pieces import FileState
from jupyter_mcp.toolsets.search.query import Hit, Query
from jupyter_mcp.toolsets.search.ranking.member import member_at
from jupyter_mcp.toolsets.search.walking.rules import Rules

T = TypeVar("T")
OnProgress = Callable[[Progress], None]
IsCancelled = Callable[[], bool]

_KEEP_UNUSED = 1000


class Index:
    """The index of `folder`, kept in `state`.

    Nothing is read or loaded until it is asked for. The first process that has it owns it until
    it is closed; others search the words that the owner wrote.

    Args:
        folder: What is indexed.
        state: Where the index lies; made when it is missing.
        options: How it is kept.
    """

    def __init__(self, folder: Path, state: Path, options: Options | None = None) -> None:
        self.folder = folder.resolve()
        self.state = state.resolve()  # what is loaded for it works in another folder
        self.options = options or Options()
        exclude = [*self.options.exclude, *Layout(self.state).patterns(self.folder)]
        self._rules = Rules(self.folder, exclude, self.options.file_bytes)
        self._pool = Pool(self.options.processes)
        self._turns = Turns()
        self._opening = Opening(self.folder.name, self.state, self.options, self._turns.is_ending)
        self._notes = self._opening.notes
        self._update: Update | None = None
        self._live: dict[str, int] = {}
        self._pending: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_new(self) -> bool:
        """Whether no update ever ran to its end."""
        stores = self._opening.open()
        return stores is None or not stores.words.get("updated")

    @property
    def pending(self) -> list[str]:
        """Files that a search found changed; the next update of these or of all reads them."""
        return sorted(self._pending)

    @property
    def wants_vectors(self) -> bool:
        """Whether a search found vectors damaged that `embed` has to make again."""
        return self._opening.wants_vectors

    @property
    def wants_update(self) -> bool:
        """Whether a damaged database was put aside, so that an update has to read all files."""
        return self._opening.wants_update

    @property
    def lacks_embedder(self) -> bool:
        """Whether the second embedder could not be loaded, so that `embed` may do more later."""
        return self._opening.lacks_embedder

    def concerns(self, path: str) -> bool:
        """Whether a change of a path below the folder may change the index."""
        if path.endswith((".gitignore", ".git/info/exclude", "pyvenv.cfg")):
            return True
        if (self.folder / path).is_relative_to(self.state):
            return False
        return not self._rules.reason(path, is_dir=False) or (
            not self._rules.reason(path, is_dir=True) and not _is_file(self.folder / path)
        )

    def update(
        self,
        paths: Sequence[str] | None = None,
        progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
        embed: bool = True,
    ) -> Report:
        """Read what is new or changed and forget what is gone.

        Words are found when it returns; so are static vectors, which reach the disk a little
        later. While another thread updates, it waits for its turn.

        Args:
            paths: Only these files and folders below the folder, with ``/``; None for all of it.
            progress: Is told how far it is.
            is_cancelled: Is asked often; what was done until then stays.
            embed: Whether pieces get their static vectors too. Without, `embed` gives them later.

        Raises:
            ToolError: ``busy`` while another process owns the index, ``unavailable`` when the
                folder is not there or the index cannot be written.
        """
        told = None if paths is None else below(self.folder, paths)
        with self._turns.take(self._turns.updating, is_cancelled) as is_ended:
            if is_ended():
                return Report(0, 0, 0, 0, 0.0, is_cancelled=True)
            with self._notes.noting("update"):
                try:
                    return self._run(told, progress, is_ended, embed=embed)
                except CorruptStoreError as error:
                    self._opening.rebuild(error)
                    return self._run(None, progress, is_ended, embed=embed)

    def embed(
        self, progress: OnProgress | None = None, is_cancelled: IsCancelled | None = None
    ) -> int:
        """Give vectors to pieces that have none; return how many got one.

        First those of the static table, then those of the second embedder. It goes on where it
        was ended. Updates and searches go on meanwhile.

        Raises:
            ToolError: ``busy`` while another process owns the index, ``unavailable`` when an
                embedder or Chroma fails.
        """
        turn = self._turns.take(self._turns.embedding, is_cancelled)
        with turn as is_ended, self._notes.noting("embed"):
            return fill_all(self._opening.owned(), progress or _ignore, is_ended)

    def warm(self) -> None:
        """Load what finds by meaning, so that the next answer has it; blocks for a second.

        Raises:
            ToolError: ``unavailable`` when Chroma or an embedder fails.
        """
        stores = self._opening.open()
        if stores is not None:
            stores.load_second()
            for meaning in stores.meanings().values():
                if meaning.ledger.count:
                    try:
                        meaning.load()
                    except ToolError as error:
                        stores.failed(error)
                        raise

    def put_notebook(self, path: str, notebook: Mapping[str, Any]) -> Report:
        """Take a notebook as it is open somewhere, until the file on the disk is newer.

        It does not wait for an update that runs.

        Raises:
            ToolError: ``busy`` while another process owns the index.
        """
        began = time.monotonic()
        with self._turns.take(self._turns.putting) as is_ended:
            if is_ended():
                return Report(0, 0, 0, 0, 0.0, is_cancelled=True)
            (told,) = below(self.folder, [path]) or [""]
            if self._rules.reason(told, is_dir=False):
                return Report(0, 0, 0, 0, 0.0)
            stores = self._opening.owned()
            file = live.pieces_of(self.folder, told, notebook)
            is_new = told not in stores.known.all()
            update = self._new_update(stores, None, is_ended)
            chunks = update.put(Written([file], [], live.vectors_of(stores, [file])))
            self._pending.discard(told)
            return Report(is_new, not is_new, 0, chunks, time.monotonic() - began)

    def let_go(self, path: str) -> None:
        """The same as `close_notebook`, left to the next update."""
        for told in below(self.folder, [path]) or []:
            self._live.pop(told, None)
            self._pending.add(told)

    def close_notebook(self, path: str) -> Report:
        """Take the file on the disk again for a notebook that is open nowhere any more."""
        for told in below(self.folder, [path]) or []:
            self._live.pop(told, None)
        return self.update([path])

    def add_documents(self, documents: Sequence[Mapping[str, str]]) -> int:
        """Add texts that are no files, each ``{"id", "text", "path"?}``; return how many.

        They stay until the index is dropped; one with the same id is replaced. Hits have the id.

        Raises:
            ToolError: ``invalid_arguments`` for a document without id or text, ``busy`` while
                another process owns the index.
        """
        files = documents_of(documents)
        with self._turns.take(self._turns.updating) as is_ended:
            stores = self._opening.owned()
            update = self._new_update(stores, None, is_ended)
            update.add_documents(files)
            return len(files)

    def search(self, query: Query) -> list[Hit]:
        """Return the best hits, the best first; each is as the file is now.

        Words answer at once. Meaning is asked as soon as Chroma is loaded, which the first search
        begins; the parts of a hit tell which engines answered.

        Raises:
            ToolError: ``invalid_arguments`` for a pattern that is none, ``unavailable`` for the
                mode ``dense`` without the extra.
        """
        return self._answered(lambda finding, _: finding.search(query))

    def similar(
        self,
        path: str,
        line: int | None = None,
        cell_id: str | None = None,
        limit: int = 10,
        *,
        end_line: int | None = None,
    ) -> list[Hit]:
        """Return what is like the piece at a line or in a cell, or like the file's first.

        Args:
            path: The file.
            line: One of the piece's lines, or the first of a range.
            cell_id: The notebook's cell.
            limit: The most hits.
            end_line: The last line of a range; None for the piece at the line.

        Raises:
            ToolError: ``not_found`` when there is no such piece.
        """

        def find(finding: Finding, stores: Stores) -> Answer:
            (told,) = below(self.folder, [path]) or [""]
            if line and end_line:
                found = places.lines_at(stores.words, told, (line, end_line), cell_id)
                return finding.similar(found.chunk, found.numbers, limit)
            number, chunk = places.piece_at(stores.words, told, line, cell_id)
            return finding.similar(member_at(line or 0, chunk), {number}, limit)

        return self._answered(find)

    def piece(self, path: str, line: int | None = None, cell_id: str | None = None) -> Chunk | None:
        """Return the piece at a line or in a cell as the file is now; None when it is gone.

        Raises:
            ToolError: ``not_found`` when there is no such piece.
        """
        found: list[Chunk | None] = []

        def find(finding: Finding, stores: Stores) -> Answer:
            (told,) = below(self.folder, [path]) or [""]
            _, chunk = places.piece_at(stores.words, told, line, cell_id)
            now = finding.checked(chunk)
            found.append(now and member_at(line or 0, now))
            return Answer()

        self._answered(find)
        return found[0] if found else None

    def counts(self, allows: Callable[[str], bool]) -> tuple[int, int]:
        """Return how many files, and pieces of them, are in the index of those that are allowed."""
        nothing: Mapping[str, FileState] = {}
        known = self._read(lambda stores: stores.known.all(), nothing)
        chunks = [one.chunks for one in known.values() if not one.error and allows(one.path)]
        return len(chunks), sum(chunks)

    def languages(
        self, path: str = "", allows: Callable[[str], bool] | None = None
    ) -> dict[str, int]:
        """Return how many files there are of each language, the most first.

        Args:
            path: Only of these, as in a question.
            allows: Says which files count; None for all.
        """
        wanted = Filter(path, allows=allows)
        return self._read(lambda stores: stores.words.languages(wanted), {})

    def status(self) -> Status:
        """Return what is in the index and what is not."""
        left = self._update.left if self._update else 0

        def look(stores: Stores | None) -> Status:
            layout, pending = self._opening.layout, len(self._pending) + left
            return condition.status(self.folder, layout, stores, self._notes.all(), pending)

        return self._read(look, None) or look(self._opening.open())

    def drop(self) -> None:
        """Forget all of it, also on the disk.

        Raises:
            ToolError: ``busy`` while another process owns the index.
        """
        with self._turns.alone():
            self._opening.clear()
            self._live.clear()
            self._pending.clear()

    def close(self) -> None:
        """End what runs and let go of files, threads and processes."""
        with self._turns.alone(for_good=True):
            self._pool.close()
            self._opening.close()

    def _run(
        self,
        paths: Sequence[str] | None,
        progress: OnProgress | None,
        is_ended: IsCancelled,
        *,
        embed: bool,
    ) -> Report:
        stores = self._opening.owned()
        pending = set(self._pending)
        update = self._update = self._new_update(stores, progress, is_ended)
        try:
            report = update.run(paths, embed=embed)
        finally:
            self._update = None
        if paths is None and not report.is_cancelled:
            self._pending -= pending
            self._opening.wants_update = False
        self._pending.difference_update(paths or ())
        for engine, meaning in stores.meanings().items():
            clean(stores.words, meaning, _KEEP_UNUSED)
            stores.retire(engine)
        return report

    def _new_update(
        self, stores: Stores, progress: OnProgress | None, is_ended: IsCancelled
    ) -> Update:
        return Update(
            self._rules,
            self.options,
            stores,
            self._pool,
            live=self._live,
            progress=progress or _ignore,
            is_cancelled=is_ended,
        )

    def _answered(self, find: Callable[[Finding, Stores], Answer]) -> list[Hit]:
        def ask(stores: Stores) -> Answer:
            return find(Finding(self.folder, self.options.file_bytes, stores, self._live), stores)

        answer = self._read(ask, Answer())
        self._pending |= answer.outdated
        return answer.hits

    def _read(self, ask: Callable[[Stores], T], nothing: T) -> T:
        """Ask the stores; those that are not there, or turn out to be damaged, have nothing."""
        stores = self._opening.open()
        if stores is None:
            return nothing
        try:
            return ask(stores)
        except CorruptStoreError as error:
            if not stores.is_owner:
                raise
            with self._turns.take(self._turns.updating) as is_ended:
                if not is_ended():
                    self._opening.rebuild(error, stores)
            return nothing


def _ignore(_: Progress) -> None:
    """Tell nobody."""


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - a path's own may raise OSError
