"""Looks for text that is written for a model rather than for a person.

A deterministic scan of tool descriptions and of results from strangers: hidden characters, phrases
that give orders to a model, names of other tools, encoded text, links that carry data away. It
flags and never blocks: whoever means harm can word it anew, and a page about such attacks quotes
them. What is flagged is told to the model, to the audit and to the person who approves.

Every pattern is bounded and without a repeat inside a repeat, and text is read in windows, so the
time grows with the length of the text and with nothing else.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_mcp.security.untrusted import phrases

FindingKind = Literal[
    "hidden_text", "bidi_control", "instruction", "foreign_tool", "encoded_text", "data_link"
]

WINDOW = 16 * 1024
"""Characters that are looked at in one go: between windows other threads get their turn."""

OVERLAP = 512
"""Characters that two windows share, so that nothing hides on the border."""

LIMIT = 512 * 1024
"""The most characters of a text that are looked at: both ends of a longer one."""

MOST = 20
"""The most findings of one text; one is enough to be careful."""

EXCERPT = 100

_TAGS = "[\U000e0000-\U000e007f]"
_ZERO = "[\u200b-\u200d\u2060-\u2064\ufeff\u115f\u1160\u3164\u180e]"
_SELECTORS = "[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
HIDDEN = re.compile(
    f"\U0001f3f4?{_TAGS}{{2,64}}|{_SELECTORS}{{2,64}}|{_ZERO}{{3,64}}"
    f"|(?<=[A-Za-z]){_ZERO}{{1,2}}(?=[A-Za-z])"
)
FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{3,6}\U000e007f")
"""The flag of England and its kin: tags that are meant to be there (Unicode TR51)."""
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]{1,16}")
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_\-=])[A-Za-z0-9+/_\-]{48,4096}={0,2}")
HEX = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64,4096}(?![0-9A-Fa-f])")
LINK = re.compile(r"""https?://[^\s"'<>)]{4,2000}""")
IMAGE = re.compile(r"""!\[[^\]\n]{0,200}\]\(<?$|<img\b[^>]{0,200}?src ?= ?["']?$""")
QUERY_VALUE = re.compile(r"[?&#;][^=&#;\s]{0,64}=([^&#;\s]{1,1500})")
PLACEHOLDER = re.compile(r"\{[a-z_ ]{2,40}\}|%7B[a-z_]{2,40}%7D|\[[A-Z_]{3,40}\]|<[a-z_ ]{2,40}>")
TOOL_NAME = re.compile(r"(?<![A-Za-z0-9_.\-/])[A-Za-z][A-Za-z0-9]{0,63}[_\-][A-Za-z0-9_\-]{1,64}")

SHORTEST_CODE = 48
LONG_VALUE = 48
LONG_WORD = 24
BETWEEN_WORDS = re.compile(r"[+\-_.,]|%20")
DATA_ENTROPY = 3.8
"""A value in a link is data when it is long, has a part no word is as long as, and this many bits
for each character: hex has at most 4, base64 of text about 4.5, one letter again and again 0."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should look at.

    Args:
        kind: What it is.
        place: Where it was, such as ``description`` or ``content``.
        excerpt: A piece of it, with everything that cannot be seen written out.
    """

    kind: FindingKind
    place: str
    excerpt: str

    def to_json(self) -> dict[str, str]:
        """Return it as JSON."""
        return {"kind": self.kind, "place": self.place, "excerpt": self.excerpt}


def scan(
    text: str, place: str = "text", foreign: frozenset[str] = frozenset()
) -> tuple[Finding, ...]:
    """Return what in `text` seems to be written for a model.

    Args:
        text: What a stranger wrote.
        place: Where it stood.
        foreign: Names of tools that the text has no reason to name.
    """
    found: dict[Finding, None] = {}
    for window in _windows(text):
        for look in _LOOKS:
            for kind, excerpt in look(window):
                found[Finding(kind, place, excerpt_of(excerpt))] = None
                if len(found) >= MOST:
                    return tuple(found)
        for name in foreign and TOOL_NAME.findall(window):
            if name in foreign:
                found[Finding("foreign_tool", place, name)] = None
    return tuple(found)[:MOST]


def scan_all(value: Any, place: str, foreign: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """Return the findings of all strings of a JSON value, each with its place."""
    found: dict[Finding, None] = {}
    for where, text in _strings(value, place):
        found.update(dict.fromkeys(scan(text, where, foreign)))
        if len(found) >= MOST:
            break
    return tuple(found)[:MOST]


def excerpt_of(text: str) -> str:
    """Return `text` short and on one line, with what cannot be seen written out."""
    shown = text[:EXCERPT].encode("ascii", "backslashreplace").decode()
    return " ".join(re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "?", shown).split())[: 3 * EXCERPT]


def _windows(text: str) -> Iterator[str]:
    if len(text) > LIMIT:
        yield from _windows(text[: LIMIT // 2])
        yield from _windows(text[-LIMIT // 2 :])
        return
    for start in range(0, max(len(text), 1), WINDOW):
        yield text[max(0, start - OVERLAP) : start + WINDOW]


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{place} (name)", str(key)
            yield from _strings(item, f"{place}.{excerpt_of(str(key))}" if place else str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item, place)


Found = Iterator[tuple[FindingKind, str]]


def _hidden(text: str) -> Found:
    if text.isascii():
        return
    for match in HIDDEN.finditer(text):
        if not FLAG.fullmatch(match.group()):
            yield "hidden_text", _around(text, match)
    for match in BIDI.finditer(text):
        yield "bidi_control", _around(text, match)


def _orders(text: str) -> Found:
    for order in phrases.orders(text):
        yield "instruction", order


def _encoded(text: str) -> Found:
    for word in text.split():
        if len(word) < SHORTEST_CODE:
            continue
        for match in HEX.finditer(word):
            digits = match.group()
            if reads_as_text(bytes.fromhex(digits[: len(digits) // 2 * 2])):
                yield "encoded_text", digits
        for match in BASE64.finditer(word):
            if reads_as_text(_from_base64(match.group())):
                yield "encoded_text", match.group()


def _links(text: str) -> Found:
    if "://" not in text:
        return
    for match in LINK.finditer(text):
        values = QUERY_VALUE.findall(match.group())
        if any(map(_is_data, values)) or (
            any(map(PLACEHOLDER.search, values))
            and IMAGE.search(text, max(0, match.start() - 256), match.start())
        ):
            yield "data_link", match.group()


_LOOKS: tuple[Callable[[str], Found], ...] = (_hidden, _orders, _encoded, _links)


def reads_as_text(data: bytes) -> bool:
    """Return whether decoded bytes are words: a digest or an image never is."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    letters = sum(char.isalpha() or char == " " for char in text)
    return text.isprintable() and " " in text and letters > 0.8 * len(text)


def _is_data(value: str) -> bool:
    if len(value) < LONG_VALUE or entropy(value) <= DATA_ENTROPY:
        return False
    return max(map(len, BETWEEN_WORDS.split(value))) >= LONG_WORD


def entropy(text: str) -> float:
    """Return the Shannon entropy of `text` in bits for each character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def _from_base64(text: str) -> bytes:
    whole = text.rstrip("=").translate({45: "+", 95: "/"})
    try:
        return base64.b64decode(whole[: len(whole) // 4 * 4])
    except (ValueError, binascii.Error):
        return b""


def _around(text: str, match: re.Match[str]) -> str:
    return text[max(0, match.start() - 20) : match.end() + 20]
