"""The text of what programs print: what a terminal would show, and what is kept of too much of it.

Escape sequences colour text and move a cursor; a model reads neither. What is left here is what a
person would have read: a progress bar in its last state, a name without its colour.
"""

from __future__ import annotations

import codecs
import re

OVERWRITES = re.compile(r"\r(?!\n)|\x08")
_ANSI = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC
    r"|[ -/]+[0-~]"  # nF, such as the choice of a character set
    r"|[0-Z\\^-~]"  # Fp, Fe, Fs
    r")"
)
"""ECMA-48, section 5.3 and 5.4."""
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_MUTE = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]")
_CURSOR = re.compile(r"([\r\x08])")
HELD = 4096
"""The longest unfinished sequence, in characters, that is waited for."""


def without_ansi(text: str) -> str:
    """Remove the escape sequences that colour a terminal or move its cursor (ECMA-48)."""
    return _ANSI.sub("", text)


def plain(text: str) -> str:
    """Return what a person reads: no sequences nor mute characters, the cursor's moves done."""
    return overwritten(_MUTE.sub("", without_ansi(text))).replace("\r", "")


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


def decoded(data: bytes, *, is_last: bool, whole_sequences: bool) -> tuple[str, int]:
    """Return the text of `data` up to where it is complete, and how many bytes that is.

    Args:
        data: UTF-8; what is none becomes U+FFFD.
        is_last: Whether nothing can follow.
        whole_sequences: Whether an escape sequence that is not finished is left for later, too.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data, final=is_last)
    used = len(data) - len(decoder.getstate()[0])
    if whole_sequences and not is_last:
        unfinished = _UNFINISHED.search(text, max(0, len(text) - HELD))
        if unfinished is not None:
            used -= len(unfinished[0].encode())
            text = text[: unfinished.start()]
    return text, used
