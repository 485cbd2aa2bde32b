"""The text of streams: what a terminal would show, and what is kept of too much of it."""

from __future__ import annotations

import re

OVERWRITES = re.compile(r"\r(?!\n)|\x08")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CURSOR = re.compile(r"([\r\x08])")


def without_ansi(text: str) -> str:
    """Remove the escape sequences that colour a terminal or move its cursor (ECMA-48)."""
    return _ANSI.sub("", text)


def overwritten(text: str) -> str:
    """Let carriage returns and backspaces take effect, as a terminal and JupyterLab do.

    A carriage return at the very end is kept: it takes effect on the text that follows.
    """
    text = text.replace("\r\n", "\n")
    return "\n".join(_overwritten_line(line) for line in text.split("\n"))


def joined(before: str, added: str) -> str:
    """Return `before` followed by `added`, whose cursor movements act on the last line only."""
    done, newline, line = before.rpartition("\n")
    return done + newline + overwritten(line + added)


def _overwritten_line(line: str) -> str:
    if not OVERWRITES.search(line):
        return line
    shown: list[str] = []
    at = 0
    for part in _CURSOR.split(line):
        if part == "\r":
            at = 0
        elif part == "\x08":
            at = max(0, at - 1)
        else:
            shown[at : at + len(part)] = part
            at += len(part)
    return "".join(shown) + ("\r" if line.endswith("\r") else "")


class Tail:
    """The last characters of a text that was cut, and how many are missing before them.

    Args:
        size: Characters to keep.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = ""
        self._seen = 0

    def add(self, text: str) -> None:
        """Take more text."""
        self._seen += len(text)
        self._kept += text
        if len(self._kept) > 2 * self._size:
            self._kept = self._kept[-self._size :]

    def text(self) -> str:
        """Return a line that says what is missing, and what was kept."""
        kept = self._kept[-self._size :]
        missing = self._seen - len(kept)
        note = f"\n[... {missing} characters left out ...]\n" if missing else ""
        return note + kept


def shortened(text: str, size: int) -> str:
    """Cut `text` to its head and tail of about `size` characters together."""
    if len(text) <= size:
        return text
    head = size * 2 // 3
    tail = size - head
    missing = len(text) - size
    return f"{text[:head]}\n[... {missing} characters left out ...]\n{text[-tail:]}"
