"""What can be asked of notebooks and their cells: list, make, read, edit, history, undo.

Every byte of a description is paid for by every model that sees the tools, so they are short and
their types are shared; what a tool does in full stands in the service below it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from jupyter_mcp.calls import Context, Host, Reply, Text, Toolset, tool
from jupyter_mcp.calls.events import ResourcesChanged, ResourceUpdated
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.documents import Documents
from jupyter_mcp.toolsets.notebooks.edits import Edited
from jupyter_mcp.toolsets.notebooks.history import Who
from jupyter_mcp.toolsets.notebooks.model import notebook_revision
from jupyter_mcp.toolsets.notebooks.reading import NotebookPage
from jupyter_mcp.toolsets.notebooks.service import NotebookService, Parts, public_metadata
from jupyter_mcp.toolsets.notebooks.tools.outputs import cell_blocks
from jupyter_mcp.toolsets.notebooks.tools.sight import Sight
from jupyter_mcp.toolsets.notebooks.uris import notebook_uri
from jupyter_mcp.toolsets.notebooks.wishes import Wish

LISTED = 200

Path: TypeAlias = str
"""A notebook; `notebook_create` says how paths are meant, once for all tools."""

CellType = Literal["code", "markdown", "raw"]


class NewCell(Shape):
    """A cell to make."""

    source: str
    cell_type: CellType = "code"


class Listed(Shape):
    """A notebook in a folder."""

    path: str
    modified: str
    open: bool | None = None


class Listing(Shape):
    """What is in a folder."""

    notebooks: list[Listed]
    folders: list[str]
    next_cursor: str | None = None


class Created(Shape):
    """A new notebook."""

    path: str
    revision: str
    cell_ids: list[str]


class CellEdited(Shape):
    """A cell after an edit."""

    path: str
    cell_id: str
    revision: str


class CellRead(Shape):
    """A whole cell; its outputs are in the content."""

    id: str
    type: str
    revision: str
    source: str
    metadata: dict[str, Any]
    run: int | None = None
    outputs: list[str] | None = None


class Logged(Shape):
    """An agent's change."""

    id: int
    at: str
    who: str
    action: str
    cell_id: str
    diff: str
    undone_by: int | None = None


class Log(Shape):
    """Agents' changes, newest first."""

    changes: list[Logged]
    next_cursor: str | None = None


class TakenBack(Shape):
    """What was undone."""

    path: str
    undone: list[str]
    stopped: str | None = None


