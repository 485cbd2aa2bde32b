"""Splits what a person types after a tool's name into words.

``key=value`` is read by the argument's schema later on, ``key:=json`` is JSON whatever the schema
says (as in httpie). A value may be quoted, and one that opens with a bracket or brace reaches to
the one that closes it. Nothing is evaluated and no variable is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_mcp.errors import ToolError

_KEY = re.compile(r"([A-Za-z_][\w.-]*)(:?=)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_CLOSING = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line.

    Args:
        key: The argument's name; empty for a word without ``=``.
        value: The value with quotes removed.
        quoted: Whether it was quoted, and so is text.
        is_json: Whether it was given with ``:=``.
    """

    key: str
    value: str
    quoted: bool = False
    is_json: bool = False


def split(line: str) -> list[Word]:
    """Split a line into words.

    Raises:
        ToolError: ``invalid_arguments`` for a quote or bracket that is never closed.
    """
    words: list[Word] = []
    at = 0
    while (at := _skip_blanks(line, at)) < len(line):
        key, operator = "", ""
        if match := _KEY.match(line, at):
            key, operator, at = match[1], match[2], match.end()
        is_json = operator == ":="
        begin = at
        value, quoted, at = _value(line, at, keyed=bool(key))
        if is_json and line[begin : begin + 1] == '"':
            value = line[begin:at]  # the quotes are JSON's own
        words.append(Word(key, value, quoted, is_json))
    return words


def from_shell(words: Iterable[str]) -> list[Word]:
    """Turn the words that a shell has split into ``key=value`` words."""
    found = []
    for word in words:
        match = _KEY.match(word)
        key, operator = (match[1], match[2]) if match else ("", "")
        value = word[match.end() :] if match else word
        found.append(Word(key, value, is_json=operator == ":="))
    return found


def _skip_blanks(line: str, at: int) -> int:
    while at < len(line) and line[at].isspace():
        at += 1
    return at


def _value(line: str, at: int, *, keyed: bool) -> tuple[str, bool, int]:
    first = line[at : at + 1]
    if first and first in "\"'":
        value, end = _quoted(line, at)
        return value, True, end
    if keyed and first and first in "[{":
        end = _bracketed(line, at)
        return line[at:end], False, end
    end = at
    while end < len(line) and not line[end].isspace():
        end += 1
    return line[at:end], False, end


def _quoted(line: str, at: int) -> tuple[str, int]:
    quote, text = line[at], []
    at += 1
    while at < len(line) and line[at] != quote:
        if line[at] == "\\" and line[at + 1 : at + 2] in _ESCAPES:
            at += 1
            text.append(_ESCAPES[line[at]])
        else:
            text.append(line[at])
        at += 1
    if at >= len(line):
        raise _unclosed(f"A {quote} is never closed.", f"Close it, or write \\{quote} inside.")
    return "".join(text), at + 1


def _bracketed(line: str, at: int) -> int:
    """Return where the bracket that opens at `at` has closed, text in double quotes skipped."""
    open_ones, in_text = [], False
    for position in range(at, len(line)):
        char = line[position]
        if in_text:
            if char == '"' and not _is_escaped(line, position):
                in_text = False
        elif char == '"':
            in_text = True
        elif char in _CLOSING:
            open_ones.append(_CLOSING[char])
        elif open_ones and char == open_ones[-1]:
            open_ones.pop()
            if not open_ones:
                return position + 1
    raise _unclosed(f"A {line[at]} is never closed.", "Close it, or put the value in quotes.")


def _is_escaped(line: str, at: int) -> bool:
    return (len(line[:at]) - len(line[:at].rstrip("\\"))) % 2 == 1


def _unclosed(message: str, remedy: str) -> ToolError:
    return ToolError("invalid_arguments", message, remedy)
