"""A sentence and what it should find."""

from __future__ import annotations

import re
from typing import NamedTuple

_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`*\[:>@-])|\n\s*\n|\n\s*(?=[:@>*-])")
_ROLE = re.compile(r":[\w:]+:`~?\.?([^`]*)`")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>|https?://\S+")
_MARK = re.compile(r"[`*_#=~$\\|]+")
_SPACE = re.compile(r"\s+")
_EMPTY = re.compile(
    r"^(see|deprecated|note|todo|return self|returns? none|helper|internal|constructor|"
    r"initiali[sz]e (the )?(object|class|self)|parameters|arguments|args|inherited)\b.{0,30}$",
    re.IGNORECASE,
)
MOST = 240
"""Characters of the longest sentence."""


class Pair(NamedTuple):
    """A sentence and what it should find.

    Args:
        kind: Where it comes from: ``function``, ``name``, ``comment``, ``cell``, ``docs``.
        query: The sentence.
        code: What it should find.
        rest: What stands beside the code where it is found, such as the rest of a docstring.
    """

    kind: str
    query: str
    code: str
    rest: str


def plain(text: str) -> str:
    """Return prose without its marks."""
    text = _ROLE.sub(r"\1", text)
    text = _LINK.sub(lambda found: found[1] or " ", text)
    return _SPACE.sub(" ", text).strip()


def sentences(text: str) -> list[str]:
    """Return the sentences of prose that say something."""
    found = (plain(_MARK.sub(" ", part)) for part in _END.split(text))
    return [each[:MOST] for each in found if _says_something(each)]


def sentence(text: str) -> str:
    """Return the first sentence, or nothing when it says nothing."""
    first = plain(_END.split(text.strip(), maxsplit=1)[0])[:MOST]
    return first if _says_something(first) else ""


def _says_something(text: str) -> bool:
    words = re.findall(r"[A-Za-z]{2,}", text)
    letters = sum(map(len, words))
    return len(words) >= 3 and letters >= 0.6 * len(text) and not _EMPTY.match(text)  # noqa: PLR2004
