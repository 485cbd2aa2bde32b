"""What stands in a question besides its words: names of code and quoted texts.

Somebody who types `getUserName` or ``Session.close`` looks for where it is defined; somebody who
quotes looks for exactly that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from jupyter_mcp.toolsets.search.lexical.words import telling

SAID = {
    "test": frozenset({"test", "tests", "testing", "tested", "unittest", "unittests", "pytest"}),
    "example": frozenset({"example", "examples", "demo", "tutorial", "sample"}),
    "stub": frozenset({"stub", "stubs", "typing"}),
    "prose": frozenset({"readme", "doc", "docs", "documentation", "documented", "guide", "manual"}),
}
"""Words that ask for what is put last otherwise."""

_PIECES = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_NAME = re.compile(r"[^\W\d]\w*(?:(?:\.|::|->|#)[^\W\d]\w*)*")
_QUOTED = re.compile(r"(?<!\w)(?:\"([^\"]{2,200})\"|'([^']{2,200})'|`([^`]{2,200})`)(?!\w)")
_JOINT = re.compile(r"\.|::|->|#")
_ENDING = re.compile(r"(?:ations?|ators?|ating|ated?|ings?|ions?|ers?|ors?|ed|es|s|e|y|ies)$")
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Name:
    """A name of code as it was asked for.

    Args:
        full: With all its parts, joined by dots.
        last: The last part.
    """

    full: str
    last: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart.

    Args:
        words: Its telling words, as stems.
        names: Names of code that stand in it.
        quotes: Texts that stand in quotation marks.
        is_name: Whether it is one name and nothing else.
        asks_for: Kinds of code it speaks of that are put last otherwise, see `SAID`.
    """

    words: frozenset[str]
    names: tuple[Name, ...]
    quotes: tuple[str, ...]
    is_name: bool
    asks_for: frozenset[str]

    def shared(self, text: str) -> frozenset[str]:
        """Return those of the words that a text has.

        Most texts are lines and names with none of them, and a stem begins the word that it is of,
        so they are cut into words only when a stem stands in them somewhere.
        """
        lower = text.lower()
        for word in self.words:
            if word in lower:
                return self.words & stems(pieces(text))
        return frozenset()


@lru_cache(maxsize=256)
def understand(text: str) -> Question:
    """Take a question apart."""
    spoken = frozenset(pieces(text))
    told = telling(text)
    names = tuple(_names(text))
    return Question(
        words=stems(pieces(told)),
        names=names,
        quotes=tuple(quote for found in _QUOTED.findall(text) if (quote := "".join(found).strip())),
        is_name=bool(names) and len(text.split()) == 1,
        asks_for=frozenset(kind for kind, words in SAID.items() if words & spoken),
    )


def pieces(text: str) -> list[str]:
    """Split text into lower-case words, also within names."""
    return [piece.lower() for piece in _PIECES.findall(text)]


def stems(words: Iterable[str]) -> frozenset[str]:
    """Return the stems of words that have more than one letter."""
    return frozenset(stem(word) for word in words if len(word) > 1)


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Cut a word's ending off, so that `validators`, `validation` and `validate` are one."""
    shorter = _ENDING.sub("", word)
    return shorter if len(shorter) >= _SHORTEST else word.removesuffix("s") or word


def _names(text: str) -> Iterable[Name]:
    stripped = text.strip().strip("`\"'").removesuffix("()")
    alone = _NAME.fullmatch(stripped) is not None
    quoted = {"".join(found).strip() for found in _QUOTED.findall(text)}
    for match in _NAME.finditer(text):
        told = match.group()
        is_called = text[match.end() : match.end() + 1] == "("
        if alone or is_called or told in quoted or _is_code(told):
            parts = _JOINT.split(told)
            yield Name(".".join(parts), parts[-1])


def _is_code(told: str) -> bool:
    """Whether a word is written as only code is: `a_b`, `aB`, `AbcDef`, `a.b`, but no `e.g`."""
    parts = _JOINT.split(told)
    if len(parts) > 1:
        return max(map(len, parts)) > 1 and parts[-1].lower() not in {"py", "js", "ts", "go"}
    inner = told.strip("_")
    has_case = any(letter.isupper() for letter in inner[1:]) and not inner.isupper()
    return "_" in told or (has_case and any(letter.islower() for letter in inner))
