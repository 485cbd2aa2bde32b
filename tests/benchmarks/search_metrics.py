"""How good an order is: NDCG@10, MRR and recall@10."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.search_data import Documents, FileQuestion

K = 10

Search = Callable[[str], Sequence[str]]
"""Returns ids or paths for a question, the best first."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over questions.

    Args:
        ndcg: NDCG@10.
        mrr: Mean of 1 by the place of the first right answer.
        recall: Share of the right answers among the first ten.
        count: How many questions.
    """

    ndcg: float
    mrr: float
    recall: float
    count: int

    @property
    def error(self) -> float:
        """One standard error, about: half of the spread that a score between 0 and 1 can have."""
        return 0.4 / math.sqrt(max(1, self.count))

    def __str__(self) -> str:
        return (
            f"{self.ndcg:.3f}; MRR {self.mrr:.3f}, R@{K} {self.recall:.3f}, {self.count} questions"
        )


def of_documents(search: Search, documents: Documents) -> Quality:
    """Return how well documents are found."""
    return _mean(_places(search(text), [right]) for text, right in documents.queries)


def of_files(asked: Iterable[tuple[Search, Sequence[FileQuestion]]]) -> Quality:
    """Return how well files are found: each counts at the place of its first piece (as semble)."""
    return _mean(
        _places(search(question.text), question.paths)
        for search, questions in asked
        for question in questions
    )


def _places(found: Sequence[str], right: Sequence[str]) -> tuple[list[int], int]:
    """Return at which places, from 1, right answers are, and how many there could be."""
    best = list(found)[:K]
    return [best.index(one) + 1 for one in right if one in best], len(right)


def _mean(questions: Iterable[tuple[list[int], int]]) -> Quality:
    scores = [_of_question(places, right) for places, right in questions]
    count = len(scores) or 1
    ndcg, mrr, recall = (sum(score[at] for score in scores) / count for at in range(3))
    return Quality(ndcg, mrr, recall, len(scores))


def _of_question(places: Sequence[int], right: int) -> tuple[float, float, float]:
    gained = sum(1 / math.log2(place + 1) for place in places)
    ideal = sum(1 / math.log2(place + 1) for place in range(1, min(right, K) + 1))
    return gained / ideal, 1 / min(places) if places else 0.0, len(places) / right
