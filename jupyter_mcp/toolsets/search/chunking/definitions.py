"""Turns what is defined in a file, however that was found out, into chunks.

Each function and method is a chunk, each class a chunk of what stands before its first method.
What belongs to no definition is cut too, so that nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from jupyter_mcp.toolsets.search.chunk import TOGETHER, Chunk, Kind
from jupyter_mcp.toolsets.search.chunking.cutting import cut
from jupyter_mcp.toolsets.search.chunking.lines import Lines

_SIGNATURE = 300
_LEAD = 200
_TOGETHER = 400
_TINY = 600
_GROUP = 1500
"""Definitions shorter than the first are joined up to the second: each piece costs a vector, and
1.5 KB of disk. In the standard library that leaves three pieces of four."""
_WORD = re.compile(r"\w")
_ABOVE = ("#", "//", "/*", "*", "--", "@", ";;", "%")
"""How lines begin that belong to the definition below them: comments and annotations."""


@dataclass(slots=True)
class Definition:
    """Something that is defined in a file.

    Args:
        line: Its first line.
        end_line: Its last line.
        name: As it is written there.
        signature: What says best what it is, such as ``class Foo(Bar):``.
        inside: What is defined in it, if that shall be found by itself.
    """

    line: int
    end_line: int
    name: str
    signature: str = ""
    inside: list[Definition] = field(default_factory=list)


class Assembler:
    """Makes the chunks of one file.

    Args:
        path: The file.
        kind: Of its chunks.
        language: Of its chunks.
        lines: Its lines.
        cell_id: The cell whose text it is.
    """

    def __init__(
        self, path: str, kind: Kind, language: str, lines: Lines, cell_id: str = ""
    ) -> None:
        self.chunks: list[Chunk] = []
        self._path = path
        self._kind: Kind = kind
        self._language = language
        self._lines = lines
        self._cell_id = cell_id

    def file(self, definitions: Sequence[Definition], breaks: Sequence[int] = ()) -> list[Chunk]:
        """Cut the whole file.

        Args:
            definitions: What is defined in it, in order.
            breaks: Lines before the first definition with which a new piece begins.
        """
        self._inside(Definition(1, len(self._lines), "", inside=list(definitions)), "", "", breaks)
        return self.chunks

    def add(
        self, line: int, end_line: int, symbol: str = "", extra: str = "", more: str = ""
    ) -> None:
        """Add some lines as one chunk, or as several if they are many.

        Args:
            line: The first.
            end_line: The last.
            symbol: What is defined there.
            extra: What is searched too.
            more: What is searched too with all chunks but the first.
        """
        for first, last in cut(self._lines, line, end_line):
            text = self._lines.piece(first, last)
            if _WORD.search(text):
                self._append(first, last, text, symbol, extra)
            if more:
                extra, more = _joined(extra, more), ""

    def _append(self, line: int, end_line: int, text: str, symbol: str, extra: str) -> None:
        self.chunks.append(
            Chunk(
                self._path,
                self._kind,
                self._language,
                line,
                end_line,
                text,
                symbol,
                extra,
                self._cell_id,
                len(self.chunks),
            )
        )

    def _inside(
        self, around: Definition, symbol: str, extra: str, breaks: Sequence[int] = ()
    ) -> None:
        """Cut a definition along what is defined in it."""
        at, outer = around.line, extra
        tiny: list[tuple[int, int, str]] = []
        for definition in around.inside:
            start = max(at, self._start(definition.line, at))
            end = definition.end_line = min(definition.end_line, around.end_line)
            if end < start:
                continue
            if at > around.line or not symbol:
                start = self._with_lead(at, start)
            is_tiny = not definition.inside and self._lines.size(start, end) < _TINY
            if not (is_tiny and tiny and self._is_near(tiny, start, end)):
                self._together(tiny, symbol, extra)
                tiny = []
            self._rest(at, start - 1, symbol, extra, breaks)
            extra = _joined(outer, around.signature)
            if is_tiny:
                tiny.append((start, end, definition.name))
            else:
                self._definition(definition, start, symbol, extra)
            at = end + 1
        self._together(tiny, symbol, extra)
        self._rest(at, around.end_line, symbol, extra, breaks)

    def _is_near(self, tiny: list[tuple[int, int, str]], start: int, end: int) -> bool:
        """Return whether a tiny definition follows others closely enough to be found with them."""
        if self._lines.size(tiny[0][0], end) > _GROUP:
            return False
        return all(self._lines.is_blank(line) for line in range(tiny[-1][1] + 1, start))

    def _together(self, tiny: list[tuple[int, int, str]], symbol: str, extra: str) -> None:
        """Add tiny definitions as one chunk: a line or two say too little to be compared."""
        if tiny:
            names = [f"{symbol}.{name}" if symbol else name for _, _, name in tiny]
            self.add(tiny[0][0], tiny[-1][1], TOGETHER.join(names), extra)

    def _definition(self, definition: Definition, start: int, symbol: str, extra: str) -> None:
        name = f"{symbol}.{definition.name}" if symbol else definition.name
        if definition.inside:
            definition.line = start
            self._inside(definition, name, extra)
        else:
            self.add(start, definition.end_line, name, extra, definition.signature)

    def _start(self, line: int, at: int) -> int:
        """Return the first line of a definition with the comments directly above it."""
        texts = self._lines.texts
        while line > at and texts[line - 2].lstrip().startswith(_ABOVE):
            line -= 1
        return line

    def _with_lead(self, at: int, start: int) -> int:
        """Return where a definition begins with a short ``if …:`` around it."""
        last = start - 1
        while last >= at and self._lines.is_blank(last):
            last -= 1
        if last < at or not self._lines.texts[last - 1].rstrip().endswith((":", "{")):
            return start
        return at if self._lines.size(at, last) <= _LEAD else start

    def _rest(
        self, line: int, end_line: int, symbol: str, extra: str, breaks: Sequence[int]
    ) -> None:
        first = line
        for begin in breaks:
            if first < begin <= end_line and self._lines.size(first, begin - 1) > _TOGETHER:
                self.add(first, begin - 1, symbol, extra)
                first = begin
        self.add(first, end_line, symbol, extra)


def signature(lines: Lines, line: int, end_line: int) -> str:
    """Return the lines in which a definition says what it is, in one short line."""
    told = " ".join(text.strip() for text in lines.texts[line - 1 : min(end_line, line + 8)])
    return told[:_SIGNATURE]


def _joined(first: str, second: str) -> str:
    return f"{first}\n{second}" if first and second else first or second
