"""The words that the static table knows, and which of them a text is made of.

A word that stands in a text ten times does not say ten times as much, so its weight grows with the
logarithm. That also makes it quick: each spelling of a text is cut into its words once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log

from jupyter_mcp.toolsets.search.lexical.words import split

_SPELLING = re.compile(r"\w+")

_LONGEST = 20_000
"""Characters of a text that are looked at; chunks are far shorter."""

_MOST = 512
"""Different spellings of a text that are looked at."""

_REMEMBERED = 1 << 16
"""Spellings whose words are kept; then all are forgotten, which bounds the memory."""


class Vocabulary:
    """Knows the rows of words.

    Args:
        words: A word for each row of the table.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._rows = {word: row for row, word in enumerate(words)}
        self._known: dict[str, tuple[int, ...]] = {}

    def rows(self, text: str) -> tuple[list[int], list[float]]:
        """Return rows with their weights, a row once for each spelling that it is part of."""
        rows: list[int] = []
        weights: list[float] = []
        known = self._known
        counts = Counter(_SPELLING.findall(text[:_LONGEST]))
        for spelling, count in list(counts.items())[:_MOST]:
            found = known.get(spelling)
            if found is None:
                found = self._learn(spelling)
            rows += found
            weights += (1.0 + log(count) if count > 1 else 1.0,) * len(found)
        return rows, weights

    def _learn(self, spelling: str) -> tuple[int, ...]:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        rows = self._rows
        found = tuple(rows[word] for word in split(spelling) if word in rows)
        self._known[spelling] = found
        return found
