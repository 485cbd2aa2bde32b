"""Names out of files, made fit to be shown in a line.

A cell's id, a heading or a variable's name is whatever somebody wrote into a file. A new line in it
would begin a line of its own in an answer, an escape sequence would work on a terminal, and a mark
that turns the direction of writing would show another place than there is. Both sides show such
names, so this stands beside `errors` and imports nothing of ours.
"""

from __future__ import annotations

import re

_TURNS = r"\u202a-\u202e\u2066-\u2069"
_HALVES = r"\ud800-\udfff"
_END = re.compile(r"\r\n?")
_NAME = re.compile(rf"[\x00-\x1f\x7f-\x9f\u2028\u2029{_TURNS}{_HALVES}]")
_TEXT = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_TURNS}{_HALVES}]")


def one_line(name: str) -> str:
    """Return a name in which what would not stay in its line is written out."""
    return _NAME.sub(_written, name)


def harmless(text: str) -> str:
    """Return a text of several lines in which what a terminal acts upon is written out."""
    return _TEXT.sub(_written, _END.sub("\n", text))


def _written(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
