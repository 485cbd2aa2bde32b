"""The order of what was found: fused, then with what is known about code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.ranking import code
from jupyter_mcp.toolsets.search.ranking.fusion import Scores, fuse, weights_of
from jupyter_mcp.toolsets.search.ranking.question import Question, understand

Parts = dict[str, float]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A piece and how well it fits.

    Args:
        id: The piece.
        score: How well it fits, higher is better.
        parts: What is added up (``lexical``, ``static``, ``second``, ``words``, ``definition``,
            ``quoted``, ``symbol``, ``path``, ``file``) and what the sum is multiplied with
            (``low_value``, ``same_file``, ``repeated``); what changes nothing is left out.
    """

    id: int
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)


def rank(query: Query, found: Scores, chunks: Mapping[int, Chunk]) -> Iterator[Ranked]:
    """Yield what the engines found in order, the best first.

    Pieces without a place in a program, such as cells and documents that were given, are ordered
    by what the engines say and by the names they define.

    Args:
        query: What was asked.
        found: Piece and score, higher is better, of each engine that was asked (``lexical``,
            ``static``, ``second``), also when it found nothing.
        chunks: The pieces; those that are missing here are left out.
    """
    question = understand(query.text)
    length = len(question.words)
    parts = {piece: told for piece, told in fuse(found, length).items() if piece in chunks}
    candidates = {piece: chunks[piece] for piece in parts}
    placed = {piece: chunk for piece, chunk in candidates.items() if code.has_place(chunk)}
    unit = max((sum(told.values()) for told in parts.values()), default=0.0)
    _add_evidence(parts, placed, unit)
    lexical = weights_of(found, length).get("lexical", 0.0)
    for piece, chunk in candidates.items():
        if piece not in placed:
            _add(parts[piece], "words", unit * lexical * code.words(question, chunk))
        if question.names:
            _add(parts[piece], "definition", unit * code.definition(question, chunk))
        if question.quotes:
            _add(parts[piece], "quoted", unit * code.quoted(question, chunk))
    _add_place(question, parts, placed, unit)
    return _thinned(_lowered(question, parts, placed), parts, candidates)


def _add(parts: Parts, name: str, value: float) -> None:
    if value:
        parts[name] = value


def _add_evidence(parts: Mapping[int, Parts], placed: Mapping[int, Chunk], unit: float) -> None:
    """Raise the best piece of each file by how much of the file fits; before all other parts."""
    fused = {piece: sum(parts[piece].values()) for piece in placed}
    total: dict[str, float] = {}
    best: dict[str, int] = {}
    for piece, chunk in sorted(placed.items()):
        path = chunk.path
        total[path] = total.get(path, 0.0) + fused[piece]
        if path not in best or fused[piece] > fused[best[path]]:
            best[path] = piece
    most = max(total.values(), default=0.0)
    if not most or len(total) == 1:
        return
    for path, piece in best.items():
        _add(parts[piece], "file", unit * code.FILE * total[path] / most)


def _add_place(
    question: Question, parts: Mapping[int, Parts], placed: Mapping[int, Chunk], unit: float
) -> None:
    """Raise pieces by the words of their names and paths.

    Where the question is a name and something defines it, the path tells nothing more.
    """
    is_defined = question.is_name and any(
        told.get("definition", 0) > unit for told in parts.values()
    )
    of_path = code.path_words(question, () if is_defined else [c.path for c in placed.values()])
    for piece, chunk in placed.items():
        _add(parts[piece], "symbol", unit * code.symbol(question, chunk))
        _add(parts[piece], "path", unit * of_path.get(chunk.path, 0.0))


def _lowered(
    question: Question, parts: Mapping[int, Parts], placed: Mapping[int, Chunk]
) -> list[tuple[float, int]]:
    """Return score and piece in order, those of low value lowered."""
    generated = code.generated_files(placed)
    scored = []
    for piece, told in parts.items():
        score = sum(told.values())
        if piece in placed:
            factor = code.low_value(question, placed[piece], generated)
            if factor < 1:
                told["low_value"] = factor
                score *= factor
        scored.append((score, piece))
    return sorted(scored, key=lambda one: (-one[0], one[1]))


def _thinned(
    scored: Sequence[tuple[float, int]], parts: Mapping[int, Parts], chunks: Mapping[int, Chunk]
) -> Iterator[Ranked]:
    """Yield the pieces in order with repeats and further ones of a file lowered.

    That makes no piece better, so one that is better than the next was before comes first.
    """
    of_file: Counter[str] = Counter()
    seen: set[str] = set()
    waiting: list[tuple[float, int]] = []
    for score, piece in scored:
        while waiting and -waiting[0][0] > score:
            yield _ranked(heappop(waiting), parts)
        chunk, told, factor = chunks[piece], parts[piece], 1.0
        if chunk.kind != "document" and chunk.text in seen:
            told["repeated"] = factor = code.REPEATED
        seen.add(chunk.text)
        if code.has_place(chunk):
            if before := of_file[chunk.path]:
                told["same_file"] = code.SAME_FILE**before
                factor *= told["same_file"]
            of_file[chunk.path] += 1
        heappush(waiting, (-score * factor, piece))
    while waiting:
        yield _ranked(heappop(waiting), parts)


def _ranked(waiting: tuple[float, int], parts: Mapping[int, Parts]) -> Ranked:
    cost, piece = waiting
    return Ranked(piece, -cost, parts[piece])
