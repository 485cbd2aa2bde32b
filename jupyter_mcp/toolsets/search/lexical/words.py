"""Cuts text into the words that it is found by.

An identifier counts as its parts and as itself: ``getUserName`` and ``get_user_name`` are both
found by "user name", and best of all by either spelling, because what is whole is written as
``getusername``. The full-text index then only has to stem words, which are all plain.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from jupyter_mcp.toolsets.search.chunk import Chunk

_LONGEST = 64
"""Characters of the longest word: what is longer is data, such as a picture in base64."""

_LONGEST_NAME = 256
"""Characters of the longest name of several words, such as that of a test that is a sentence."""

_IN_SNAKE_CASE, _IN_CAMEL_CASE = 3, 4
"""So many characters has each part of a long name, on an average: those of base64 have two."""

_BETWEEN = 16
"""Characters for each underscore of a long name in snake case: base64 for URLs has sixty."""

_WORD = re.compile(r"\w+")

_ENOUGH = 2
"""Words of a question that can do without the name of a language."""

_WIDE = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)"
)
"""Runs of letters of languages that are written without spaces, also around Latin words."""

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")


@dataclass(frozen=True, slots=True)
class Columns:
    """The words of a chunk as the index keeps them: plain, in lower case, between spaces.

    Args:
        symbol: Of its name.
        path: Of its file's path.
        extra: Of what belongs to it.
        body: Of its text.
    """

    symbol: str
    path: str
    extra: str
    body: str

    @property
    def length(self) -> int:
        """How many words there are."""
        return sum(told.count(" ") + 1 for told in self._all if told)

    @property
    def _all(self) -> tuple[str, str, str, str]:
        return self.symbol, self.path, self.extra, self.body


def columns(chunk: Chunk) -> Columns:
    """Return the words of `chunk`: the same chunk always gives the same ones."""
    return Columns(
        symbol=" ".join(split(chunk.symbol)),
        path=" ".join(split(chunk.path)),
        extra=" ".join(split(chunk.extra)),
        body=" ".join(split(chunk.text)),
    )


def split(text: str) -> list[str]:
    """Return the words of a text in their order, each identifier as its parts and as itself."""
    return [word for found in _WORD.findall(text) for word in _expand(found)]


def terms(query: str) -> list[str]:
    """Return each word to look for once; stop words only when there is nothing else."""
    from jupyter_mcp.toolsets.search.lexical.stop_words import STOP_WORDS

    found = list(dict.fromkeys(split(telling(query))))
    return [word for word in found if word not in STOP_WORDS] or found


def telling(query: str) -> str:
    """Return the words of a question that say what is looked for, as they are spelled there.

    Names of languages are left out beside two other words: of five hundred questions about Python
    all say so, and hardly any of the answers.
    """
    from jupyter_mcp.toolsets.search.lexical.stop_words import LANGUAGES, STOP_WORDS

    found = _WORD.findall(query)
    kept = [word for word in found if word.lower() not in STOP_WORDS] or found
    others = [word for word in kept if word.lower() not in LANGUAGES]
    return " ".join(others if len(others) >= _ENOUGH else kept)


@lru_cache(maxsize=1 << 16)
def _expand(identifier: str) -> tuple[str, ...]:
    if identifier.isascii():
        return _parts(identifier)
    identifier = _plain(identifier)
    if not _WIDE.search(identifier):
        return _parts(identifier)
    runs = enumerate(_WIDE.split(identifier))  # each second one is wide
    return tuple(word for at, run in runs for word in (_pairs(run) if at % 2 else _parts(run)))


def _parts(identifier: str) -> tuple[str, ...]:
    if len(identifier) > _LONGEST_NAME:
        return ()
    parts = [part.lower() for part in _PART.findall(identifier)]
    if len(identifier) > _LONGEST and not _is_name(identifier, parts):
        return ()
    if len(parts) < 2:  # noqa: PLR2004
        return tuple(parts)
    return (*(each for each in parts if _tells(each)), "".join(parts))


def _is_name(identifier: str, parts: list[str]) -> bool:
    """Whether something long is a name that somebody wrote, and no data or a hash."""
    if max(map(len, parts), default=0) > _LONGEST:
        return False
    whole = "".join(parts)
    if identifier.count("_") * _BETWEEN >= len(identifier):
        return len(whole) >= _IN_SNAKE_CASE * len(parts)
    return whole.isalpha() and len(whole) >= _IN_CAMEL_CASE * len(parts)


def _tells(part: str) -> bool:
    return len(part) > 1 and not part.isdecimal()


def _plain(text: str) -> str:
    """Return `text` without accents, in one spelling of each letter; ASCII keeps its case."""
    apart = unicodedata.normalize("NFKD", text)
    plain = (c if c.isascii() else c.casefold() for c in apart if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", "".join(plain))


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(max(1, len(run) - 1))]
