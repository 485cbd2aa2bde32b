"""What can be asked of search: hits for a question, and what is like a piece that is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.asking import Asked, Scope, understood
from jupyter_mcp.toolsets.search.query import Mode, Query
from jupyter_mcp.toolsets.search.scopes.weights import DOCS, FILES, VARIABLES, weighed
from jupyter_mcp.toolsets.search.tools.base import SearchToolset
from jupyter_mcp.toolsets.search.tools.kernel_variables import KernelVariables
from jupyter_mcp.toolsets.search.tools.shapes import FoundHit, Hits, hit_of, page_of

MOST = 100
DEEPEST = 500
"""The last hit that can be asked for, page by page."""

Limit = Annotated[int, Field(ge=1, le=MOST)]
OfKernel = Annotated[str | None, Field(description="For variables, where several kernels run")]

ENOUGH = f"Only the first {DEEPEST} hits can be paged through."

OTHER_WORDS = "Nothing was found. Try other or fewer words{}; index_status tells what is left out."


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits of one scope or of several.

    Args:
        hits: The best first.
        notes: What to say.
        is_explained: Whether the notes say why there are no hits.
    """

    hits: Sequence[FoundHit]
    notes: Sequence[str] = ()
    is_explained: bool = False


class SearchTools(SearchToolset):
    """Tools that search."""

    @tool(scope="read", title="Search")
    async def search(
        self,
        ctx: Context,
        query: Annotated[
            str, Field(description="A question or names; in:notebooks path:src lang:python work")
        ],
        scope: Annotated[
            Scope,
            Field(description="code: all files and notebooks; docs: packages; vars: variables"),
        ] = "code",
        path: Annotated[str | None, Field(description="Folder, file or glob")] = None,
        *,
        limit: Limit = 10,
        mode: Mode = "hybrid",
        language: str | None = None,
        kernel_id: OfKernel = None,
        cursor: str | None = None,
    ) -> Reply[Hits]:
        """Find code, notebook cells, docs and variables by meaning and words. Cite path:line."""
        asked = understood(query, scope, mode, path or "", language or "")
        start = _number(cursor)
        if start >= DEEPEST:
            raise ToolError(
                "invalid_arguments",
                ENOUGH,
                "Ask more precisely, or narrow it by path, language or scope.",
            )
        end = min(start + limit, DEEPEST)
        found = await self._everywhere(ctx, asked, kernel_id, end + 1)
        notes = found.notes
        if end == DEEPEST < len(found.hits):
            notes = [*notes, ENOUGH]
        if not (found.hits or found.is_explained):
            is_all = asked.scopes >= {"code", "docs", "vars"}
            notes = [OTHER_WORDS.format("" if is_all else " or in:all"), *notes]
        return page_of(found.hits[:DEEPEST], start, limit, notes)

    @tool(scope="read", title="Find similar code")
    async def search_similar(
        self,
        ctx: Context,
        path: Annotated[str, Field(description="As a hit has it")],
        *,
        line: Annotated[int | None, Field(ge=1)] = None,
        end_line: Annotated[int | None, Field(ge=1, description="For a range of lines")] = None,
        cell_id: str | None = None,
        limit: Limit = 10,
    ) -> Reply[Hits]:
        """Find what is like the function at a line, a range of lines, or a notebook's cell."""
        from jupyter_mcp.toolsets.search.place import Place

        place = Place(path, line, end_line, cell_id or "")
        found = await self.search_service.similar(place, limit, self.sight(ctx))
        return page_of([hit_of(each) for each in found.hits], 0, limit, found.notes)

    async def _everywhere(
        self, ctx: Context, asked: Asked, kernel_id: str | None, limit: int
    ) -> Answer:
        """Ask each scope; where there are several, one that cannot answer only says so."""
        asks = self._asks(ctx, asked, kernel_id, limit)
        if not asks:
            raise ToolError(
                "forbidden",
                "This token is for some files only, and documentation of packages is in none.",
                "Search in:code or in:notebooks.",
            )
        if len(asks) == 1:
            return await asks[0][1]()
        hits: list[FoundHit] = []
        notes: list[str] = []
        is_explained = False
        for weight, ask in asks:
            try:
                found = await ask()
            except ToolError as error:
                notes.append(str(error))
            else:
                hits += _weighed(found.hits, weight)
                notes += found.notes
                is_explained = is_explained or found.is_explained
        return Answer(sorted(hits, key=lambda hit: -hit.score), notes, is_explained)

    def _asks(
        self, ctx: Context, asked: Asked, kernel_id: str | None, limit: int
    ) -> list[tuple[float, Callable[[], Awaitable[Answer]]]]:
        """Return how each scope is asked, with what its best hit counts beside the others'."""

        async def project() -> Answer:
            found = await self.search_service.search(asked, limit, self.sight(ctx))
            hits = [hit_of(each) for each in found.hits]
            return Answer(hits, found.notes, found.is_explained)

        async def variables() -> Answer:
            kernel = KernelVariables(ctx, self.host.executor)
            hits = await kernel.found(asked, kernel_id, limit)
            return Answer(hits, kernel.notes, is_explained=bool(kernel.notes))

        async def docs() -> Answer:
            told: list[str] = []
            query = Query(
                asked.text, limit, asked.mode, asked.path, asked.language, tell=told.append
            )
            found = await self.package_docs.search(query)
            notes = [*told, *self.package_docs.notes]
            is_placed = bool(asked.path) and asked.scopes == {"docs"}
            if not (found or notes) and is_placed and not await self.package_docs.holds(asked.path):
                notes = [f"No installed package has a module at '{asked.path[:200]}'."]
            return Answer([hit_of(each) for each in found], notes, is_explained=bool(notes))

        asks: list[tuple[float, Callable[[], Awaitable[Answer]]]] = []
        if asked.is_of_project:
            asks.append((FILES, project))
        if "docs" in asked.scopes and self.sees_elsewhere(ctx):
            asks.append((DOCS, docs))
        if "vars" in asked.scopes:
            asks.append((VARIABLES, variables))
        return asks


def _weighed(hits: Sequence[FoundHit], weight: float) -> list[FoundHit]:
    """Return hits of one scope so that their scores can stand beside those of another."""
    scores = weighed([hit.score for hit in hits], weight)
    return [
        hit.model_copy(update={"score": score}) for hit, score in zip(hits, scores, strict=True)
    ]


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 6):  # noqa: PLR2004 - below DEEPEST
        raise ToolError(
            "invalid_arguments", "The cursor is none of ours.", "Leave it out to begin."
        )
    return int(cursor)
