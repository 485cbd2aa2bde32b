"""Copies files and folders from one place to another, in pieces.

Links are left out, because they mean something else elsewhere, and so is git's own data on its way
to the Jupyter root: git would run what it names. Each file is there whole or not at all; where a
copy of a folder fails, the files that came before it stay, and the error says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.paths import inside, shown, there_already
from jupyter_mcp.workplace import Entry, Place

MOST_FILES = 10_000
MOST_BYTES = 4 * 1024**3
"""What one copy may move."""

Say = Callable[[float, float, str], Awaitable[None]]


@dataclass(slots=True)
class Copied:
    """What was copied.

    Args:
        path: Where it is now.
        files: How many files.
        bytes: How many bytes.
        skipped: What was left out.
    """

    path: str
    files: int = 0
    bytes: int = 0
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where.

    Args:
        source: The place that is read.
        target: The place that is written.
        may_read: Whether the caller may read a path of the source.
        may_write: Whether the caller may write a path of the target; raises where it must not.
        say: Told how far it is: bytes, all bytes, the file.
    """

    source: Place
    target: Place
    may_read: Callable[[str], bool]
    may_write: Callable[[str], Awaitable[bool]]
    say: Say


async def copy(way: Way, source: str, target: str, *, overwrite: bool = False) -> Copied:
    """Copy a file, or a folder with all that is in it.

    Args:
        way: From where to where.
        source: What to copy.
        target: What to call it there; for a folder, what becomes of it.
        overwrite: Whether files that are there may be replaced.

    Raises:
        ToolError: ``not_found``, ``conflict`` for files that are there, ``too_large``,
            ``forbidden``.
    """
    entry = await way.source.stat(source)
    if entry.kind == "symlink":
        raise ToolError(
            "invalid_arguments",
            f"'{shown(source)}' is a symbolic link.",
            "Copy what it leads to.",
        )
    done = Copied(target)
    if entry.kind == "directory":
        await _copy_folder(way, entry, target, overwrite, done)
    else:
        await _copy_file(way, entry, target, overwrite=overwrite, done=done, total=entry.size)
    return done


async def _copy_folder(way: Way, folder: Entry, target: str, overwrite: bool, done: Copied) -> None:
    entries = await way.source.list(folder.path, recursive=True, limit=MOST_FILES)
    total = sum(entry.size for entry in entries)
    if len(entries) > MOST_FILES or total > MOST_BYTES:
        raise ToolError(
            "too_large",
            f"'{shown(folder.path)}' has more than {MOST_FILES} files or {MOST_BYTES} bytes.",
            "Pack it into an archive first, or copy its folders one by one.",
        )
    pairs = [(entry, _renamed(entry.path, folder.path, target)) for entry in entries]
    files = [pair for pair in pairs if pair[0].kind == "file"]
    if not overwrite:
        await _refuse_what_is_there(way.target, [path for _, path in files], target)
    await way.target.make_folder(target)
    for entry, path in pairs:
        if entry.kind == "directory" and not _is_gits(path, way.target):
            await way.target.make_folder(path)
        elif entry.kind == "file" and await _wanted(way, entry, path):
            try:
                await _copy_file(way, entry, path, overwrite=overwrite, done=done, total=total)
            except ToolError as error:
                so_far = f"{done.files} files were copied before that. {error.remedy}"
                raise ToolError(error.code, error.message, so_far, data=error.data) from None
        elif entry.kind != "directory":
            done.skipped.append(entry.path)


async def _wanted(way: Way, entry: Entry, path: str) -> bool:
    if _is_gits(path, way.target) or not way.may_read(entry.path):
        return False
    return await way.may_write(path)


async def _copy_file(
    way: Way, entry: Entry, target: str, *, overwrite: bool, done: Copied, total: int
) -> None:
    if not way.may_read(entry.path):
        raise ToolError(
            "forbidden", f"You may not read '{shown(entry.path)}'.", "Ask the administrator."
        )
    if not await way.may_write(target):
        raise ToolError(
            "forbidden", f"You may not write '{shown(target)}'.", "Choose another path."
        )

    async def pieces() -> AsyncIterator[bytes]:
        sent = 0
        async for piece in way.source.chunks(entry.path):
            sent += len(piece)
            if done.bytes + len(piece) > MOST_BYTES:
                raise ToolError("too_large", f"More than {MOST_BYTES} bytes.", "Copy a part of it.")
            done.bytes += len(piece)
            yield piece
            await way.say(done.bytes, max(total, done.bytes), entry.path)
        if sent < entry.size:
            raise ToolError(
                "conflict", f"'{shown(entry.path)}' was changed while it was copied.", "Try again."
            )

    await way.target.write(target, pieces(), overwrite=overwrite)
    done.files += 1


async def _refuse_what_is_there(place: Place, paths: list[str], target: str) -> None:
    """Refuse before anything is written where a file would be replaced."""
    try:
        there = await place.list(target, recursive=True, limit=MOST_FILES)
    except ToolError as error:
        if error.code == "not_found":
            return
        raise
    taken = {entry.path for entry in there}.intersection(paths)
    if taken:
        raise there_already(min(taken))


def _renamed(path: str, source: str, target: str) -> str:
    """Return what becomes of a path below `source`; a sandbox may name any path it likes.

    Raises:
        ToolError: ``unavailable`` for a path that would lead out of the target.
    """
    top = f"{source}/" if source else ""
    if not path.startswith(top) or _in_one_spelling(path) != path:
        raise ToolError(
            "unavailable",
            f"The sandbox told of '{shown(path)}' in '{shown(source)}', where it cannot be.",
            "Nothing was copied: destroy that sandbox.",
        )
    return f"{target}/{path[len(top) :]}".lstrip("/")


def _in_one_spelling(path: str) -> str:
    try:
        return inside(path)
    except ToolError:
        return ""


def _is_gits(path: str, place: Place) -> bool:
    return not place.sandbox_id and any(part.casefold() == ".git" for part in path.split("/"))
