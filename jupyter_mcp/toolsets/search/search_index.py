"""Search without a server: what `jupyter_mcp.SearchIndex` is."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, get_args

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunking.languages import NOTEBOOK, named
from jupyter_mcp.toolsets.search.embedding.entries import embedder_of
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.layout import state_folder
from jupyter_mcp.toolsets.search.index.model import (
    MB,
    MOST_FILES,
    Options,
    Progress,
    Report,
    Status,
)
from jupyter_mcp.toolsets.search.query import Hit, Mode, Query


class SearchIndex:
    """The index of a folder, for programs; the same that a server has for this folder.

    It finds by words and, with the extra ``search``, by meaning. Use it as a context manager or
    `close` it: one process at a time keeps an index up to date. One that nothing refers to any
    more, as when a notebook's cell is run again, is closed.

        with SearchIndex("project") as index:
            for hit in index.search("where are the counts normalised"):
                print(hit.path, hit.line, hit.snippet)

    Args:
        folder: What is indexed; it has to be there.
        state: Where the index lies; None for a folder below Jupyter's data folder.
        embedder: What finds by meaning besides the static table, such as ``onnx:/folder``;
            ``static`` for nothing.
        embedder_options: Its arguments.
        exclude: Patterns, as in ``.gitignore``, of what is left out.
        file_bytes: The largest file.
        most_files: The most files; those that come first, folder by folder.
        chroma_url: A Chroma server that keeps the vectors; empty for the state folder.
        processes: Processes that read files; 0 for as many as there are CPUs, at most 4.

    Raises:
        ToolError: ``invalid_arguments`` when there is no such embedder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        state: str | os.PathLike[str] | None = None,
        embedder: str = "static",
        embedder_options: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        file_bytes: int = 2 * MB,
        most_files: int = MOST_FILES,
        chroma_url: str = "",
        processes: int = 0,
    ) -> None:
        root = Path(folder)
        second = None if embedder == "static" else embedder_of(embedder, embedder_options)
        options = Options(
            exclude=tuple(exclude),
            file_bytes=file_bytes,
            most_files=most_files,
            chroma_url=chroma_url,
            processes=processes,
            second=second,
        )
        self._index = Index(root, state_folder(root) if state is None else Path(state), options)
        self._closing = weakref.finalize(self, self._index.close)
        self._closing.atexit = False  # a process that ends lets go of all without waiting
        self._is_tried = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(
        self,
        progress: Callable[[Progress], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> Report:
        """Read what is new or changed, forget what is gone, and make the missing vectors.

        An embedder that cannot be used, or a Chroma server, is told as a warning: what is there
        finds without it.

        Args:
            progress: Is told how far it is.
            is_cancelled: Is asked often; what was done until then stays.

        Raises:
            ToolError: ``busy`` while another process keeps this index, ``unavailable`` when the
                folder is not there or something cannot be written.
        """
        self._is_tried = True
        report = self._index.update(None, progress, is_cancelled)
        if not report.is_cancelled:
            self._embed(progress, is_cancelled)
        return report

    def search(
        self,
        query: str,
        limit: int = 10,
        mode: Mode = "hybrid",
        *,
        path: str = "",
        language: str = "",
    ) -> list[Hit]:
        """Return the best hits, the best first; an index that nobody built is built before.

        Args:
            query: In words, as a name, or as a pattern.
            limit: The most hits.
            mode: ``hybrid`` uses words and meaning, ``lexical`` and ``dense`` one of them;
                ``regex`` and ``literal`` go through the text.
            path: Only below this folder, this file, or what a glob means.
            language: Only this language, such as ``python`` or ``py``.

        Raises:
            ToolError: ``invalid_arguments`` for a mode that there is not, or a pattern that is
                none, ``unavailable`` for the mode ``dense`` without the extra.
        """
        _refuse_wrong(query, limit, mode)
        if self._index.is_new and not self._is_tried:
            self._build()
        if mode == "dense":
            self._index.warm()
        elif mode == "hybrid":
            with suppress(ToolError):  # words answer, and the status tells
                self._index.warm()
        spoken = named(language)
        is_notebook = spoken == NOTEBOOK
        return self._index.search(
            Query(
                query,
                limit,
                mode,
                path.removeprefix(f"{self._index.folder}{os.sep}"),
                "" if is_notebook else spoken,
                frozenset({"notebook"}) if is_notebook else frozenset(),
                tell=_warn,
            )
        )

    def add_documents(self, documents: Sequence[Mapping[str, str]]) -> int:
        """Add texts that are no files, each ``{"id", "text", "path"?}``; return how many.

        They stay until the index is dropped; one with the same id is replaced. Hits have the id.

        Raises:
            ToolError: ``invalid_arguments`` for a document without id or text, ``busy`` while
                another process keeps this index.
        """
        return self._index.add_documents(documents)

    def status(self) -> Status:
        """Return what is in the index and what is not."""
        return self._index.status()

    def drop(self) -> None:
        """Forget all of it, also on the disk.

        Raises:
            ToolError: ``busy`` while another process keeps this index.
        """
        self._index.drop()

    def close(self) -> None:
        """Let go of files, threads and processes; the index stays."""
        self._index.close()
        self._closing.detach()

    def _embed(
        self,
        progress: Callable[[Progress], None] | None,
        is_cancelled: Callable[[], bool] | None,
    ) -> None:
        with suppress(ToolError):  # it is among the notes
            self._index.embed(progress, is_cancelled)
            if not self._index.lacks_embedder:
                return
        for note in self._index.status().notes:
            _warn(note)

    def _build(self) -> None:
        self._is_tried = True
        try:
            self._index.update()
        except ToolError:
            if self._index.status().is_owner:
                raise  # else what another process has written until now is searched


def _warn(note: str) -> None:
    warnings.warn(note, stacklevel=2)


def _refuse_wrong(query: object, limit: object, mode: object) -> None:
    if not isinstance(query, str):
        raise ToolError("invalid_arguments", "The question is no string.", "Say what to look for.")
    if not isinstance(limit, int) or limit < 1:
        raise ToolError(
            "invalid_arguments", f"The limit is {limit!r}.", "Give a whole number from 1 on."
        )
    if mode not in get_args(Mode):
        raise ToolError(
            "invalid_arguments",
            f"There is no mode {str(mode)[:40]!r}.",
            f"Choose from: {', '.join(get_args(Mode))}.",
        )
