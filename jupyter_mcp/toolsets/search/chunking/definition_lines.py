"""Finds definitions by the lines they begin with, in languages that nothing here can parse."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jupyter_mcp.toolsets.search.chunking.definition_patterns import pattern_of
from jupyter_mcp.toolsets.search.chunking.definitions import Definition, signature
from jupyter_mcp.toolsets.search.chunking.lines import Lines

_ENDS = ("}", "end", ")", "]")
_BY_INDENT = frozenset({"python", "nim"})


def found_by_lines(language: str, lines: Lines) -> list[Definition]:
    """Find what is defined in a file.

    Args:
        language: Its language; nothing is found in one that is not known.
        lines: Its lines.
    """
    pattern = pattern_of(language)
    if pattern is None:
        return []
    starts = list(_starts(pattern, lines))
    found: list[Definition] = []
    open_ones: list[tuple[int, bool, Definition]] = []
    for number, (line, indent, name, is_box, is_member) in enumerate(starts):
        while open_ones and open_ones[-1][0] >= indent:
            open_ones.pop()
        around = open_ones[-1] if open_ones else None
        if around is None and is_member:
            continue
        if around is not None and (not around[1] or line > around[2].end_line):
            if line <= around[2].end_line:
                continue  # a function in a function is found with it
            around = None
        next_line = _next(starts, number, indent) or len(lines) + 1
        end = _end(lines, line, indent, next_line, by_indent=language in _BY_INDENT)
        definition = Definition(line, end, name, signature(lines, line, line))
        (around[2].inside if around else found).append(definition)
        open_ones.append((indent, is_box, definition))
    return found


Start = tuple[int, int, str, bool, bool]


def _starts(pattern: re.Pattern[str], lines: Lines) -> Iterator[Start]:
    last = 0
    for match in pattern.finditer(lines.text):
        groups = match.groupdict()
        line = lines.at(match.start())
        if line == last:
            continue
        last = line
        name = next((groups[each] for each in _GROUPS if groups.get(each)), "")
        if groups.get("of"):
            name = f"{groups['of']}.{name}"
        text = lines.texts[line - 1]
        indent = len(text) - len(text.lstrip())
        yield line, indent, name, bool(groups.get("box")), bool(groups.get("member"))


_GROUPS = ("name", "name2", "name3", "name4")


def _next(starts: list[Start], number: int, indent: int) -> int | None:
    return next((line for line, other, *_ in starts[number + 1 :] if other <= indent), None)


def _end(lines: Lines, line: int, indent: int, limit: int, *, by_indent: bool) -> int:
    """Return the last line of a definition that ends before the line `limit`."""
    for number in range(line + 1, limit):
        text = lines.texts[number - 1]
        bare = text.lstrip()
        if not bare or len(text) - len(bare) > indent:
            continue
        if by_indent:
            if bare[0] not in ")]}#":
                return number - 1
        elif len(text) - len(bare) == indent and bare.startswith(_ENDS) and "{" not in bare:
            return number
    return limit - 1
