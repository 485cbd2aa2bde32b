"""The Jupyter root as a place: files below the server's root folder, by Jupyter's own rules.

What Jupyter does not show is not shown, what it tells others about a change is told, and deleted
files go where it puts them. Only the bytes are written by ourselves: Jupyter writes into the file
itself, and a disk that is full would leave half of it. That holds for Jupyter's own managers of
files; one that does more when it saves, or keeps files elsewhere, is used as it is
(`jupyter_mcp.toolsets.files.contents_jupyter`).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from jupyter_core.paths import is_hidden
from tornado.web import HTTPError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Threads
from jupyter_mcp.toolsets.files import processes, searching
from jupyter_mcp.toolsets.files.below import PIECE, Below, Writing
from jupyter_mcp.toolsets.files.contents_jupyter import ContentsRoot, answered, refused
from jupyter_mcp.toolsets.files.paths import (
    a_folder,
    hidden,
    inside,
    no_folder,
    shown,
    there,
    there_already,
)
from jupyter_mcp.workplace import Entry, Finished, Found, Place, Search

WALKED = 20_000
"""The most files that one search or list looks at."""

GIT = ".git"

Entries = list[Entry]
Names = list[str]


class JupyterRoot:
    """Files below the root folder of a Jupyter server that keeps them on disk.

    Args:
        manager: Jupyter's contents manager.
        threads: Where blocking work runs.
        closed: Folders that stay shut, such as this server's own state.
    """

    name = "the Jupyter root"
    sandbox_id = ""

    def __init__(self, manager: Any, threads: Threads, closed: tuple[Path, ...] = ()) -> None:
        self._manager = manager
        self._threads = threads
        self._below = Below(Path(manager.root_dir), closed)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def top(self) -> str:
        """The full path of the root folder, links resolved."""
        return self._below.top

    async def stat(self, path: str) -> Entry:
        """Return what is there."""
        real = await self._threads.run(self._seen, path, follow=False)
        return await self._threads.run(self._below.stat, real)

    async def real(self, path: str) -> str:
        """Return the path that `path` leads to, links resolved."""
        return await self._threads.run(self._seen, path)

    async def list(self, path: str, *, recursive: bool = False, limit: int = 1000) -> list[Entry]:
        """Return what Jupyter shows in a folder; links are told and not followed."""
        return await self._threads.run(self._list, path, recursive, limit + 1)

    async def read(self, path: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """Return bytes of a file; links inside the root are followed."""
        return await self._threads.run(self._read, path, offset, limit)

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield a file of any size in pieces."""
        offset = 0
        while True:
            piece, size = await self.read(path, offset, PIECE)
            if piece:
                yield piece
            offset += len(piece)
            if not piece or offset >= size:
                return

    async def write(
        self,
        path: str,
        data: bytes | AsyncIterator[bytes],
        *,
        overwrite: bool = True,
        revision: str = "",
    ) -> Entry:
        """Write a file whole or not at all, and tell Jupyter of it."""
        real = await self._threads.run(self._writable, path)
        async with self._lock(real):
            if isinstance(data, bytes):
                data = self._before_save(real, data)
            await self._put(real, data, overwrite, revision)
        await self._saved(real)
        return await self._threads.run(self._below.stat, real)

    async def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete as Jupyter does, into the trash where it is set up so."""
        real = await self._threads.run(self._writable, path)
        if not real:
            raise ToolError("forbidden", "The root folder itself stays.", "Name what is in it.")
        entry = await self._threads.run(self._below.stat, real)
        if entry.kind == "symlink":  # Jupyter would look at what it leads to
            await self._threads.run(self._below.unlink, real)
            self._manager.emit(data={"action": "delete", "path": real})
            return
        if entry.kind == "directory":
            await self._empty(real, recursive=recursive)
        await self._ask("delete", real)

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Move or rename, and have Jupyter's checkpoints follow."""
        one = await self._threads.run(self._writable, source)
        other = await self._threads.run(self._writable, target)
        if not one or not other:
            raise ToolError("forbidden", "The root folder itself stays.", "Name what is in it.")
        entry = await self._threads.run(self._below.stat, one)
        old = await there(self, other)
        if old is not None and (not overwrite or "directory" in (old.kind, entry.kind)):
            raise there_already(target)
        if f"{other}/".startswith(f"{one}/") and one != other:
            raise ToolError(
                "invalid_arguments",
                "A folder can't be moved into itself.",
                "Choose another target.",
            )
        if old is not None:
            await self._threads.run(self._below.move, one, other)
        else:
            await self._threads.run(self._below.make_folder, other.rpartition("/")[0])
            await self._ask("rename", one, other)
        return await self._threads.run(self._below.stat, other)

    async def make_folder(self, path: str) -> Entry:
        """Make a folder and those above it."""
        real = await self._threads.run(self._writable, path)
        await self._threads.run(self._below.make_folder, real)
        return await self._threads.run(self._below.stat, real)

    async def search(self, path: str, search: Search) -> Found:
        """Search what Jupyter shows below a folder, or in a file."""
        searching.check(search)
        paths = await self._threads.run(self._searched, path, search.glob)
        if not search.pattern:
            return searching.by_name(paths, search)
        files = [{"path": each, "file": f"{self.top}/{each}"} for each in paths[:WALKED]]
        found = await searching.in_files(files, search, self.top)
        return Found(found.matches, found.is_cut or len(paths) > WALKED, found.skipped)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        seconds: float | None = None,
        limit: int = 1_000_000,
    ) -> Finished:
        """Run a command in a folder below the root."""
        real = await self._threads.run(self._seen, cwd)
        entry = await self._threads.run(self._below.stat, real)
        if entry.kind != "directory":
            raise no_folder(cwd)
        full = str(Path(self.top) / real)
        return await processes.run(
            argv, cwd=full, env=env, stdin=stdin, seconds=seconds, limit=limit
        )

    def _seen(self, path: str, *, follow: bool = True) -> str:
        """Return the resolved path of what Jupyter shows."""
        asked = inside(path, self.top)
        real = self._below.real(asked, follow=follow)
        for each in {asked, real}:
            if each and self._is_hidden(each):
                raise hidden(path)
        return real

    def _writable(self, path: str) -> str:
        """Return the resolved path of what may be written; a link at its end is not followed."""
        real = self._seen(path, follow=False)
        if any(part.casefold() == GIT for part in real.split("/")):
            raise ToolError(
                "forbidden",
                f"'{shown(path)}' belongs to git, which runs what is written there.",
                "Use the git tools.",
            )
        return real

    def _is_hidden(self, path: str) -> bool:
        if self._manager.allow_hidden:
            return False
        try:
            return bool(is_hidden(str(Path(self.top) / path), self.top))
        except OSError:
            return True

    def _read(self, path: str, offset: int, limit: int | None) -> tuple[bytes, int]:
        real = self._seen(path)
        if not real:
            raise a_folder(path or "/")
        return self._below.read(real, offset, limit)

    def _list(self, path: str, recursive: bool, most: int) -> Entries:
        real = self._seen(path)
        if self._below.stat(real).kind != "directory":
            raise no_folder(path)
        found: Entries = []
        for entry in self._walk(real, recursive=recursive):
            found.append(entry)
            if len(found) >= most:
                break
        return found

    def _walk(self, real: str, *, recursive: bool) -> Iterator[Entry]:
        for entry in self._below.entries(real):
            name = entry.path.rpartition("/")[2]
            if entry.kind == "other" or not self._manager.should_list(name):
                continue
            if self._is_hidden(entry.path) or self._is_closed(entry):
                continue
            yield entry
            if recursive and entry.kind == "directory":
                try:
                    yield from self._walk(entry.path, recursive=True)
                except ToolError:  # gone or not ours to read in the meantime
                    continue

    def _is_closed(self, entry: Entry) -> bool:
        try:
            self._below.real(entry.path, follow=False)
        except ToolError:
            return True
        return False

    def _searched(self, path: str, glob: str) -> Names:
        real = self._seen(path)
        if real and self._below.stat(real).kind == "file":
            return [real]
        entries = self._list(path, recursive=True, most=WALKED + 1)
        return [e.path for e in entries if e.kind == "file" and searching.fits(e.path, real, glob)]

    def _lock(self, real: str) -> asyncio.Lock:
        lock = self._locks.get(real)
        if lock is None:
            lock = self._locks[real] = asyncio.Lock()
        return lock

    async def _put(
        self, real: str, data: bytes | AsyncIterator[bytes], overwrite: bool, revision: str
    ) -> None:
        writing: Writing = await self._threads.run(self._below.writing, real)
        try:
            if isinstance(data, bytes):
                await self._threads.run(writing.feed, data)
            else:
                async for piece in data:
                    await self._threads.run(writing.feed, piece)
            await self._threads.run(writing.finish, overwrite=overwrite, revision=revision)
        finally:
            await asyncio.shield(self._threads.run(writing.close))

    def _before_save(self, real: str, data: bytes) -> bytes:
        """Run the hooks of those who want to see, or change, what is saved."""
        manager = self._manager
        if manager.pre_save_hook is None and not manager._pre_save_hooks:  # noqa: SLF001 - no other way
            return data
        model: dict[str, Any] = {"type": "file", **_encoded(data)}
        try:
            manager.run_pre_save_hooks(model=model, path=real)
        except HTTPError as error:
            raise refused(real, error) from None
        content = str(model["content"])
        return content.encode() if model["format"] == "text" else base64.b64decode(content)

    async def _saved(self, real: str) -> None:
        """Run the hooks of those who want to know what was saved, and tell of it."""
        manager = self._manager
        try:
            model = await answered(manager.get(real, content=False))
            manager.run_post_save_hooks(model=model, os_path=str(Path(self.top) / real))
        except HTTPError as error:
            raise refused(real, error) from None
        manager.emit(data={"action": "save", "path": real})

    async def _empty(self, real: str, *, recursive: bool) -> None:
        """Make sure that Jupyter will delete a folder with what is in it, or refuse."""
        inner = await self._threads.run(self._below.entries, real)
        inner = [each for each in inner if not each.path.endswith("/.ipynb_checkpoints")]
        if inner and not recursive:
            raise ToolError(
                "conflict", f"The folder '{shown(real)}' is not empty.", "Say recursive=true."
            )
        if not inner or self._manager.delete_to_trash or self._manager.always_delete_dir:
            return
        for each in inner:
            await self.delete(each.path, recursive=True)

    async def _ask(self, method: str, *paths: str) -> None:
        """Have the contents manager do something."""
        try:
            await answered(getattr(self._manager, method)(*paths))
        except HTTPError as error:
            raise refused(paths[0], error) from None


