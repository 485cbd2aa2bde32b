"""Finds chunks by their words and orders them: BM25 in two steps.

The full-text index scores every row that holds a word, so what it does for each row is the time of
a search. It therefore scores without the rows' lengths (see `schema`), in which case its ``bm25``
counts every row as of length -4, and only the best rows are then corrected by their length.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from operator import itemgetter

from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.rarity import Rarity
from jupyter_mcp.toolsets.search.lexical.reading import restriction
from jupyter_mcp.toolsets.search.lexical.words import terms

SYMBOL, PATH, EXTRA, BODY = 4.0, 2.0, 1.0, 1.0
"""What a word in each column counts."""

LENGTH = 0.3
"""How much the length of a chunk counts against it, from 0 to 1."""

DEPTH = 400
"""Rows, at least, that are corrected by their length."""

ROWS = 3_000
"""Rows that may be scored before common words have to be in company."""

COUNTED = 20_000
"""Rows of common words that are looked at: before it scores anything, ``bm25`` goes through all
rows of each word. What is commoner still says next to nothing."""

MOST_TERMS = 64
"""Words of a question that are looked for; a pasted page is cut here."""

_K1, _B, _COLUMNS = 1.2, 0.75, 4
"""Constants of SQLite's ``bm25``."""


def search(
    connection: sqlite3.Connection, text: str, limit: int, wanted: Filter, rarity: Rarity
) -> list[tuple[int, float]]:
    """Return the best chunks for the words of `text` with their score, the best first."""
    words = terms(text)[:MOST_TERMS]
    if not words or limit < 1:
        return []
    total, average = _total_and_average(connection)
    counts = {word: rarity.of(connection, word, total) for word in words}
    depth, found = max(DEPTH, 2 * limit), dict[int, float]()
    for expression in _expressions(counts, total):
        for number, score in _rows(connection, expression, wanted, _scale(average), depth):
            found.setdefault(number, score)
    best = sorted(found.items(), key=itemgetter(1), reverse=True)[:depth]
    lengths = _lengths(connection, [number for number, _ in best])
    corrected = [
        (number, score / (1 - LENGTH + LENGTH * lengths.get(number, average) / average))
        for number, score in best
    ]
    return sorted(corrected, key=lambda one: (-one[1], one[0]))[:limit]


def any_of(words: Sequence[str]) -> str:
    """Return the full-text expression for any of some words."""
    return " OR ".join(f'"{word}"' for word in words)


def _expressions(counts: Mapping[str, int], total: int) -> list[str]:
    """Return what to ask for, one after the other; the first answer about a row counts.

    Rows that hold only common words are many and seldom the answer: where there are too many rows,
    one has to hold a rarer word, or all of the common ones.
    """
    rare, common = _parted(counts, total)
    if not common:
        return [any_of(rare)]
    asked = [f"({any_of(rare)}) AND ({any_of(common)})", any_of(rare)]
    if len(common) > 1:
        asked.append(" AND ".join(f'"{word}"' for word in common))
    return asked


def _parted(counts: Mapping[str, int], total: int) -> tuple[list[str], list[str]]:
    """Return the rarest words, at least one, that are in at most `ROWS` rows, and the others.

    Without those that are too common to be worth their time: ``bm25`` gives nothing for a word
    that is in half of all rows.
    """
    rare: list[str] = []
    common: list[str] = []
    rows = 0
    for word in sorted(counts, key=lambda word: counts[word]):
        rows += counts[word]
        if not rare or rows <= ROWS:
            rare.append(word)
        elif rows <= ROWS + COUNTED and 2 * counts[word] < total:
            common.append(word)
    return rare, common


def _rows(
    connection: sqlite3.Connection, expression: str, wanted: Filter, scale: float, depth: int
) -> list[tuple[int, float]]:
    """Return number and uncorrected score of the best rows.

    Where the average is just so that `k` (see `_scale`) is 0, SQLite divides 0 by 0.
    """
    condition, values = restriction(connection, wanted)
    weights = [weight * scale for weight in (SYMBOL, PATH, EXTRA, BODY)]
    return connection.execute(
        f"""SELECT id, coalesce(-cost, 0.0) FROM (
            SELECT words.rowid AS id, bm25(words, ?, ?, ?, ?) AS cost
            FROM words {"JOIN chunks c ON c.id = words.rowid" if condition else ""}
            WHERE words MATCH ? {condition} ORDER BY cost LIMIT ?
        )""",  # noqa: S608
        (*weights, expression, *values, depth),
    ).fetchall()


def _lengths(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, int]:
    asked = "SELECT id, length FROM lengths WHERE id IN (SELECT value FROM json_each(?))"
    return dict(connection.execute(asked, (json.dumps(numbers),)).fetchall())


def _total_and_average(connection: sqlite3.Connection) -> tuple[int, float]:
    """Return how many chunks there are and how many words each has on average."""
    asked = "SELECT value FROM meta WHERE name IN ('chunks', 'length') ORDER BY name"
    total, length = (int(value) for (value,) in connection.execute(asked))
    return total, max(1.0, length / max(1, total))


def _scale(average: float) -> float:
    """Return the factor of the weights with which ``bm25`` saturates as with lengths.

    It divides by ``f + k`` where `f` is the weighted count of a word and `k` would be 1.2 for a row
    of average length. Here `k` is smaller, or below 0 when the rows are very short; in that case
    a word counts the same however often it is there.
    """
    k = _K1 * (1 - _B - _B * _COLUMNS / average)
    return k / _K1 if k > 0 else 1000.0
