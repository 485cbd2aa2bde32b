"""Remembers how many rows hold a word: to count a common one takes longer than to search."""

from __future__ import annotations

import sqlite3

COUNTED = 24_000
"""Rows of a word that are counted, more than `ranking` looks at; all that are in more are as
common. It takes 1 ms, once for each word."""

_KEPT = 4096
"""Words that are remembered."""


class Rarity:
    """How rare words are, roughly: counted anew when the store has grown or shrunk by a tenth."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._total = 0

    def of(self, connection: sqlite3.Connection, word: str, total: int) -> int:
        """Return in how many rows a word is.

        Args:
            connection: Where to count.
            word: The word.
            total: How many rows there are.
        """
        if abs(total - self._total) * 10 > self._total or len(self._counts) > _KEPT:
            self._counts, self._total = {}, total
        counts = self._counts
        if word not in counts:
            counts[word] = _count(connection, word)
        return counts[word]


def _count(connection: sqlite3.Connection, word: str) -> int:
    rows = "SELECT 1 FROM words WHERE words MATCH ? LIMIT ?"
    asked = connection.execute(f"SELECT count(*) FROM ({rows})", (f'"{word}"', COUNTED))  # noqa: S608
    return int(asked.fetchone()[0])