def jupyter_root(
    manager: Any, threads: Threads, closed: tuple[Path, ...], file_bytes: int
) -> Place:
    """Return the place of a Jupyter server's files.

    Args:
        manager: Its contents manager.
        threads: Where blocking work runs.
        closed: Folders that stay shut.
        file_bytes: The largest file that a manager of another kind is asked for.
    """
    if _keeps_files(manager):
        return JupyterRoot(manager, threads, closed)
    return ContentsRoot(manager, file_bytes)


def _keeps_files(manager: Any) -> bool:
    """Whether a manager does with files what Jupyter's own do, and no more."""
    from jupyter_server.services.contents import filemanager, largefilemanager

    own: list[type] = [
        largefilemanager.LargeFileManager,
        largefilemanager.AsyncLargeFileManager,
        filemanager.FileContentsManager,
        filemanager.AsyncFileContentsManager,
    ]
    return any(
        isinstance(manager, each) and all(_same(type(manager), each, name) for name in USED)
        for each in own
    )


USED = ("save", "get", "is_hidden", "delete_file", "rename_file", "_get_os_path")


def _same(kind: type, own: type, name: str) -> bool:
    mine: Callable[..., Any] = getattr(kind, name)
    return mine is getattr(own, name)


def _encoded(data: bytes) -> dict[str, str]:
    try:
        return {"format": "text", "content": data.decode()}
    except UnicodeDecodeError:
        return {"format": "base64", "content": base64.b64encode(data).decode()}