class DocumentTools(Toolset):
    """Tools on notebooks and cells."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.notebooks = NotebookService(
            Parts(
                jupyter=host.jupyter,
                root=host.root,
                storage=host.storage,
                spawn=host.tasks.spawn,
                publish=self._publish,
                listed=lambda: host.events.publish(ResourcesChanged()),
                trust=host.settings.sign_outputs,
            )
        )

    @property
    def documents(self) -> Documents:
        """The notebooks, for those who run their cells."""
        return self.notebooks.documents

    async def start(self) -> None:
        """Listen for changes of notebooks."""
        await super().start()
        await self.notebooks.start()

    async def stop(self) -> None:
        """Save what is not saved and let go of all notebooks."""
        await super().stop()
        await self.notebooks.stop()

    def live(self) -> Mapping[str, Hashable | None]:
        """Return the notebooks that somebody has open (`jupyter_mcp.workplace.LiveNotebooks`)."""
        return self.notebooks.live.live()

    async def read_live(self, path: str) -> dict[str, Any] | None:
        """Return the JSON of an open notebook without what is private; None for no such one."""
        return await self.notebooks.live.read(path)

    @tool(scope="read", title="List notebooks")
    async def notebook_list(
        self, ctx: Context, path: str = "", cursor: str | None = None
    ) -> Listing:
        """List the notebooks and folders in a folder; open: on a person's screen."""
        folder = await self.notebooks.folder(path)
        sight = Sight(self.host, ctx)
        seen = [each for each in folder.notebooks if sight.notebook(each[0])]
        start = _number(cursor) or 0
        places = seen[start : start + LISTED]
        more = start + LISTED < len(seen)
        return Listing(
            notebooks=[
                Listed(path=place, modified=at, open=self.notebooks.watched(place) or None)
                for place, at in places
            ],
            folders=[] if start else [each for each in folder.folders if sight.folder(each)],
            next_cursor=str(start + LISTED) if more else None,
        )

    @tool(scope="edit", title="Create a notebook")
    async def notebook_create(
        self,
        ctx: Context,
        path: Annotated[str, Field(description="Below the server's root, as all paths")],
        cells: list[NewCell] | None = None,
    ) -> Created:
        """Create a notebook; never overwrites."""
        pairs = [(str(cell.cell_type), cell.source) for cell in cells or ()]
        made = await self.notebooks.create(path, pairs, who_asks(ctx))
        self.host.events.publish(ResourcesChanged())
        ids = [cell.id for cell in made]
        place = self.documents.notebook_path(path)
        return Created(path=place, revision=notebook_revision(made), cell_ids=ids)

    @tool(scope="read", title="Read a notebook")
    async def notebook_read(
        self,
        ctx: Context,
        path: Path,
        detail: Literal["outline", "cells"] = "outline",
        cursor: str | None = None,
    ) -> Reply[NotebookPage]:
        """Read a notebook by page: ids, revisions, first lines; or the cells' sources."""
        page = await self.notebooks.page(path, detail, cursor, who_asks(ctx))
        return Reply(page, [Text(page.to_text())])

    @tool(scope="read", title="Read a cell")
    async def cell_read(
        self, ctx: Context, path: Path, cell_id: str, revision: str | None = None
    ) -> Reply[CellRead]:
        """Read one cell whole, with its outputs. With a revision, cell_id can be a position."""
        place, cell = await self.notebooks.cell(path, cell_id, revision, who_asks(ctx))
        shown = await cell_blocks(self.host, place, cell)
        value = CellRead(
            id=cell.id,
            type=cell.cell_type,
            revision=cell.revision,
            source=cell.source,
            metadata=public_metadata(cell.metadata),
            run=cell.execution_count,
            outputs=shown.lines or None,
        )
        title = Text(f"{cell.id} {cell.revision} {cell.cell_type}\n{cell.source}")
        return Reply(value, [title, *shown.blocks])

    @tool(scope="edit", title="Insert a cell")
    async def cell_insert(
        self,
        ctx: Context,
        path: Path,
        source: str,
        *,
        cell_type: CellType = "code",
        after: str | None = None,
        before: str | None = None,
    ) -> CellEdited:
        """Insert a cell after or before another's id, else at the end; does not run it."""
        return self._edited(
            await self.notebooks.editor.insert(
                path, source, who_asks(ctx), cell_type=cell_type, after=after, before=before
            )
        )

    @tool(scope="edit", title="Edit a cell")
    async def cell_edit(
        self,
        ctx: Context,
        path: Path,
        cell_id: str,
        *,
        source: str | None = None,
        old: Annotated[str | None, Field(description="Must occur exactly once")] = None,
        new: str | None = None,
        cell_type: CellType | None = None,
        metadata: Annotated[
            dict[str, Any] | None, Field(description="Keys to set; null removes")
        ] = None,
        revision: str | None = None,
    ) -> CellEdited:
        """Set source, or replace old by new; type, metadata. A stale revision is refused."""
        wish = Wish(source=source, old=old, new=new, cell_type=cell_type, metadata=metadata)
        return self._edited(
            await self.notebooks.editor.edit(path, cell_id, wish, who_asks(ctx), revision)
        )

    @tool(scope="edit", title="Delete a cell")
    async def cell_delete(
        self, ctx: Context, path: Path, cell_id: str, revision: str | None = None
    ) -> CellEdited:
        """Delete a cell; notebook_undo brings it back."""
        return self._edited(
            await self.notebooks.editor.delete(path, cell_id, who_asks(ctx), revision)
        )

    @tool(scope="edit", title="Move a cell", idempotent=True)
    async def cell_move(
        self,
        ctx: Context,
        path: Path,
        cell_id: str,
        *,
        after: str | None = None,
        before: str | None = None,
        revision: str | None = None,
    ) -> CellEdited:
        """Move a cell after or before another's id."""
        return self._edited(
            await self.notebooks.editor.move(
                path, cell_id, who_asks(ctx), after=after, before=before, revision=revision
            )
        )

    @tool(scope="read", title="See agents' changes")
    async def notebook_history(self, path: Path, cursor: str | None = None) -> Log:
        """List agents' changes of a notebook, newest first, as diffs."""
        _place, changes, more = await self.notebooks.history(path, _number(cursor))
        return Log(
            changes=[
                Logged(
                    id=change.id,
                    at=datetime.fromtimestamp(change.at, UTC).isoformat(timespec="seconds"),
                    who=" with ".join(part for part in (change.principal, change.client) if part),
                    action=change.action,
                    cell_id=change.cell_id,
                    diff=change.diff(),
                    undone_by=change.undone_by,
                )
                for change in changes
            ],
            next_cursor=None if more is None else str(more),
        )

    @tool(scope="edit", title="Undo agents' changes")
    async def notebook_undo(
        self,
        ctx: Context,
        path: Path,
        steps: Annotated[int, Field(ge=-100, le=100, description="Negative: redo")] = 1,
    ) -> TakenBack:
        """Take back agents' last changes, unless the cell was changed since."""
        if steps == 0:
            raise ToolError(
                "invalid_arguments", "Zero steps undo nothing.", "Give 1 for the last change."
            )
        undone = await self.notebooks.undoer.undo(path, steps, who_asks(ctx))
        self.notebooks.announcer.changed(undone.path)
        return TakenBack(
            path=undone.path,
            undone=[f"{change.action} {change.cell_id}" for change in undone.changes],
            stopped=str(undone.stopped) if undone.stopped else None,
        )

    def _edited(self, edited: Edited) -> CellEdited:
        if edited.change is not None:
            self.notebooks.announcer.changed(edited.path)
        return CellEdited(path=edited.path, cell_id=edited.cell.id, revision=edited.cell.revision)

    def _publish(self, path: str) -> None:
        self.host.events.publish(ResourceUpdated(notebook_uri(path)))


def who_asks(ctx: Context) -> Who:
    """Return on whose behalf a call is made."""
    principal = ctx.principal
    return Who(principal.id, principal.name or principal.id, ctx.client, ctx.call_id)


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):  # noqa: PLR2004 - digits of a 64-bit number
        raise ToolError(
            "invalid_arguments",
            "The cursor is none of ours.",
            "Leave it out to begin, or use next_cursor as it came.",
        )
    return int(cursor)
