"""What a program wrote to a terminal, as plain text for a model.

Escape sequences colour text and move a cursor; a model reads neither. What they leave behind here
is what a person would have read: a progress bar in its last state, a name without its colour.
"""

from __future__ import annotations

import codecs
import re

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
_CURSOR = re.compile(r"([\r\x08])")
_MUTE = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]")
HELD = 4096
"""The longest unfinished sequence, in characters, that is waited for."""


def without_ansi(text: str) -> str:
    """Remove escape sequences, and control characters that print nothing."""
    return _MUTE.sub("", _ANSI.sub("", text))


def plain(text: str) -> str:
    """Return what a person reads: without sequences, carriage returns and backspaces in effect."""
    lines = without_ansi(text.replace("\r\n", "\n")).split("\n")
    return "\n".join(_overwritten(line) for line in lines)


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


def _overwritten(line: str) -> str:
    """Let carriage returns and backspaces of one line take effect."""
    if "\r" not in line and "\x08" not in line:
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
    return "".join(shown)
