"""What can be asked of files: list, read, write, edit, delete, move, search."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from jupyter_mcp.calls import Context, Image, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.reach import Allows
from jupyter_mcp.toolsets.files import pictures, reading
from jupyter_mcp.toolsets.files.paths import inside_of
from jupyter_mcp.toolsets.files.reading import Encoding
from jupyter_mcp.toolsets.files.tools.base import FilesToolset, SandboxId, meta_of
from jupyter_mcp.workplace import Entry, Place, Search

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.files.service import Written

LISTED = 200
MOST_LISTED = 20_000
FOUND = 500

Path = Annotated[
    str, Field(description="Below the Jupyter root, or in the sandbox below /workspace")
]
Revision = Annotated[
    str | None, Field(description="As file_read told it; a file that changed since is refused")
]


class Listed(Shape):
    """A file or folder."""

    path: str
    kind: Literal["file", "directory", "symlink", "other"]
    size: int
    modified: str
    target: str | None = None


class Listing(Shape):
    """What is in a folder."""

    entries: list[Listed]
    next_cursor: str | None = None


class FileRead(Shape):
    """A piece of a file."""

    path: str
    size: int
    offset: int
    next_offset: int | None = None
    encoding: Literal["utf-8", "base64", "image"]
    revision: str | None = None
    content: str | None = None


class FileWritten(Shape):
    """A file after a change."""

    path: str
    size: int
    revision: str


class FileEdited(Shape):
    """A file after an edit."""

    path: str
    revision: str
    diff: str


class Edit(Shape):
    """Replace old by new."""

    old: str
    new: str
    replace_all: bool = False


class Moved(Shape):
    """Where something is now."""

    path: str


class Line(Shape):
    """A line that was found; 0 for a file found by its name."""

    path: str
    line: int
    text: str


class Lines(Shape):
    """What was found."""

    matches: list[Line]
    more: bool
    skipped: int


class FileTools(FilesToolset):
    """Tools on files."""

    @tool(scope="read", title="List files")
    async def file_list(
        self,
        ctx: Context,
        path: Path = "",
        sandbox_id: SandboxId = None,
        *,
        recursive: bool = False,
        glob: Annotated[str, Field(description="Such as *.py or src/**/*.py")] = "",
        cursor: str | None = None,
    ) -> Reply[Listing]:
        """List files and folders; links are not followed."""
        from jupyter_mcp.toolsets.files.searching import fits

        place = await self.place(ctx, sandbox_id)
        start = _number(cursor)
        most = MOST_LISTED if recursive or not place.sandbox_id else start + LISTED
        entries = await place.list(path, recursive=recursive, limit=most)
        allows = self.allowed(ctx, place, "file_read", asks=True)
        top = inside_of(place, path)
        seen = [
            each
            for each in entries
            if fits(each.path, top, glob) and self._shows(ctx, place, each, allows)
        ]
        page = seen[start : start + LISTED]
        more = str(start + LISTED) if len(seen) > start + LISTED else None
        listing = Listing(entries=[_listed(each) for each in page], next_cursor=more)
        return Reply(listing, [Text(_told(page, more))], meta=meta_of(place))

    @tool(scope="read", title="Read a file")
    async def file_read(
        self,
        ctx: Context,
        path: Path,
        sandbox_id: SandboxId = None,
        *,
        offset: Annotated[int, Field(ge=0, description="First byte")] = 0,
        limit: Annotated[int | None, Field(ge=1, description="Bytes; 50000 if left out")] = None,
        encoding: Encoding | None = None,
    ) -> Reply[FileRead]:
        """Read a file by pages (next_offset); pictures are shown unless an encoding is given."""
        place = await self.place(ctx, sandbox_id)
        found = await reading.page(place, path, offset, limit, self.files.largest)
        if encoding is None and offset == 0 and limit is None and pictures.kind_of(found.data):
            shown = await self._picture(place, path, found.size)
            if shown is not None:
                return shown
        if encoding == "base64":
            content = base64.b64encode(found.data).decode()
        else:
            content, found = reading.text_of(path, found)
        value = FileRead(
            path=inside_of(place, path),
            size=found.size,
            offset=found.offset,
            next_offset=found.next_offset,
            encoding=encoding or "utf-8",
            revision=found.revision or None,
            content=content,
        )
        rest = [] if found.next_offset is None else [Text(f"[next_offset={found.next_offset}]")]
        return Reply(value, [Text(content), *rest], meta=meta_of(place))

    @tool(scope="edit", title="Write a file", idempotent=True, within="sandbox_id")
    async def file_write(
        self,
        ctx: Context,
        path: Path,
        content: str,
        sandbox_id: SandboxId = None,
        *,
        encoding: Encoding = "utf-8",
        overwrite: bool = True,
        revision: Revision = None,
    ) -> FileWritten:
        """Write a file whole or not at all, with the folders above it; existing notebooks never."""
        place = await self.place(ctx, sandbox_id)
        data = reading.bytes_of(content, encoding)
        made = await self.files.write(
            place, path, data, overwrite=overwrite, revision=revision or ""
        )
        return FileWritten(path=made.path, size=made.size, revision=made.revision)

    @tool(scope="edit", title="Edit a file", within="sandbox_id")
    async def file_edit(
        self,
        ctx: Context,
        path: Path,
        edits: Annotated[list[Edit], Field(min_length=1, max_length=100)],
        sandbox_id: SandboxId = None,
        *,
        revision: Revision = None,
    ) -> Reply[FileEdited]:
        """Replace exact texts, each of which occurs once (or replace_all); all or none."""
        from jupyter_mcp.toolsets.files.edits import Replacement

        place = await self.place(ctx, sandbox_id)
        changes = [Replacement(each.old, each.new, each.replace_all) for each in edits]
        made: Written = await self.files.edit(place, path, changes, revision or "")
        value = FileEdited(path=made.path, revision=made.revision, diff=made.diff)
        return Reply(value, [Text(made.diff)])

    @tool(scope="edit", title="Delete a file", destructive=True, within="sandbox_id")
    async def file_delete(
        self,
        ctx: Context,
        path: Path,
        sandbox_id: SandboxId = None,
        *,
        recursive: Annotated[bool, Field(description="Folders with what is in them")] = False,
    ) -> Moved:
        """Delete a file or folder; the Jupyter root has the trash that it is set up with."""
        place = await self.place(ctx, sandbox_id)
        await self._check_below(ctx, place, path, "file_delete")
        await place.delete(path, recursive=recursive)
        return Moved(path=inside_of(place, path))

    @tool(scope="edit", title="Move a file", within="sandbox_id")
    async def file_move(
        self,
        ctx: Context,
        path: Path,
        new_path: Path,
        sandbox_id: SandboxId = None,
        *,
        overwrite: bool = False,
    ) -> Moved:
        """Move or rename a file or folder."""
        place = await self.place(ctx, sandbox_id)
        await self._check_below(ctx, place, path, "file_move")
        if not place.sandbox_id:
            self.files.open.refuse_open(inside_of(place, new_path))
        moved = await place.move(path, new_path, overwrite=overwrite)
        return Moved(path=moved.path)

    @tool(scope="read", title="Search files")
    async def file_search(
        self,
        ctx: Context,
        pattern: Annotated[str, Field(description="Text; empty to find names by glob")] = "",
        path: Path = "",
        sandbox_id: SandboxId = None,
        *,
        glob: Annotated[str, Field(description="Such as *.py or src/**/*.py")] = "",
        regex: Annotated[bool, Field(description="The pattern is a regular expression")] = False,
        ignore_case: bool = False,
        limit: Annotated[int, Field(ge=1, le=FOUND)] = 50,
    ) -> Reply[Lines]:
        """Find lines by text or regular expression, in files that fit the glob."""
        if not pattern and not glob:
            raise ToolError("invalid_arguments", "Nothing to find.", "Give a pattern or glob.")
        place = await self.place(ctx, sandbox_id)
        allows = self.allowed(ctx, place, "file_read")
        most = limit if self.is_uniform(ctx, place, "file_read") else MOST_LISTED
        wanted = Search(pattern, glob, regex, ignore_case, most)
        found = await place.search(path, wanted)
        seen = [each for each in found.matches if allows(each.path)]
        matches = [Line(path=each.path, line=each.line, text=each.text) for each in seen[:limit]]
        is_cut = found.is_cut or len(seen) > limit
        value = Lines(matches=matches, more=is_cut, skipped=found.skipped)
        lines = [_line(each) for each in matches]
        more = ["[more]"] if is_cut else []
        return Reply(value, [Text("\n".join([*lines, *more]) or "[nothing]")], meta=meta_of(place))

    async def _picture(self, place: Place, path: str, size: int) -> Reply[FileRead] | None:
        """Return a picture as one; None where it is broken or too large."""
        if size > self.files.largest:
            return None
        data, size = await place.read(path)
        pixels = int(self.host.settings.image_pixels)
        made = await self.host.executor.run(pictures.scaled, data, pixels)
        if made is None:
            return None
        value = FileRead(
            path=inside_of(place, path),
            size=size,
            offset=0,
            encoding="image",
            revision=await self.files.revision(data),
        )
        said = Text(f"{value.path}, {size} bytes")
        return Reply(value, [said, Image(*made)], meta=meta_of(place))

    async def _check_below(self, ctx: Context, place: Place, path: str, operation: str) -> None:
        """Refuse to take away a folder in which something is that the caller may not touch."""
        if self.is_uniform(ctx, place, operation):
            return
        if (await place.stat(path)).kind != "directory":
            return
        allows = self.allowed(ctx, place, operation, asks=True)
        entries = await place.list(path, recursive=True, limit=MOST_LISTED)
        if len(entries) > MOST_LISTED or not all(allows(each.path) for each in entries):
            raise ToolError(
                "forbidden",
                "The folder holds files that you may not touch.",
                "Name the files one by one.",
            )

    def _shows(self, ctx: Context, place: Place, entry: Entry, allows: Allows) -> bool:
        if entry.kind == "directory" and not place.sandbox_id:
            return bool(self.host.trust.policy.shows_folder(ctx.principal, entry.path))
        return allows(entry.path)


def _listed(entry: Entry) -> Listed:
    modified = datetime.fromtimestamp(max(entry.modified, 0), UTC).isoformat(timespec="seconds")
    return Listed(
        path=entry.path,
        kind=entry.kind,
        size=entry.size,
        modified=modified,
        target=entry.target or None,
    )


def _told(entries: list[Entry], more: str | None) -> str:
    lines = [
        f"{each.path}/" if each.kind == "directory" else f"{each.path} {each.size}"
        for each in entries
    ]
    return "\n".join([*lines, *([f"[next_cursor={more}]"] if more else [])]) or "[empty]"


def _line(found: Line) -> str:
    return f"{found.path}:{found.line}: {found.text}" if found.line else found.path


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):  # noqa: PLR2004 - below MOST_LISTED
        raise ToolError(
            "invalid_arguments", "The cursor is none of ours.", "Leave it out to begin."
        )
    return int(cursor)
