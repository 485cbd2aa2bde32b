"""One list of hits, however much of it is asked for.

Only the best that an engine finds are ranked, and what is ranked together changes the order. Were
more ranked for a later page, it would repeat hits of the pages before it and leave others out. So
what more there is comes behind what was ranked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from jupyter_mcp.toolsets.search.ranking.rank import Ranked


def joined(stages: Iterable[Iterable[Ranked]]) -> Iterator[Ranked]:
    """Yield what several rankings have, one behind the other, each piece once.

    Scores of a later one are at most those before it, so that lists of several sources can be
    merged by them. It is made only when all before it was taken.
    """
    seen: set[int] = set()
    least = float("inf")
    for stage in stages:
        for one in stage:
            if one.id not in seen:
                seen.add(one.id)
                least = min(least, one.score)
                yield one if one.score == least else replace(one, score=least)
