"""Makes pairs of texts into examples to learn from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from pair import Pair
from training import Bag, Example, Floats

from jupyter_mcp.toolsets.search.embedding.vocabulary import Vocabulary
from jupyter_mcp.toolsets.search.lexical.words import split

_SHARE = {"function": 1.0, "cell": 1.0, "docs": 1.0, "name": 0.3, "comment": 0.2}
"""How many of a kind are used: names and comments would drown the rest."""

_CODE = 2_500
_REST = 800
"""Characters of code, and of what stands beside it, that are looked at."""

_SAME = 2
"""How often a sentence may stand for different code, such as "Return the name."."""

_RARE = 5
"""Texts that a word must stand in."""

Pairs = Mapping[str, Sequence[Pair]]
"""By package."""


def count_words(used: Pairs, most: int) -> tuple[list[str], Floats]:
    """Return the words of the table, the frequent ones first, and the share of texts of each."""
    counts: Counter[str] = Counter()
    texts = 0
    for _, pair in _kept(used):
        for text in (pair.query, pair.code[:_CODE], pair.rest[:_REST]):
            counts.update(set(split(text)))
            texts += 1
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:most]
    words = [word for word, count in ordered if count >= _RARE]
    return words, np.array([counts[word] / texts for word in words], np.float32)


class Maker:
    """Makes examples.

    Args:
        words: Of the table.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.counts: Counter[str] = Counter()
        """How many there are of each package."""
        self._vocabulary = Vocabulary(words)
        self._groups: dict[bytes, int] = {}

    def examples(self, used: Pairs) -> list[Example]:
        """Return all examples; those of one file are neighbours."""
        random = np.random.default_rng(1)
        found = []
        for package, pair in _kept(used):
            code = pair.code[:_CODE]
            if pair.rest and random.random() < 0.5:  # noqa: PLR2004 - with and without
                code += "\n" + pair.rest[:_REST]
            query, answer = self._bag(pair.query), self._bag(code)
            if len(query.rows) >= 2 and len(answer.rows) >= 3:  # noqa: PLR2004
                found.append(Example(query, answer, self._group(pair.code)))
                self.counts[package] += 1
        return found

    def _bag(self, text: str) -> Bag:
        summed: dict[int, float] = {}
        for row, weight in zip(*self._vocabulary.rows(text), strict=True):
            summed[row] = summed.get(row, 0.0) + weight
        return Bag(
            np.fromiter(summed, np.int32, len(summed)),
            np.fromiter(summed.values(), np.float32, len(summed)),
        )

    def _group(self, code: str) -> int:
        key = hashlib.blake2b(" ".join(code.split())[:400].encode("utf-8", "replace")).digest()
        return self._groups.setdefault(key, len(self._groups))


def _kept(used: Pairs) -> Iterator[tuple[str, Pair]]:
    asked: Counter[str] = Counter()
    random = np.random.default_rng(2)
    for package in sorted(used):
        for pair in used[package]:
            asked[pair.query.lower()] += 1
            if asked[pair.query.lower()] <= _SAME and random.random() < _SHARE[pair.kind]:
                yield package, pair
