"""Which of the short definitions that share a piece is meant.

Short neighbours are one piece, because each piece costs a vector. Whoever follows a hit wants to
get to the definition that fits, and not to the first one beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from jupyter_mcp.toolsets.search.chunk import TOGETHER, Chunk
from jupyter_mcp.toolsets.search.chunking.lines import Lines
from jupyter_mcp.toolsets.search.ranking.question import Question, understand

_NAME = 3.0
"""What a word counts that stands in the name of a definition; in its text it counts 1."""

_JOINT = re.compile(r"[.:#]")
_IN_WORD = re.compile(r"\w")

_ABOVE = re.compile(r"\s*(?:#|//|/\*|\*|--|@|;;|%|$)")
"""How lines begin that may belong to the definition below them."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A definition in a piece, with its lines counted from 0; `end` is the line behind it."""

    name: str
    start: int
    end: int


def best_member(text: str, chunk: Chunk) -> Chunk:
    """Return the definition of a piece that fits a question best; the piece if none does.

    Args:
        text: The question.
        chunk: The piece.
    """
    lines = Lines(chunk.text).texts
    question = understand(text)
    best, best_fit = chunk, 0.0
    for member in _members(chunk, lines):
        fit = _fit(question, member, lines)
        if fit > best_fit:
            best, best_fit = _narrowed(chunk, member, lines), fit
    return best


def member_at(line: int, chunk: Chunk) -> Chunk:
    """Return the definition of a piece that a line belongs to; the piece if there is none.

    Args:
        line: Its number in the file.
        chunk: The piece.
    """
    lines = Lines(chunk.text).texts
    for member in _members(chunk, lines):
        if member.start <= line - chunk.line < member.end:
            return _narrowed(chunk, member, lines)
    return chunk


def _members(chunk: Chunk, lines: Sequence[str]) -> Iterator[_Member]:
    names = chunk.symbol.split(TOGETHER)
    if chunk.kind != "code" or len(names) == 1:
        return
    starts = list(_starts(names, lines))
    for number, (name, start) in enumerate(starts):
        end = starts[number + 1][1] if number + 1 < len(starts) else len(lines)
        while number + 1 < len(starts) and end - 1 > start and _ABOVE.match(lines[end - 1]):
            end -= 1
        while end - 1 > start and not lines[end - 1].strip():
            end -= 1
        yield _Member(name, start, end)


def _starts(names: Sequence[str], lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield where each name is defined: in the order in which they stand there.

    What stands side by side is indented alike, so that a name which is only used does not count.
    """
    indent = min((_indent(line) for line in lines if line.strip()), default=0)
    at = 0
    for name in names:
        word = _JOINT.split(name)[-1]
        there = [number for number in range(at, len(lines)) if _stands(word, lines[number])]
        beside = (each for each in there if _indent(lines[each]) == indent)
        start = next(beside, there[0] if there else None)
        if start is not None:
            yield name, start
            at = start + 1


def _stands(word: str, line: str) -> bool:
    """Whether a word stands in a line, and not only as a part of a longer one."""
    at = line.find(word)
    while at >= 0:
        end = at + len(word)
        if not (_IN_WORD.match(line[at - 1 : at]) or _IN_WORD.match(line[end : end + 1])):
            return True
        at = line.find(word, at + 1)
    return False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _fit(question: Question, member: _Member, lines: Sequence[str]) -> float:
    text = "\n".join(lines[member.start : member.end])
    fit = len(question.shared(text)) + _NAME * len(question.shared(member.name))
    fit += 10 * _NAME * sum(name.last == member.name.split(".")[-1] for name in question.names)
    return fit + sum(quote in text for quote in question.quotes)


def _narrowed(chunk: Chunk, member: _Member, lines: Sequence[str]) -> Chunk:
    return replace(
        chunk,
        line=chunk.line + member.start,
        end_line=chunk.line + member.end - 1,
        text="\n".join(lines[member.start : member.end]),
        symbol=member.name,
    )
