"""The service of search: all sources, asked and kept up to date as one."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.asking import Asked
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.index.model import MB, Options, Progress, Report
from jupyter_mcp.toolsets.search.keeping import Keeper
from jupyter_mcp.toolsets.search.lexical.filter import Filter
from jupyter_mcp.toolsets.search.opened import OpenNotebooks
from jupyter_mcp.toolsets.search.place import Place, nowhere, unfitting
from jupyter_mcp.toolsets.search.query import Hit, Query
from jupyter_mcp.toolsets.search.sources import ROOT, Source, named, normal, parted
from jupyter_mcp.toolsets.search.states import SourceState, how_far
from jupyter_mcp.toolsets.search.workers import Workers
from jupyter_mcp.workplace import LiveNotebooks

LIVE_SECONDS = 0.5
"""How long an answer waits for what is open in somebody's page."""

MOST_LANGUAGES = 20

MOST_LOOKED_AT = 100
"""How many hits are looked at for those few that somebody may see."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller may be told of.

    Args:
        shows: Says so of a path, as hits have it.
        is_whole: Whether the policy says yes of all of them, so that no index has to ask.
    """

    shows: Callable[[str], bool]
    is_whole: bool = False


EVERYTHING = Sight(lambda _path: True, is_whole=True)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is given.

    Args:
        settings: The administrator's settings.
        sources: What is searched.
        workers: Who does the work.
        notebooks: Finds the notebooks that are open; None where there are none.
        resolve: Puts secrets in the place of references to them.
    """

    settings: Any
    sources: Sequence[Source]
    workers: Workers
    notebooks: Callable[[], LiveNotebooks | None]
    resolve: Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, the best first, and what to say of them.

    Args:
        hits: The hits.
        notes: What to say.
        is_explained: Whether the notes say why there are no hits.
    """

    hits: Sequence[Hit]
    notes: Sequence[str] = ()
    is_explained: bool = False


