"""The variables of a kernel, searched by their names, types and summaries.

What a kernel holds may be secret and changes with each cell, so nothing of it is written to disk:
a database in memory lives for one question.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

from jupyter_mcp.toolsets.search.lexical.scan import is_insensitive
from jupyter_mcp.toolsets.search.query import Mode
from jupyter_mcp.toolsets.search.scopes.matching import fitting

WEIGHTS = "4.0, 2.0, 2.0, 1.0"
"""How much a word counts in the name, its parts, the type and the summary."""

MOST_WORDS = 64

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a kernel.

    Args:
        name: Its name.
        type: Its type's name.
        summary: Shape, columns, length or a short repr, as the kernel tells it.
    """

    name: str
    type: str
    summary: str

    @property
    def told(self) -> str:
        """All that is known, in a line."""
        return f"{self.name}: {self.type} {self.summary}".strip()

    @property
    def lines(self) -> str:
        """The same, and each part in a line of its own: where a pattern may begin and end."""
        return f"{self.told}\n{self.name}\n{self.type}\n{self.summary}"


def found(
    variables: Sequence[Variable], text: str, limit: int, mode: Mode = "hybrid"
) -> list[tuple[Variable, float]]:
    """Return the variables that fit a question best, with scores of at most 1.

    Args:
        variables: All of them.
        text: Words, or a pattern where the mode is ``literal`` or ``regex``.
        limit: The most.
        mode: All others look for words.

    Raises:
        ToolError: ``invalid_arguments`` for a pattern that is none, ``timeout`` for one that
            takes too long.
    """
    if mode == "regex":
        numbers = fitting(text, [_safe(each.lines) for each in variables]) if variables else []
        return [(variables[number], 1.0) for number in numbers[:limit]]
    if mode == "literal":
        return [(each, 1.0) for each in variables if _holds(each, text)][:limit]
    words = [word.lower() for word in _parts(text)]
    if not words or not variables:
        return []
    with closing(_filled(variables)) as database:
        asked = " OR ".join(f'"{word}"*' for word in dict.fromkeys(words[:MOST_WORDS]))
        rows = database.execute(
            f"SELECT rowid, -bm25(v, {WEIGHTS}) FROM v WHERE v MATCH ? ORDER BY 2 DESC LIMIT ?",  # noqa: S608 - our own numbers
            (asked, limit),
        ).fetchall()
    most = max((score for _, score in rows), default=0.0)
    return [(variables[number - 1], score / most if most > 0 else 1.0) for number, score in rows]


def _holds(variable: Variable, text: str) -> bool:
    """Tell whether a text is in it; one without capitals is found whatever the capitals."""
    told = variable.told
    return text in (told.lower() if is_insensitive(text, is_regex=False) else told)


def _filled(variables: Iterable[Variable]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE v USING fts5(name, parts, type, summary, tokenize=porter)"
    )
    database.executemany(
        "INSERT INTO v VALUES (?, ?, ?, ?)",
        (
            tuple(map(_safe, (each.name, " ".join(_parts(each.name)), each.type, each.summary)))
            for each in variables
        ),
    )
    return database


def _safe(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _parts(text: str) -> list[str]:
    """Return the words of a text and the parts of its identifiers."""
    words: list[str] = []
    for word in _WORD.findall(_safe(text)):
        parts = _PART.findall(word)
        words += [word, *parts] if len(parts) > 1 else [word.strip("_")]
    return [word for word in words if word]
