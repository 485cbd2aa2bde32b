from __future__ import annotations

from collections.abc import Iterator

from jupyter_mcp.toolsets.search.ranking.rank import Ranked
from jupyter_mcp.toolsets.search.ranking.stages import joined


def test_what_is_ranked_later_comes_behind_and_no_piece_twice() -> None:
    first, second = (
        [Ranked(1, 0.9), Ranked(2, 0.5)],
        [Ranked(3, 0.8), Ranked(2, 0.6), Ranked(4, 0.1)],
    )
    found = list(joined([first, second]))
    assert [(one.id, one.score) for one in found] == [(1, 0.9), (2, 0.5), (3, 0.5), (4, 0.1)]


def test_nothing_is_ranked_before_it_is_asked_for() -> None:
    made: list[int] = []

    def stages() -> Iterator[list[Ranked]]:
        for number in range(2):
            made.append(number)
            yield [Ranked(number, 1.0)]

    pages = joined(stages())
    assert (next(pages).id, made) == (0, [0])
    assert (next(pages).id, made) == (1, [0, 1])
