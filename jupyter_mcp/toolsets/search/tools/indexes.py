"""What can be asked of the indexes behind search: bring up to date, look at, forget."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Context, JobContext, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.plain import one_line
from jupyter_mcp.toolsets.search.tools.base import SearchToolset

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.index.model import Progress, Report
    from jupyter_mcp.toolsets.search.states import SourceState

QUICK_SECONDS = 0.5
"""What is done so soon is answered at once, and becomes no job."""

TELL_SECONDS = 0.25
BEGIN_SECONDS = 5.0
PROBLEMS = 20
"""Problems that one answer tells of a source."""

_DOING = {
    "looking": "Looking",
    "reading": "Indexing",
    "embedding": "Embedding",
    "writing": "Writing vectors,",
}

Tell = Callable[[float, float | None, str], Awaitable[None]]


class Updated(Shape):
    """An update; with a job_id it goes on, and job_get tells more."""

    status: str
    job_id: str | None = None
    added: int = 0
    changed: int = 0
    removed: int = 0
    chunks: int = 0
    seconds: float = 0.0
    note: str | None = None


class ProblemTold(Shape):
    """A file that is not in the index, or only in part."""

    path: str
    reason: str


class SourceStatus(Shape):
    """What is in the index of a source and what is not; unseen: not yet by the second embedder."""

    name: str
    files: int
    chunks: int
    pending: int
    errors: int
    unembedded: int
    unseen: int = 0
    bytes: int
    disk: int
    skipped: dict[str, int] = Field(default_factory=dict)
    embedders: list[str] = Field(default_factory=list)
    updated: float | None = None


class IndexStatus(Shape):
    """What is searched; pending: files that changed and are not in it yet."""

    files: int
    chunks: int
    pending: int
    errors: int
    problems: list[ProblemTold]
    notes: list[str]
    sources: list[SourceStatus]


class SourceTold(Shape):
    """A folder that is searched."""

    name: str
    folder: str | None = None
    prefix: str


class Sources(Shape):
    """The folders that are searched."""

    sources: list[SourceTold]


class Dropped(Shape):
    """Indexes that were forgotten."""

    dropped: list[str]


class IndexTools(SearchToolset):
    """Tools on indexes."""

    @tool(scope="edit", title="Update the search index", idempotent=True, long_running=True)
    async def index_update(
        self,
        ctx: Context,
        path: Annotated[str | None, Field(description="Only this file or folder")] = None,
        *,
        wait: Annotated[bool, Field(description="Till the end, with progress")] = False,
    ) -> Reply[Updated]:
        """Bring the index up to date now; what takes long goes on as a job. Changes are noticed."""
        if wait:
            return await self._done(ctx, path, await self._followed(path, ctx.progress))
        work = asyncio.ensure_future(self._update(path))
        try:
            async with asyncio.timeout(QUICK_SECONDS):
                report = await asyncio.shield(work)
            return await self._done(ctx, path, report)
        except TimeoutError:
            return await self._as_job(ctx, path, work)
        except asyncio.CancelledError:
            work.cancel()
            raise

    @tool(scope="read", title="Status of the search index")
    async def index_status(self, ctx: Context) -> Reply[IndexStatus]:
        """How much is in the index, how far it is, what is left out and why."""
        value = _status(await self.search_service.states(self.sight(ctx)))
        if "package_docs" in self.__dict__ and self.sees_elsewhere(ctx):
            value.notes += self.package_docs.notes
        return Reply(value, [Text(_told(value))])

    @tool(scope="edit", title="Forget the search index", idempotent=True)
    async def index_drop(
        self,
        source: Annotated[
            str | None, Field(description="As index_sources names it; packages for in:docs")
        ] = None,
    ) -> Dropped:
        """Delete the index of a source, or all; the files stay, and the next search begins anew."""
        from jupyter_mcp.toolsets.search.package_docs import NAME

        names = {each.name for each in self.search_service.sources}
        is_docs = source == NAME and NAME not in names
        dropped = [] if is_docs else await self.search_service.drop(source)
        if is_docs or (source is None and "package_docs" in self.__dict__):
            await self.package_docs.drop()
            dropped.append(NAME)
        return Dropped(dropped=dropped)

    @tool(scope="read", title="List what is searched")
    async def index_sources(self, ctx: Context) -> Sources:
        """The folders that are searched, and what paths in them begin with."""
        from jupyter_mcp.toolsets.search.sources import ROOT

        sees_all = self.sight(ctx).is_whole
        shows = self.host.trust.policy.shows_folder
        return Sources(
            sources=[
                SourceTold(
                    name=each.name,
                    folder=str(each.folder) if sees_all else None,
                    prefix=each.told(""),
                )
                for each in self.search_service.sources
                if each.name == ROOT or shows(ctx.principal, each.told(""))
            ]
        )

    async def _as_job(
        self, ctx: Context, path: str | None, work: asyncio.Future[Report]
    ) -> Reply[Updated]:
        begun = asyncio.Event()

        async def go_on(job: JobContext) -> Reply[Updated]:
            begun.set()
            return await self._done(ctx, path, await self._told_while(work, job.progress))

        try:
            job_id = ctx.job(f"Index of {path or 'all sources'}", go_on)
        except ToolError:  # no toolset of jobs: it goes on by itself
            return Reply(
                Updated(status="running"), [Text("Indexing goes on; index_status tells how far.")]
            )
        with contextlib.suppress(TimeoutError):  # from then on, cancelling the job ends the work
            async with asyncio.timeout(BEGIN_SECONDS):
                await begun.wait()
        value = Updated(status="running", job_id=job_id)
        told = f"Indexing goes on as job {job_id}; job_get tells more."
        return Reply(value, [Text(told)], job=job_id)

    async def _done(self, ctx: Context, path: str | None, report: Report) -> Reply[Updated]:
        """Return what an update did, and why nothing was read at a path."""
        why = ""
        if path and not (report.is_cancelled or report.added or report.changed):
            why = await self.search_service.absence(path, self.sight(ctx))
        return _updated(report, one_line(why))

    async def _followed(self, path: str | None, tell: Tell) -> Report:
        return await self._told_while(asyncio.ensure_future(self._update(path)), tell)

    async def _told_while(self, work: asyncio.Future[Report], tell: Tell) -> Report:
        """Await an update and tell how far it is; cancelling this ends it."""
        last: Progress | None = None
        count = 0.0
        try:
            while not (await asyncio.wait({work}, timeout=TELL_SECONDS))[0]:
                now = self.search_service.progress()
                if now is None or now == last:
                    continue
                last, count = now, max(count + 0.001, float(now.done))
                await tell(count, _total(now, count), _line(now))
            return work.result()
        except asyncio.CancelledError:
            work.cancel()
            await asyncio.wait({work})
            raise

    async def _update(self, path: str | None) -> Report:
        from jupyter_mcp.toolsets.search.index.model import Report

        reports = await self.search_service.update(path)
        return Report(
            added=sum(each.added for each in reports),
            changed=sum(each.changed for each in reports),
            removed=sum(each.removed for each in reports),
            chunks=sum(each.chunks for each in reports),
            seconds=max(each.seconds for each in reports),
            is_cancelled=any(each.is_cancelled for each in reports),
        )


def _status(states: list[SourceState]) -> IndexStatus:
    problems: list[ProblemTold] = []
    notes: list[str] = []
    sources: list[SourceStatus] = []
    for state in states:
        notes += _notes(state)
        if state.status is None:
            continue
        problems += [
            ProblemTold(path=state.source.told(each.path), reason=each.reason)
            for each in state.status.problems[:PROBLEMS]
        ]
        sources.append(_source(state))
    return IndexStatus(
        files=sum(each.files for each in sources),
        chunks=sum(each.chunks for each in sources),
        pending=sum(each.pending for each in sources),
        errors=sum(each.errors for each in sources),
        problems=problems,
        notes=list(dict.fromkeys(notes)),
        sources=sources,
    )


def _source(state: SourceState) -> SourceStatus:
    status: Any = state.status
    return SourceStatus(
        name=state.source.name,
        files=status.files,
        chunks=status.chunks,
        pending=status.pending,
        errors=status.problem_count,
        unembedded=status.unembedded,
        unseen=status.unseen,
        bytes=status.bytes,
        disk=status.disk,
        skipped=dict(status.skipped),
        embedders=list(status.embedders),
        updated=status.updated,
    )


def _notes(state: SourceState) -> list[str]:
    from jupyter_mcp.toolsets.search.states import coming, how_far

    notes = [] if state.progress is None else [how_far(state.source, state.progress)]
    if told := coming(state):
        notes.append(told)
    if state.problem is not None and state.problem.code != "busy":
        notes.append(str(state.problem))
    return notes + list(state.status.notes if state.status else ())


def _updated(report: Report, note: str) -> Reply[Updated]:
    status = "cancelled" if report.is_cancelled else "done"
    value = Updated(
        status=status,
        added=report.added,
        changed=report.changed,
        removed=report.removed,
        chunks=report.chunks,
        seconds=round(report.seconds, 3),
        note=note or None,
    )
    line = (
        f"Index {status} in {value.seconds:g} s: {value.added:,} files added, "
        f"{value.changed:,} changed, {value.removed:,} removed, {value.chunks:,} pieces written."
    )
    return Reply(value, [Text(f"{line}\n{note}" if note else line)])


def _told(status: IndexStatus) -> str:
    count = f"{status.files:,} files in {status.chunks:,} pieces, {status.pending:,} pending"
    lines = [f"{count}, {status.errors:,} with errors."]
    for each in status.sources:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in each.skipped.items())
        unseen = f", {each.unseen:,} not seen by the second embedder" if each.unseen else ""
        lines.append(
            f"{each.name}: {each.files:,} files, {each.chunks:,} pieces "
            f"({each.unembedded:,} found by words only{unseen}), "
            f"{each.disk / 1e6:.1f} MB on the disk."
            + (f" Left out: {left_out}." if left_out else "")
        )
    lines += [f"{each.path}: {each.reason}" for each in status.problems]
    return "\n".join([*lines, *status.notes])


def _line(progress: Progress) -> str:
    what = _DOING[progress.stage]
    total = "" if progress.total is None else f" of {progress.total:,}"
    return f"{what} {progress.done:,}{total} {progress.path}".rstrip()


def _total(progress: Progress, count: float) -> float | None:
    return None if progress.total is None or progress.total < count else float(progress.total)
