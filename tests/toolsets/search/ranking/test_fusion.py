import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.search.ranking.fusion import (
    DEPTH,
    LONG,
    LONG_WEIGHTS,
    WEIGHTS,
    fuse,
    stretch,
    weights_of,
)

scored = st.lists(
    st.tuples(st.integers(0, 500), st.floats(-1e6, 1e6)), max_size=300, unique_by=lambda one: one[0]
)


def test_few_are_measured_from_nothing() -> None:
    assert stretch([(1, 1.0), (2, 4.0), (3, 2.0)]) == {1: 0.25, 2: 1.0, 3: 0.5}


def test_scores_below_nothing_are_measured_from_the_last() -> None:
    assert stretch([(1, -3.0), (2, 5.0), (3, 1.0)]) == {1: 0.0, 2: 1.0, 3: 0.5}


def test_what_lies_below_the_best_hundred_counts_nothing() -> None:
    stretched = stretch([(piece, float(-piece)) for piece in range(DEPTH + 50)])
    assert stretched[DEPTH - 1] == stretched[DEPTH + 49] == 0.0
    assert stretched[DEPTH - 2] > 0


def test_a_single_hit_is_the_best() -> None:
    assert stretch([(7, 0.2)]) == {7: 1.0}


def test_engines_add_up_by_their_weights() -> None:
    fused = fuse({"lexical": [(1, 9.0), (2, 4.5)], "static": [(2, 0.9), (3, 0.1)]})
    weights = WEIGHTS[frozenset({"lexical", "static"})]
    assert fused[1] == {"lexical": weights["lexical"]}
    assert fused[2] == {"lexical": weights["lexical"] / 2, "static": weights["static"]}


def test_an_engine_that_found_nothing_takes_its_weight_along() -> None:
    assert fuse({"lexical": [(1, 2.0)], "static": []})[1]["lexical"] < 1


def test_engines_without_weights_count_alike() -> None:
    assert fuse({"dense": [(1, 0.5)]}) == {1: {"dense": 1.0}}
    assert fuse({}) == {}


def test_words_count_for_more_in_a_sentence_where_a_transformer_answers_too() -> None:
    found = {"lexical": [(1, 2.0)], "static": [(2, 2.0)], "second": [(3, 1.0)]}
    assert fuse(found, LONG)[1]["lexical"] > fuse(found, LONG - 1)[1]["lexical"]
    assert fuse(found, LONG)[3]["second"] < fuse(found, LONG - 1)[3]["second"]


@pytest.mark.parametrize("length", [0, LONG])
@pytest.mark.parametrize("engines", [*WEIGHTS, *LONG_WEIGHTS])
def test_weights_add_up_to_one(engines: frozenset[str], length: int) -> None:
    weights = weights_of({engine: [] for engine in engines}, length)
    assert math.isclose(sum(weights.values()), 1)


@given(scored)
def test_scores_stay_in_order_and_between_nothing_and_one(scores: list[tuple[int, float]]) -> None:
    stretched = stretch(scores)
    ordered = [stretched[piece] for piece, _ in sorted(scores, key=lambda one: one[1])]
    assert ordered == sorted(ordered)
    assert all(0 <= score <= 1 for score in ordered)
