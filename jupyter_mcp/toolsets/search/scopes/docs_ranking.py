"""The order of documentation: by what things are called and by the first lines about them.

The first line of a docstring says what the thing does (PEP 257), and its name says it once more.
What else stands there tells of parameters and of errors, so by all of its words the error that a
function raises would come before the function. What is at hand in its package comes before what
lies deep in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.embedding.embedder import Embedder
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.ranking import code
from jupyter_mcp.toolsets.search.ranking.fusion import stretch
from jupyter_mcp.toolsets.search.ranking.question import understand
from jupyter_mcp.toolsets.search.ranking.rank import Ranked
from jupyter_mcp.toolsets.search.scopes.reading_order import names_in, spelled

DEPTH = 300
"""So many of the best by all their words are ordered."""

LEXICAL, WORDS, STATIC = 0.2, 0.3, 0.5
"""What all its words count for, and of its name and first line the words and the meaning."""

PACKAGE = 0.4
"""What it counts that the question names its package."""

DEEPER = 0.9
"""The factor for each name that it is below."""

Scored = Sequence[tuple[int, float]]


def rank(
    query: Query, found: Scored, chunks: Mapping[int, Chunk], embedder: Embedder | None
) -> list[Ranked]:
    """Return pieces in order, the best first.

    Args:
        query: The question.
        found: The best pieces by their words, and their scores.
        chunks: The pieces; those that are missing here are left out.
        embedder: Tells what words mean; None where it cannot be used.

    Returns:
        Their parts are added up (``lexical``, ``words``, ``static``, ``definition``,
        ``package``), and the sum is multiplied with ``deeper``.
    """
    question, packages = understand(query.text), names_in(query)
    heads = {number: _head(chunks[number]) for number, _ in found if number in chunks}
    lexical = stretch(found)
    static = {} if embedder is None else _meant(query.text, heads, embedder)
    ranked = []
    for number, head in heads.items():
        chunk = chunks[number]
        named = f"{chunk.symbol.replace('.', ' ')} {head}"
        parts = {
            "lexical": LEXICAL * lexical[number],
            "words": WORDS * len(question.shared(named)) / max(1, len(question.words)),
            "static": STATIC * static.get(number, 0.0),
            "definition": code.definition(question, chunk),
            "package": PACKAGE * (spelled(chunk.symbol.partition(".")[0]) in packages),
        }
        deeper = DEEPER ** chunk.symbol.count(".")
        told = {name: value for name, value in parts.items() if value}
        ranked.append(Ranked(number, deeper * sum(told.values()), {**told, "deeper": deeper}))
    return sorted(ranked, key=lambda one: -one.score)


def by_words(found: Scored) -> list[Ranked]:
    """Return pieces in the order of all their words; the best has a score of 1."""
    most = max((score for _, score in found), default=0.0) or 1.0
    return [Ranked(each, score / most, {"lexical": score / most}) for each, score in found]


def _head(chunk: Chunk) -> str:
    """Return a thing's own name and the first line about it, which is below its signature."""
    _, _, told = chunk.text.partition("\n")
    return " ".join((chunk.symbol.rpartition(".")[2], told.partition("\n")[0]))


def _meant(text: str, heads: Mapping[int, str], embedder: Embedder) -> dict[int, float]:
    """Return how near each is to a question in what it means, from 0 to 1."""
    if not heads:
        return {}
    (asked,) = embedder.embed_queries([text])
    near = embedder.embed_documents(list(heads.values())) @ asked
    return stretch([(number, float(each)) for number, each in zip(heads, near, strict=True)])
