"""Variables of a kernel, found by name, type and summary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.scopes.matching import fitting
from jupyter_mcp.toolsets.search.scopes.variables import Variable, found

KERNEL = [
    Variable("df_counts", "DataFrame", "1000 x 3: gene, count, normalised"),
    Variable("normaliseCounts", "function", "normaliseCounts(frame)"),
    Variable("weights", "ndarray", "(3, 4) float32"),
    Variable("n", "int", "3"),
]


def names(text: str, **options: object) -> list[str]:
    return [each.name for each, _ in found(KERNEL, text, 10, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("df_counts", "df_counts"),
        ("the data frame with the gene column", "df_counts"),
        ("float array", "weights"),
        ("normalise function", "normaliseCounts"),
    ],
)
def test_the_best_is_first(text: str, first: str) -> None:
    assert names(text)[0] == first


def test_scores_are_of_at_most_one_and_fall() -> None:
    scores = [score for _, score in found(KERNEL, "normalise counts", 10)]
    assert scores[0] == 1.0
    assert scores == sorted(scores, reverse=True)
    assert len(found(KERNEL, "normalise counts", 1)) == 1


def test_a_text_is_looked_for_as_it_is() -> None:
    assert names("(3, 4)", mode="literal") == ["weights"]
    assert names("3, 4)", mode="literal") == ["weights"]
    assert names("(4, 3)", mode="literal") == []


def test_capitals_count_only_where_the_text_has_some() -> None:
    assert names("dataframe", mode="literal") == ["df_counts"]
    assert names("Dataframe", mode="literal") == []


@pytest.mark.parametrize(
    ("pattern", "found_names"),
    [
        (r"^df_", ["df_counts"]),
        (r"^dataframe$", ["df_counts"]),
        (r"^\(\d, \d\) float\d+$", ["weights"]),
        (r"^\w+: int", ["n"]),
        (r"Normalise", []),
        (r"normalise", ["df_counts", "normaliseCounts"]),
        (r"zebra", []),
    ],
)
def test_a_pattern_is_looked_for_in_names_types_and_summaries(
    pattern: str, found_names: list[str]
) -> None:
    assert names(pattern, mode="regex") == found_names


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(ToolError, match="is no regular expression"):
        names("(", mode="regex")


def test_a_pattern_that_never_ends_is_ended() -> None:
    with pytest.raises(ToolError, match=r"took more than 0\.5 seconds over 1 variables"):
        fitting("(a+)+$", ["a" * 60 + "!"], 0.5)


def test_thousands_of_variables_are_all_searched() -> None:
    many = [Variable(f"sample_{number}", "list", "3 items") for number in range(20_000)]
    for text, mode in (("sample 19999", "hybrid"), ("19999", "literal"), ("9{4}$", "regex")):
        (best, *_) = found(many, text, 3, mode)  # type: ignore[arg-type]
        assert "9999" in best[0].name, mode


def test_nothing_is_found_where_nothing_is() -> None:
    assert names("zebra") == []
    assert found([], "df", 10) == []
    assert names("+-*/") == []


@given(st.text(max_size=80), st.text(max_size=40))
def test_no_text_breaks_it(text: str, name: str) -> None:
    told = found([Variable(name, "str", text)], text, 5)
    assert all(0.0 <= score <= 1.0 for _, score in told)
