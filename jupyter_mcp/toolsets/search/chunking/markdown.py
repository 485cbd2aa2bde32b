"""Cuts Markdown and reStructuredText along their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.definitions import Assembler
from jupyter_mcp.toolsets.search.chunking.lines import Lines

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*\Z")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_UNDER = re.compile(r"(=+|-+)[ \t]*\Z")
_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*\Z")
_CRUMB = 200
"""Characters up to which a section is joined with the next one."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading.

    Args:
        line: Where its section begins.
        level: 1 for the highest.
        title: Its text.
    """

    line: int
    level: int
    title: str


def chunk_markdown(path: str, lines: Lines) -> list[Chunk]:
    """Cut Markdown; a chunk's `extra` names the headings above it."""
    return _chunks(path, "markdown", lines, list(headings(lines)))


def chunk_rst(path: str, lines: Lines) -> list[Chunk]:
    """Cut reStructuredText in the same way."""
    return _chunks(path, "rst", lines, list(_rst(lines)))


def headings(lines: Lines) -> Iterator[Heading]:
    """Find the headings of a Markdown text, but not in code."""
    fence = ""
    texts = lines.texts
    for number, text in enumerate(texts, 1):
        if found := _FENCE.match(text):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence):
                fence = ""
        elif fence:
            continue
        elif heading := _HEADING.match(text):
            yield Heading(number, len(heading[1]), heading[2])
        elif number > 1 and (under := _UNDER.match(text)) and _is_title(texts, number - 1):
            yield Heading(number - 1, 1 if under[1][0] == "=" else 2, texts[number - 2].strip())


def _is_title(texts: list[str], number: int) -> bool:
    """Return whether a line can be the text above an underline."""
    text = texts[number - 1]
    is_first = number == 1 or not texts[number - 2].strip()
    return is_first and bool(text.strip()) and text[0] not in " \t-=|>*+#`" and "|" not in text


def _rst(lines: Lines) -> Iterator[Heading]:
    levels: list[str] = []
    texts = ["", *lines.texts]  # so that each line has one above it
    for number in range(2, len(texts)):
        above, title, under = (each.rstrip() for each in texts[number - 2 : number + 1])
        rule = _RULE.match(under)
        if rule is None or not title or _RULE.match(title) or len(under) < len(title):
            continue
        has_over = above == under
        if not has_over and (title[0].isspace() or above):
            continue
        style = rule[1] * (1 + has_over)
        if style not in levels:
            levels.append(style)
        yield Heading(number - 1 - has_over, levels.index(style) + 1, title.strip())


def _chunks(path: str, language: str, lines: Lines, found: list[Heading]) -> list[Chunk]:
    assembler = Assembler(path, "markdown", language, lines)
    above: list[Heading] = []
    begin, title, extra = 1, "", ""
    for heading in found:
        if heading.line < begin:
            continue
        if heading.line > begin and not _is_crumb(lines, begin, heading.line - 1):
            assembler.add(begin, heading.line - 1, title, extra, title)
            begin = heading.line
        above = [each for each in above if each.level < heading.level]
        title, extra = heading.title, " > ".join(each.title for each in above)
        above.append(heading)
    assembler.add(begin, len(lines), title, extra, title)
    return assembler.chunks


def _is_crumb(lines: Lines, line: int, end_line: int) -> bool:
    return lines.size(line, end_line) <= _CRUMB
