"""Cuts lines that are too many for one chunk, where a reader would."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mcp.toolsets.search.chunking.lines import Lines

LEAST = 800
"""Characters that a piece has before it may end."""

MOST = 2000
"""Characters after which a piece ends."""

WHOLE = 2500
"""Characters that stay together when nothing follows; a cut would leave a crumb."""

LONGEST = 8000
"""Characters of the longest line. No person wrote a longer one: it is left out."""

_NO_GAP = 3
"""How many columns of indentation a blank line is worth as a place to cut."""


def cut(lines: Lines, line: int, end_line: int) -> Iterator[tuple[int, int]]:
    """Cut lines into pieces of whole lines that neither begin nor end with blank ones.

    Args:
        lines: All lines.
        line: The first of those to cut.
        end_line: The last.
    """
    while line <= end_line and lines.is_blank(line):
        line += 1
    while end_line >= line and lines.is_blank(end_line):
        end_line -= 1
    if line > end_line:
        return
    if lines.size(line, end_line) <= WHOLE:
        yield line, end_line
        return
    for first, last in _without_giants(lines, line, end_line):
        yield from _cut(lines, first, last)


def has_giants(lines: Lines) -> bool:
    """Return whether there are lines that no person wrote."""
    return len(lines.text) > LONGEST and any(len(text) > LONGEST for text in lines.texts)


def _without_giants(lines: Lines, line: int, end_line: int) -> Iterator[tuple[int, int]]:
    first = line
    for number in range(line, end_line + 1):
        if len(lines.texts[number - 1]) > LONGEST:
            if first < number:
                yield first, number - 1
            first = number + 1
    if first <= end_line:
        yield first, end_line


def _cut(lines: Lines, line: int, end_line: int) -> Iterator[tuple[int, int]]:
    while line <= end_line:
        if lines.is_blank(line):
            line += 1
        elif lines.size(line, end_line) <= WHOLE:
            yield line, _last(lines, line, end_line)
            return
        else:
            end = _break(lines, line, end_line)
            yield line, _last(lines, line, end)
            line = end + 1


def _break(lines: Lines, line: int, end_line: int) -> int:
    """Return the last line of the piece that begins at `line`."""
    begin = lines.starts[line - 1]
    best, best_cost = line, 1 << 30
    for number in range(line, end_line):
        size = lines.end(number) - begin
        if size > MOST:
            break
        if size < LEAST:
            best = number
            continue
        cost = _cost(lines, number)
        if cost <= best_cost:
            best, best_cost = number, cost
    return best


def _cost(lines: Lines, number: int) -> int:
    """Return how bad it is to cut after a line: deep inside of something is bad."""
    text = lines.texts[number]
    if not text or text.isspace():
        return 1 << 20  # the cut comes after the blank lines
    gap = 0 if lines.is_blank(number) else _NO_GAP
    return len(text) - len(text.lstrip()) + gap


def _last(lines: Lines, line: int, end_line: int) -> int:
    while end_line > line and lines.is_blank(end_line):
        end_line -= 1
    return end_line
