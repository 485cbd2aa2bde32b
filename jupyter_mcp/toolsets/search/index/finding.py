"""Asks the engines of an index and makes hits of what they find."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.embedding.text import text_of
from jupyter_mcp.toolsets.search.index import documents
from jupyter_mcp.toolsets.search.index.checking import Checking
from jupyter_mcp.toolsets.search.index.filling import add
from jupyter_mcp.toolsets.search.index.meaning import Meaning
from jupyter_mcp.toolsets.search.index.nearest import Reach, Scored, nearest
from jupyter_mcp.toolsets.search.index.stores import SECOND, STATIC, Stores
from jupyter_mcp.toolsets.search.index.turns import EndedError
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.lexical.scan import LATE
from jupyter_mcp.toolsets.search.query import Hit, Query
from jupyter_mcp.toolsets.search.ranking.fusion import fuse
from jupyter_mcp.toolsets.search.ranking.member import best_member, member_at
from jupyter_mcp.toolsets.search.ranking.rank import Ranked, rank
from jupyter_mcp.toolsets.search.ranking.snippet import snippet
from jupyter_mcp.toolsets.search.ranking.stages import joined

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

DEPTH = 100
"""So many of the best of each engine are ranked."""

_FIRST = Reach(DEPTH, 20)
"""How far is looked for the first pages."""

_DEEPER = 1_200
"""So many are ranked for later pages: more than can be paged through, as files may have changed."""

_LAZY = 50
"""So many of the best are embedded for a question while the second embedder has not seen all."""


@dataclass
class Answer:
    """What was found and what was learned about files on the way.

    Args:
        hits: The best first.
        outdated: Files that are not as the index has them.
    """

    hits: list[Hit] = field(default_factory=list)
    outdated: set[str] = field(default_factory=set)


class Finding:
    """Finds in the stores of one folder.

    Args:
        folder: The folder.
        limit: The largest file.
        stores: What is searched.
        live: Notebooks that are open somewhere.
    """

    def __init__(self, folder: Path, limit: int, stores: Stores, live: Mapping[str, int]) -> None:
        self._stores = stores
        self._read: dict[int, Chunk] = {}
        # The states of the files before anything else: see `KnownFiles.all`.
        self._checking = Checking(folder, limit, stores.known.all(), live)

    def search(self, query: Query) -> Answer:
        """Answer a question."""
        if not query.text.strip():
            raise ToolError("invalid_arguments", "The question is empty.", "Say what to look for.")
        if query.mode in {"regex", "literal"}:
            return self._scan(query)
        return self._answer(query, joined(self._stages(query)))

    def similar(self, chunk: Chunk, numbers: Container[int], limit: int) -> Answer:
        """Return what is like a piece or some lines, without the pieces that they are of."""
        text, depth = text_of(chunk), max(DEPTH, 2 * limit)
        meaning = self._stores.static
        found: dict[str, Scored] = {}
        if meaning is not None and not meaning.is_empty:
            try:
                meaning.load()
                (vector,) = meaning.embedder.embed_documents([text])
                found[STATIC] = self._nearest(meaning, vector, Query(text), Reach(depth, depth))
            except ToolError as error:
                self._stores.failed(error)
        if not any(found.values()):
            found["lexical"] = _scaled(self._stores.words.search(text, DEPTH))
        ranked = [
            Ranked(one, score, {engine: score})
            for engine, scored in found.items()
            for one, score in scored
            if one not in numbers
        ]
        self._chunks(one.id for one in ranked)
        return self._answer(Query(chunk.text, limit=limit), ranked)

    def checked(self, chunk: Chunk) -> Chunk | None:
        """Return a piece as its file is now; None when it is gone."""
        return self._checking.checked(chunk)

    def _stages(self, query: Query) -> Iterator[Iterator[Ranked]]:
        """Yield what is ranked for the first pages, and then what is for later ones."""
        deeper = max(_DEEPER, 2 * query.limit)
        for reach in (_FIRST, Reach(deeper, deeper)):
            found = self._ask(query, reach)
            numbers = (number for scored in found.values() for number, _ in scored)
            yield rank(query, found, self._chunks(numbers))
            most = max(map(len, found.values()), default=0)
            if most < (reach.depth if _filter(query).is_empty else reach.enough):
                return  # that is all

    def _ask(self, query: Query, reach: Reach) -> dict[str, Scored]:
        """Return what each engine finds that can be asked now."""
        if query.mode == "lexical":
            return {"lexical": self._of_words(query, reach)}
        found: dict[str, Scored] = {}
        static = self._stores.static
        is_dense = query.mode == "dense"
        if is_dense and static is None:
            raise self._stores.no_meaning()
        with ThreadPoolExecutor(1) as beside:  # SQLite and the process with Chroma work at once
            static_found = beside.submit(self._of_static, query, reach, waits=is_dense)
            if not is_dense:
                found["lexical"] = self._of_words(query, reach)
            try:
                if (scored := static_found.result()) is not None:
                    found[STATIC] = scored
                self._ask_second(query, reach, found, waits=is_dense)
            except ToolError as error:
                self._stores.failed(error)
                if is_dense and not found:
                    raise
            else:
                self._stores.succeeded()
        if is_dense and static and not static.ledger.is_mended and not any(found.values()):
            raise ToolError(
                "unavailable",
                "Not all pieces have a vector yet, and of those that have one, none fits.",
                "An update of the index makes them: ask again then, or in mode hybrid.",
            )
        return found

    def _of_words(self, query: Query, reach: Reach) -> Scored:
        return self._stores.words.search(query.text, reach.depth, _filter(query))

    def _of_static(self, query: Query, reach: Reach, *, waits: bool) -> Scored | None:
        """Return what the table finds; None while it cannot be asked."""
        meaning = self._stores.static
        if meaning is None:
            return None
        if waits:
            meaning.load()
        else:
            meaning.load_soon()
        if not meaning.is_loaded and not len(meaning.fresh):
            return None
        (vector,) = meaning.embedder.embed_queries([query.text])
        found = self._nearest(meaning, vector, query, reach)
        self._chunks(number for number, _ in found)  # while words are still being searched
        return found

    def _ask_second(
        self, query: Query, reach: Reach, found: dict[str, Scored], *, waits: bool
    ) -> None:
        meaning = self._stores.load_second() if waits else self._stores.second
        if meaning is None:
            return
        if waits:
            meaning.load()
        (vector,) = meaning.embedder.embed_queries([query.text])
        if meaning.ledger.is_complete and meaning.is_loaded:
            found[SECOND] = self._nearest(meaning, vector, query, reach)
        else:
            found[SECOND] = self._best_of(meaning, vector, found)

    def _chunks(self, numbers: Iterable[int]) -> dict[int, Chunk]:
        """Return pieces, each of which is read once; those that are gone are left out."""
        wanted = dict.fromkeys(numbers)
        self._read |= self._stores.words.chunks([one for one in wanted if one not in self._read])
        return {one: self._read[one] for one in wanted if one in self._read}

    def _best_of(self, meaning: Meaning, vector: Vectors, found: Mapping[str, Scored]) -> Scored:
        """Compare only the best of the other engines; embed those that have no vector yet."""
        fused = {piece: sum(parts.values()) for piece, parts in fuse(found).items()}
        best = sorted(fused, key=lambda piece: -fused[piece])[:_LAZY]
        chunks = self._chunks(best)
        digests = {chunk.digest: chunk for chunk in chunks.values()}
        scores = meaning.similarities(vector, list(digests))
        if missing := [chunk for digest, chunk in digests.items() if digest not in scores]:
            with suppress(EndedError):  # of a service that hangs, while the index is closed
                add(meaning, missing, self._stores.is_ending)
            scores |= meaning.fresh.similarities(vector, [chunk.digest for chunk in missing])
        return [
            (number, scores[chunk.digest])
            for number, chunk in chunks.items()
            if chunk.digest in scores
        ]

    def _nearest(self, meaning: Meaning, vector: Vectors, query: Query, reach: Reach) -> Scored:
        return nearest(self._stores, meaning, vector, _filter(query), reach)

    def _scan(self, query: Query) -> Answer:
        is_regex = query.mode == "regex"
        scan = self._stores.words.scan(
            query.text, query.limit * 2, _filter(query), is_regex=is_regex
        )
        if scan.is_late and query.tell:
            query.tell(LATE)
        chunks = self._chunks(match.chunk for match in scan.matches)
        hits: list[Hit] = []
        for match in scan.matches:
            chunk = chunks.get(match.chunk)
            now = chunk and self._checking.checked(chunk)
            if chunk and now and len(hits) < query.limit:
                line = match.line + now.line - chunk.line
                named, parts = member_at(line, now), {str(query.mode): 1.0}
                hits.append(_hit(named, match.text, 1.0, parts, (line, line)))
        return Answer(hits, self._checking.outdated)

    def _answer(self, query: Query, ranked: Iterable[Ranked]) -> Answer:
        hits: list[Hit] = []
        for one in ranked:
            found = self._read.get(one.id)
            chunk = self._checking.checked(found) if found else None
            if chunk is not None:
                chunk = best_member(query.text, chunk)
                shown = snippet(query.text, chunk)
                lines = (chunk.line, chunk.end_line)
                if chunk.kind != "document" and not chunk.symbol and not chunk.cell_id:
                    lines = (shown.line, shown.end_line)
                hits.append(_hit(chunk, shown.text, one.score, one.parts, lines))
            if len(hits) >= query.limit:
                break  # before more is ranked than is asked for
        return Answer(hits, self._checking.outdated)


def _hit(
    chunk: Chunk, text: str, score: float, parts: Mapping[str, float], lines: tuple[int, int]
) -> Hit:
    is_document = chunk.kind == "document"
    path = documents.path_of(chunk) if is_document else chunk.path
    first, last = lines
    place = f"{path}#{chunk.cell_id}" if chunk.cell_id else f"{path}:{first}"
    return Hit(
        id=chunk.cell_id if is_document else place,
        path=path,
        line=first,
        end_line=last,
        score=round(score, 4),
        snippet=text,
        symbol=chunk.symbol,
        language=chunk.language,
        kind=chunk.kind,
        cell_id="" if is_document else chunk.cell_id,
        parts={name: round(part, 4) for name, part in parts.items()},
    )


def _scaled(scored: Scored) -> Scored:
    """Return scores of words on the scale of similarities: the best is the piece itself."""
    most = max((score for _, score in scored), default=0.0)
    return [(number, score / most) for number, score in scored] if most > 0 else scored


def _filter(query: Query) -> Filter:
    return Filter(query.path, query.language, query.kinds, query.allows)
