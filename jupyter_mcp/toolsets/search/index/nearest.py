"""Finds the pieces whose vectors are nearest to a question's, of those that it is about.

The store of vectors knows nothing but them, so what a question is not about is left out of what
is nearest of all. Where too little remains, the vectors of the wanted pieces are compared one by
one: a folder of five files may be far from a question and still hold its answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_mcp.toolsets.search.chunking.languages import NOTEBOOK, language_of
from jupyter_mcp.toolsets.search.index.meaning import Meaning
from jupyter_mcp.toolsets.search.index.stores import Stores
from jupyter_mcp.toolsets.search.lexical.filter import Filter

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

FILTERED = 1_000
"""So many nearest are looked at when most may be of other files than were asked for."""

FEW = 2_000
"""So many wanted pieces are compared one by one, which takes 80 ms."""

DEEPEST = 10_000
"""So many nearest are looked at, in about the same time, where more are wanted."""

Scored = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far is looked.

    Args:
        depth: The most pieces.
        enough: Of pieces that are wanted; where fewer are found, it is looked further for them.
    """

    depth: int
    enough: int


def nearest(
    stores: Stores, meaning: Meaning, vector: Vectors, wanted: Filter, reach: Reach
) -> Scored:
    """Return the nearest pieces with their similarity, the nearest first.

    Args:
        stores: What is searched.
        meaning: The vectors.
        vector: That of the question.
        wanted: Which pieces it is about.
        reach: How far to look.
    """
    if not vector.any():  # no word of it is known
        return []
    is_all = wanted.is_empty
    near = meaning.search(vector, reach.depth if is_all else max(reach.depth, FILTERED))
    places = stores.words.of_digests([digest for digest, _ in near], wanted)
    if is_all and stores.is_owner:
        meaning.forget([digest for digest, _ in near if digest not in places])
    if not is_all and sum(map(len, places.values())) < reach.enough:
        near = _further(stores, meaning, vector, wanted)
        places = stores.words.of_digests([digest for digest, _ in near], wanted)
    found = [(number, score) for digest, score in near for number in places.get(digest, ())]
    return found[: reach.depth]


def _further(
    stores: Stores, meaning: Meaning, vector: Vectors, wanted: Filter
) -> list[tuple[str, float]]:
    """Return all wanted digests in order, or many of all where too many are wanted."""
    digests = stores.words.some_digests(_by_names(wanted), FEW + 1)
    if len(digests) > FEW:
        return meaning.search(vector, DEEPEST)
    # What is not loaded yet is left out, as in a search.
    compare = meaning.similarities if meaning.is_loaded else meaning.fresh.similarities
    return sorted(compare(vector, digests).items(), key=lambda one: -one[1])


def _by_names(wanted: Filter) -> Filter:
    """Leave out files that cannot hold what is wanted, as their names tell.

    The pieces of the others need not be read: for a language that is seldom, that would be all.
    """

    def allows(path: str) -> bool:
        told = language_of(path)
        if wanted.kinds == {"notebook"} and told.kind != "notebook":
            return False
        if wanted.language and told.name not in {wanted.language.lower(), NOTEBOOK, ""}:
            return False
        return wanted.allows is None or wanted.allows(path)

    return replace(wanted, allows=allows)
