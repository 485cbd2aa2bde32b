"""The order of what was found: fused, then with what is known about code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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


def rank(query: Query, found: Scores, chunks: Mapping[int, Chunk]) -> list[Ranked]:
    """Order what the engines found, the best first.

    Pieces without a place in a program, such as cells and documents that were given, are ordered
    by what the engines say and by the names they define.

    Args:
        query: What was asked.
        found: Piece and score, higher is better, of each engine that was asked (``lexical``,
            ``static``, ``second``), also when it found nothing.
        chunks: The pieces; those that are missing here are left out.
    """
    question = understand(query.text)
    parts = {piece: told for piece, told in fuse(found).items() if piece in chunks}
    candidates = {piece: chunks[piece] for piece in parts}
    _raise(question, parts, candidates, weights_of(found).get("lexical", 0.0))
    return _thinned(_lowered(question, parts, candidates), candidates)


def _raise(
    question: Question, parts: dict[int, Parts], chunks: Mapping[int, Chunk], lexical: float
) -> None:
    """Add to `parts` what code ranking gives."""
    fused = {piece: sum(told.values()) for piece, told in parts.items()}
    unit = max(fused.values(), default=0.0)
    placed = {piece: chunk for piece, chunk in chunks.items() if code.has_place(chunk)}
    of_path = (
        {}
        if question.is_name
        else code.path_words(question, (chunk.path for chunk in placed.values()))
    )
    for piece, chunk in chunks.items():
        _add(parts[piece], "words", unit * lexical * code.words(question, chunk))
        _add(parts[piece], "definition", unit * code.definition(question, chunk))
        _add(parts[piece], "quoted", unit * code.quoted(question, chunk))
    for piece, chunk in placed.items():
        _add(parts[piece], "symbol", unit * code.symbol(question, chunk))
        _add(parts[piece], "path", unit * of_path.get(chunk.path, 0.0))
    _add_evidence(parts, fused, placed, unit)


def _add(parts: Parts, name: str, value: float) -> None:
    if value:
        parts[name] = value


def _add_evidence(
    parts: dict[int, Parts], fused: Mapping[int, float], placed: Mapping[int, Chunk], unit: float
) -> None:
    """Raise the best piece of each file by how much of the file fits."""
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


def _lowered(
    question: Question, parts: Mapping[int, Parts], chunks: Mapping[int, Chunk]
) -> list[Ranked]:
    """Return the pieces in order, those of low value lowered."""
    generated = code.generated_files(chunks)
    ranked = []
    for piece, told in parts.items():
        score, chunk = sum(told.values()), chunks[piece]
        if code.has_place(chunk):
            factor = code.low_value(question, chunk, generated)
            if factor < 1:
                told["low_value"] = factor
                score *= factor
        ranked.append(Ranked(piece, score, told))
    return sorted(ranked, key=lambda one: (-one.score, one.id))


def _thinned(ranked: list[Ranked], chunks: Mapping[int, Chunk]) -> list[Ranked]:
    """Return the pieces with repeats and further ones of a file lowered."""
    of_file: dict[str, int] = {}
    seen: set[str] = set()
    thinned = []
    for one in ranked:
        chunk, factor, parts = chunks[one.id], 1.0, dict(one.parts)
        if chunk.kind != "document" and chunk.text in seen:
            parts["repeated"] = factor = code.REPEATED
        seen.add(chunk.text)
        if code.has_place(chunk):
            before = of_file.get(chunk.path, 0)
            of_file[chunk.path] = before + 1
            if before:
                parts["same_file"] = code.SAME_FILE**before
                factor *= parts["same_file"]
        thinned.append(Ranked(one.id, one.score * factor, parts))
    return sorted(thinned, key=lambda one: (-one.score, one.id))