class SearchService:
    """Searches the Jupyter root and the other folders of the settings.

    Args:
        parts: What it is given.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._keepers = {
            each.name: Keeper(each, self._options, parts.workers) for each in parts.sources
        }
        self._opened = OpenNotebooks(self._put_notebook, self._close_notebook)
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def sources(self) -> Sequence[Source]:
        """What is searched."""
        return self._parts.sources

    async def search(self, asked: Asked, limit: int, sight: Sight = EVERYTHING) -> Found:
        """Return the best hits in the project, of all sources or of the one that the path names.

        Args:
            asked: The question.
            limit: The most hits.
            sight: What the caller may be told of.
        """
        keepers, inside = self._meant(asked.path)
        told: list[str] = []
        query = Query(
            text=asked.text,
            limit=limit,
            mode=asked.mode,
            path=inside,
            language=asked.language,
            kinds=asked.kinds,
            tell=told.append,
        )
        await self._look_at_open(keepers)
        found = await asyncio.gather(*(self._asked(each, query, sight) for each in keepers))
        hits, notes = _merged(found, limit), [*dict.fromkeys(told), *self._notes(keepers)]
        why = "" if hits else await self._why_none(keepers, query, sight)
        is_explained = bool(why) or any(each.progress is not None for each in keepers)
        return Found(hits, [why, *notes] if why else notes, is_explained=is_explained)

    async def similar(self, place: Place, limit: int, sight: Sight) -> Found:
        """Return what is like a piece of a file or some of its lines, in the same source.

        Raises:
            ToolError: ``not_found`` when there is no such piece, or not to this caller.
        """
        keeper, inside, _ = await self._found(place, sight)
        most = limit if sight.is_whole else MOST_LOOKED_AT
        found = await keeper.similar(inside, place, most)
        hits = [_told(each, keeper.source) for each in found]
        seen = [each for each in hits if sight.shows(each.path)]
        return Found(seen[:limit], self._notes([keeper]))

    async def piece(self, path: str, place: str, sight: Sight) -> str:
        """Return the text of a piece that was found.

        Args:
            path: The file, as a hit has it.
            place: Its lines, as in ``10-24``, or its cell's id.
            sight: What the caller may be told of.

        Raises:
            ToolError: ``not_found`` when there is no such piece, or not to this caller.
        """
        _, _, piece = await self._found(Place.of(path, place), sight)
        return piece.text

    async def update(self, path: str | None) -> list[Report]:
        """Bring the index up to date and return when it is."""
        if path:
            [keeper], inside = self._of_path(path)
            return [await keeper.update([inside] if inside else None)]
        return list(await asyncio.gather(*(each.update() for each in self._some(self._all()))))

    async def absence(self, path: str, sight: Sight) -> str:
        """Say why nothing of a path is in an index; nothing where something is."""
        [keeper], inside = self._of_path(path)
        return await self._absence(keeper, inside, sight) if inside else ""

    def progress(self) -> Progress | None:
        """Return how far the updates are that go on, all together; None while none does."""
        found = [each.progress for each in self._all() if each.progress is not None]
        if not found:
            return None
        first = next((each for each in found if each.stage in {"looking", "reading"}), found[0])
        same = [each for each in found if each.stage == first.stage]
        total = (
            None if any(each.total is None for each in same) else sum(t.total or 0 for t in same)
        )
        return replace(first, done=sum(each.done for each in same), total=total)

    async def states(self, sight: Sight = EVERYTHING) -> list[SourceState]:
        """Return what is in each index; indexes that nobody has used are looked at, not begun.

        Args:
            sight: What the caller may be told of.
        """
        return list(await asyncio.gather(*(self._state(each, sight) for each in self._all())))

    async def drop(self, name: str | None) -> list[str]:
        """Forget the index of a source, or all of them; return their names."""
        if name is not None:
            named(name, self.sources)
        names = [each.name for each in self.sources] if name is None else [name]
        for each in names:
            await self._keepers[each].drop()
        self._opened.forget()
        return names

    def changed(self) -> None:
        """Take in soon what is open: some notebook changed. From the event loop only."""
        root = self._keepers.get(ROOT)
        if root is None or not root.is_begun:
            return
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self._parts.workers.spawn("open notebooks", self._refreshed())

    async def stop(self) -> None:
        """End all that was begun."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        await asyncio.gather(*(each.stop() for each in self._all()))

    def _all(self) -> list[Keeper]:
        return list(self._keepers.values())

    def _some(self, keepers: list[Keeper]) -> list[Keeper]:
        if not keepers:
            raise ToolError(
                "unavailable",
                "There is no folder here to search.",
                "Start a Jupyter server, or name folders in the search_folders setting.",
            )
        return keepers

    def _meant(self, path: str) -> tuple[list[Keeper], str]:
        """Return the sources that a question is about and the path in them."""
        return self._of_path(path) if normal(path) else (self._some(self._all()), "")

    def _of_path(self, path: str) -> tuple[list[Keeper], str]:
        source, inside = parted(path, self.sources)
        if source is None:
            return self._some([]), inside
        return [self._keepers[source.name]], inside

    async def _found(self, place: Place, sight: Sight) -> tuple[Keeper, str, Chunk]:
        """Return the piece at a place, with who keeps it and the path there."""
        [keeper], inside = self._of_path(place.path)
        if not sight.shows(keeper.source.told(inside)):
            raise no_piece(place.path)
        await self._look_at_open([keeper])
        try:
            piece = await keeper.piece(inside, place.line, place.cell_id or None)
        except ToolError as error:
            if error.code != "not_found" or place.cell_id:
                raise
            raise no_piece(place.path, await self._absence(keeper, inside, sight)) from error
        if piece is None:
            raise no_piece(place.path)
        file = keeper.source.folder / inside
        await self._parts.workers.quick.run(place.check, piece, file)
        return keeper, inside, piece

    async def _why_none(self, keepers: Sequence[Keeper], query: Query, sight: Sight) -> str:
        """Say why a question has no hits; nothing where no file has its words."""
        if query.path and (why := await self._absence(keepers[0], query.path, sight)):
            return why
        if not query.language:
            return ""
        there: Counter[str] = Counter()
        for each in keepers:
            there.update(await each.languages(query.path, _allows(each.source, sight)))
        if not there or query.language in there:
            return ""
        known = ", ".join(name for name, _ in there.most_common(MOST_LANGUAGES))
        return f"No file here is in '{query.language[:40]}'; there are: {known}."

    async def _absence(self, keeper: Keeper, inside: str, sight: Sight) -> str:
        """Say why nothing is found at a path; nothing where something might have been."""
        source = keeper.source
        wanted = Filter(inside, allows=_allows(source, sight))
        if await keeper.holds(wanted.fits):
            return ""
        told = source.told(inside)
        if not sight.shows(told):
            return unfitting(told) if wanted.is_glob else nowhere(told)
        from jupyter_mcp.toolsets.search.absence import Absence

        absence = Absence(source.folder, source.exclude, self._parts.settings.search_file_bytes)
        return await self._parts.workers.quick.run(absence.why, inside)

    async def _asked(self, keeper: Keeper, query: Query, sight: Sight) -> list[Hit]:
        allows = _allows(keeper.source, sight)
        hits = [
            _told(each, keeper.source)
            for each in await keeper.search(replace(query, allows=allows))
        ]
        return [each for each in hits if sight.shows(each.path)]

    async def _look_at_open(self, keepers: Sequence[Keeper]) -> None:
        if all(each.source.name != ROOT for each in keepers):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIVE_SECONDS):
                await self._opened.refresh(self._parts.notebooks())

    async def _refreshed(self) -> None:
        await self._opened.refresh(self._parts.notebooks())

    async def _put_notebook(self, path: str, content: Mapping[str, Any]) -> bool:
        return await self._keepers[ROOT].put_notebook(path, content)

    async def _close_notebook(self, path: str) -> None:
        await self._keepers[ROOT].close_notebook(path)

    async def _options(self, source: Source) -> Options:
        settings = self._parts.settings
        second = None
        if settings.search_embedder and settings.search_embedder != "static":
            from jupyter_mcp.toolsets.search.embedding.entries import embedder_of

            try:
                options = await self._parts.resolve(dict(settings.search_embedder_options))
                second = embedder_of(settings.search_embedder, options)
            except ToolError as error:  # words need no embedder; the index's notes tell why
                second = _raising(error)
        return Options(
            exclude=source.exclude,
            file_bytes=settings.search_file_bytes,
            most_files=settings.search_most_files,
            chroma_url=await self._parts.resolve(settings.search_chroma_url),
            processes=settings.search_processes,
            second=second,
            words_first=MB,
        )

    async def _state(self, keeper: Keeper, sight: Sight) -> SourceState:
        try:
            status = await keeper.status(_allows(keeper.source, sight))
        except ToolError as error:
            return SourceState(keeper.source, None, keeper.progress, error)
        return SourceState(
            keeper.source,
            status,
            keeper.progress,
            keeper.problem,
            is_begun=keeper.is_begun,
            is_cut=keeper.is_cut,
        )

    def _notes(self, keepers: Sequence[Keeper]) -> list[str]:
        """Return what a reader of hits should know."""
        notes: list[str] = []
        for each in keepers:
            if each.progress is not None and each.progress.stage != "writing":
                notes.append(how_far(each.source, each.progress))
            if each.problem is not None and each.problem.code != "busy":
                notes.append(str(each.problem))
            notes += each.notes
        return list(dict.fromkeys(notes))


def _raising(error: ToolError) -> Callable[[], Any]:
    def make() -> Any:
        raise error

    return make


def no_piece(path: str, why: str = "") -> ToolError:
    """Return the error for a piece that is not in an index."""
    return ToolError(
        "not_found",
        why or f"Nothing of '{path[:200]}' is in the index there.",
        "Give path and line, or cell_id, as a hit has them; index_status tells what is left out.",
    )


def _allows(source: Source, sight: Sight) -> Callable[[str], bool] | None:
    """Return what says which files of a source may be told of; None for all."""
    return None if sight.is_whole else lambda path: sight.shows(source.told(path))


def _told(hit: Hit, source: Source) -> Hit:
    """Return a hit with the name of its source in front."""
    if source.name == ROOT:
        return hit
    return replace(hit, path=source.told(hit.path), id=source.told(hit.id))


def _merged(found: Sequence[Sequence[Hit]], limit: int) -> list[Hit]:
    """Return the hits of several sources as one list: each was scored by the same measure."""
    if len(found) == 1:
        return list(found[0])[:limit]
    return sorted((hit for hits in found for hit in hits), key=lambda hit: -hit.score)[:limit]
