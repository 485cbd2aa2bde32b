"""Compares what was found with the file as it is now, so that no hit points at a wrong line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.chunker import chunk as cut
from jupyter_mcp.toolsets.search.index.documents import is_document
from jupyter_mcp.toolsets.search.lexical.pieces import FileState
from jupyter_mcp.toolsets.search.walking.reading import Unreadable, read
from jupyter_mcp.toolsets.search.walking.times import changed_ns


class Checking:
    """The files that one answer is about; each is looked at once.

    Args:
        folder: The indexed folder.
        limit: The largest file.
        states: What the index knows of its files.
        live: Files of which the index has what is open somewhere, and not what is on the disk.
    """

    def __init__(
        self, folder: Path, limit: int, states: Mapping[str, FileState], live: Mapping[str, int]
    ) -> None:
        self._folder, self._limit = folder, limit
        self._states, self._live = states, live
        self._files: dict[str, _File] = {}

    @property
    def outdated(self) -> set[str]:
        """Files that are not as the index has them."""
        return {path for path, file in self._files.items() if not file.is_same}

    def checked(self, chunk: Chunk) -> Chunk | None:
        """Return a piece at its line in the file as it is; None when it is no longer in it."""
        if is_document(chunk.path):
            return chunk
        file = self._files.get(chunk.path)
        if file is None:
            is_live = self._live.get(chunk.path) is not None
            state = self._states.get(chunk.path)
            file = _File(self._folder, chunk.path, self._limit, state, is_live=is_live)
            self._files[chunk.path] = file
        return chunk if file.is_same else file.find(chunk)


class _File:
    def __init__(
        self, folder: Path, path: str, limit: int, state: FileState | None, *, is_live: bool
    ) -> None:
        self._folder, self._path, self._limit = folder, path, limit
        self.is_same = state is not None and self._is_as(state, is_live=is_live)

    def _is_as(self, state: FileState, *, is_live: bool) -> bool:
        try:
            found = (self._folder / self._path).lstat()
        except OSError:
            return is_live and not state.mtime_ns
        if (found.st_size, changed_ns(found)) == (state.size, state.mtime_ns):
            return True
        return self._source is not None and self._source[1] == state.digest

    @cached_property
    def _source(self) -> tuple[str, str] | None:
        """The text of the file and its digest."""
        try:
            source = read(self._folder, self._path, self._limit)
        except Unreadable:
            return None
        return source.text, source.digest

    @cached_property
    def _pieces(self) -> list[Chunk]:
        """The pieces of the file, for a notebook, whose lines are in its cells."""
        try:
            return cut(self._path, self._source[0]) if self._source else []
        except Unreadable:
            return []

    def find(self, chunk: Chunk) -> Chunk | None:
        if chunk.cell_id:
            return self._find_cell(chunk)
        if self._source is None:
            return None
        line = _line_of(_lines(self._source[0]), _lines(chunk.text), chunk.line)
        if line is None:
            return None
        return replace(chunk, line=line, end_line=line + chunk.end_line - chunk.line)

    def _find_cell(self, chunk: Chunk) -> Chunk | None:
        same = [one for one in self._pieces if one.text == chunk.text]
        return next(
            (one for one in same if one.cell_id == chunk.cell_id), same[0] if same else None
        )


def _lines(text: str) -> str:
    """Return a text as lines that end alike, one at the start and one at the end."""
    return "\n" + text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"


def _line_of(text: str, wanted: str, near: int) -> int | None:
    """Return the line at which `wanted` begins in `text`, of several the one nearest to `near`."""
    found, at = [], text.find(wanted)
    while at >= 0:
        found.append(text.count("\n", 0, at) + 1)
        at = text.find(wanted, at + 1)
    return min(found, key=lambda line: abs(line - near), default=None)
