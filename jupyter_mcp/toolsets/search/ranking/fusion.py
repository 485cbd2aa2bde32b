"""What several engines found as one list: a convex sum of their scores.

Each engine's scores are stretched over 0 to 1, for words and vectors are measured in different
units. Ranks alone (RRF) would lose how sure an engine is, and a good one gains little from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

DEPTH = 100
"""So many of the best of an engine say what its 0 and its 1 are."""

Weights = Mapping[str, float]


def _by_engines(*weights: Weights) -> Mapping[frozenset[str], Weights]:
    return MappingProxyType({frozenset(each): MappingProxyType(each) for each in weights})


WEIGHTS = _by_engines(
    {"lexical": 0.6, "static": 0.4},
    {"lexical": 0.3, "second": 0.7},
    {"static": 0.2, "second": 0.8},
    {"lexical": 0.25, "static": 0.15, "second": 0.6},
)
"""What each engine counts for, by the engines that were asked; chosen on held-out questions."""

LONG = 6
"""From so many telling words on a question is a sentence."""

LONG_WEIGHTS = _by_engines(
    {"lexical": 0.5, "second": 0.5}, {"lexical": 0.4, "static": 0.2, "second": 0.4}
)
"""The same for sentences, where it differs: one vector says less of many words, and each of them
is one more to find."""

Scores = Mapping[str, Sequence[tuple[int, float]]]


def stretch(scores: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Return the scores of one engine between 0 and 1; what lies below its best is 0.

    An engine that found few left out only what scores nothing at all, so its last is better than 0.

    Args:
        scores: Piece and score, in any order; higher is better.
    """
    if not scores:
        return {}
    best = sorted((score for _, score in scores), reverse=True)[:DEPTH]
    top, bottom = best[0], best[-1] if len(best) == DEPTH else min(best[-1], 0.0)
    if top <= bottom:
        return dict.fromkeys((piece for piece, _ in scores), 1.0)
    return {piece: max(0.0, (score - bottom) / (top - bottom)) for piece, score in scores}


def weights_of(found: Scores, length: int = 0) -> Weights:
    """Return what each engine that was asked counts for; all together 1."""
    engines = frozenset(found)
    known = LONG_WEIGHTS.get(engines) if length >= LONG else None
    known = known or WEIGHTS.get(engines)
    return known if known is not None else dict.fromkeys(found, 1 / max(1, len(found)))


def fuse(found: Scores, length: int = 0) -> dict[int, dict[str, float]]:
    """Return what each engine adds to each piece's score.

    Args:
        found: Of each engine that was asked, what it found, also when that is nothing.
        length: How many telling words the question has.
    """
    weights = weights_of(found, length)
    fused: dict[int, dict[str, float]] = {}
    for engine, scores in found.items():
        for piece, score in stretch(scores).items():
            fused.setdefault(piece, {})[engine] = weights[engine] * score
    return fused
