"""The files of a contents manager that keeps them elsewhere, or does more than write them.

It is asked for whole files, as Jupyter asks it. What it cannot do says so: there are no commands,
so no git, and no file that is larger than what the server takes whole.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import inspect
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tornado.web import HTTPError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files import searching
from jupyter_mcp.toolsets.files.paths import (
    a_folder,
    changed,
    hidden,
    inside,
    no_folder,
    not_found,
    shown,
    there,
    there_already,
)
from jupyter_mcp.workplace import Entry, Finished, Found, Search

SEARCHED_BYTES = 50_000_000
"""How much one search asks for; files beyond that are left out."""

WALKED = 2000
"""The most entries that one search or list looks at."""


class ContentsRoot:
    """Files behind any contents manager.

    Args:
        manager: Jupyter's contents manager, synchronous or asynchronous.
        file_bytes: The largest file.
    """

    name = "the Jupyter root"
    sandbox_id = ""
    top = ""

    def __init__(self, manager: Any, file_bytes: int) -> None:
        self._manager = manager
        self._largest = file_bytes

    async def real(self, path: str) -> str:
        """Return the path; there are no links that could be known."""
        return await self._shown(path)

    async def stat(self, path: str) -> Entry:
        """Return what is there."""
        place = await self._shown(path)
        return _entry(place, await self._get(place, content=False))

    async def list(self, path: str, *, recursive: bool = False, limit: int = 1000) -> list[Entry]:
        """Return what is in a folder."""
        found: list[Entry] = []
        waiting = [await self._shown(path)]
        while waiting and len(found) <= limit:
            folder = waiting.pop(0)
            model = await self._get(folder, content=True, kind="directory")
            if model["type"] != "directory":
                raise no_folder(path)
            for each in model["content"]:
                entry = _entry(str(each["path"]).strip("/"), each)
                found.append(entry)
                if recursive and entry.kind == "directory":
                    waiting.append(entry.path)
        return sorted(found, key=lambda entry: entry.path)[: limit + 1]

    async def read(self, path: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """Return bytes of a file, which is fetched whole."""
        data = await self._bytes(await self._shown(path))
        end = None if limit is None else offset + limit
        return data[offset:end], len(data)

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield the file."""
        yield (await self.read(path))[0]

    async def write(
        self,
        path: str,
        data: bytes | AsyncIterator[bytes],
        *,
        overwrite: bool = True,
        revision: str = "",
    ) -> Entry:
        """Have the manager save a file; how much of it is there when that fails is up to it."""
        place = await self._shown(path)
        whole = data if isinstance(data, bytes) else await self._gathered(path, data)
        old = await there(self, place)
        if old is not None and old.kind == "directory":
            raise a_folder(path)
        if old is not None and not overwrite:
            raise there_already(path)
        if revision and (old is None or _digest(await self._bytes(place)) != revision):
            raise changed(path)
        await self.make_folder(place.rpartition("/")[0])
        await self._call("save", place, {"type": "file", **_encoded(whole)}, place)
        return await self.stat(place)

    async def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file or a folder."""
        place = await self._shown(path)
        if not place:
            raise ToolError("forbidden", "The root folder itself stays.", "Name what is in it.")
        if (await self.stat(place)).kind == "directory":
            inner = await self.list(place)
            if inner and not recursive:
                raise ToolError(
                    "conflict", f"The folder '{shown(path)}' is not empty.", "Say recursive=true."
                )
        await self._call("delete", place, place)

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Rename; a manager of this kind can replace nothing at once."""
        one, other = await self._shown(source), await self._shown(target)
        await self.stat(one)
        if await there(self, other) is not None:
            if overwrite:
                raise ToolError(
                    "unsupported",
                    "This server's contents manager cannot replace a file by moving.",
                    "Delete the target first.",
                )
            raise there_already(target)
        await self.make_folder(other.rpartition("/")[0])
        await self._call("rename", one, one, other)
        return await self.stat(other)

    async def make_folder(self, path: str) -> Entry:
        """Make a folder and those above it."""
        place, above = await self._shown(path), ""
        for part in place.split("/") if place else ():
            above = f"{above}/{part}".lstrip("/")
            if await there(self, above) is None:
                await self._call("save", above, {"type": "directory"}, above)
        return await self.stat(place)

    async def search(self, path: str, search: Search) -> Found:
        """Fetch files and search them."""
        searching.check(search)
        place = await self._shown(path)
        if (await self.stat(place)).kind == "file":
            entries = [await self.stat(place)]
        else:
            entries = await self.list(place, recursive=True, limit=WALKED)
        paths = [
            each
            for each in entries
            if each.kind == "file"
            and (each.path == place or searching.fits(each.path, place, search.glob))
        ]
        if not search.pattern:
            return searching.by_name((each.path for each in paths), search)
        files, skipped = await self._texts(paths)
        found = await searching.in_files(files, search, tempfile.gettempdir())
        is_cut = found.is_cut or len(entries) > WALKED
        return Found(found.matches, is_cut, found.skipped + skipped)

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
        """Refuse: there is no folder to run in."""
        del argv, cwd, env, stdin, seconds, limit
        raise ToolError(
            "unsupported",
            "This server's contents manager keeps its files elsewhere, so git cannot run on them.",
            "Work in a sandbox: give sandbox_id.",
        )

    async def _shown(self, path: str) -> str:
        place = inside(path)
        if place and not self._manager.allow_hidden and await self._is_hidden(place):
            raise hidden(path)
        return place

    async def _is_hidden(self, path: str) -> bool:
        if any(part.startswith(".") for part in path.split("/")):
            return True
        with contextlib.suppress(NotImplementedError, HTTPError, OSError):
            return bool(await answered(self._manager.is_hidden(path)))
        return False

    async def _get(self, path: str, *, content: bool, kind: str | None = None) -> dict[str, Any]:
        extra = {} if kind is None else {"type": kind}
        found: dict[str, Any] = await self._call("get", path, path, content=content, **extra)
        return found

    async def _bytes(self, path: str) -> bytes:
        entry = await self.stat(path)
        if entry.kind == "directory":
            raise a_folder(path)
        if entry.size > self._largest:
            raise too_large(path, entry.size, self._largest)
        model = await self._call("get", path, path, content=True, type="file")
        content = str(model["content"])
        return content.encode() if model["format"] == "text" else base64.b64decode(content)

    async def _texts(self, entries: Sequence[Entry]) -> tuple[Sequence[dict[str, str]], int]:
        files, skipped, room = [], 0, SEARCHED_BYTES
        for entry in entries:
            try:
                data = await self._bytes(entry.path) if entry.size <= room else b"\0"
            except ToolError:
                data = b"\0"
            room -= len(data)
            if b"\0" in data:
                skipped += 1
            else:
                files.append({"path": entry.path, "text": data.decode("utf-8", "replace")})
        return files, skipped

    async def _gathered(self, path: str, data: AsyncIterator[bytes]) -> bytes:
        whole = bytearray()
        async for piece in data:
            whole += piece
            if len(whole) > self._largest:
                raise too_large(path, len(whole), self._largest)
        return bytes(whole)

    async def _call(self, method: str, path: str, *args: Any, **options: Any) -> Any:
        try:
            return await answered(getattr(self._manager, method)(*args, **options))
        except HTTPError as error:
            raise refused(path, error) from None


async def answered(value: Any) -> Any:
    """Return what a contents manager of either kind answers."""
    return await value if inspect.isawaitable(value) else value


def refused(path: str, error: HTTPError) -> ToolError:  # noqa: PLR0911 - one return an answer
    """Say what the contents manager said, without the server's own paths in it."""
    text = str(error.log_message or "")
    match error.status_code:
        case 404:
            return not_found(path)
        case 403:
            return ToolError(
                "forbidden", f"The server may not touch '{shown(path)}'.", "Check its permissions."
            )
        case 409:
            return there_already(path)
        case 400 if "not a directory" in text:
            return no_folder(path)
        case 400 if "is a directory" in text:
            return a_folder(path)
        case 400 if "not empty" in text:
            return ToolError(
                "conflict",
                f"The folder '{shown(path)}' is not empty.",
                "Delete what is in it first.",
            )
        case 400 if "trash" in text:
            return ToolError(
                "unavailable",
                f"'{shown(path)}' could not be put into the trash.",
                "Let the administrator set FileContentsManager.delete_to_trash to False.",
            )
    return ToolError("unavailable", f"The server could not handle '{shown(path)}'.", "Try again.")


def too_large(path: str, size: int, largest: int) -> ToolError:
    """Return the error for a file that no tool takes whole."""
    return ToolError(
        "too_large",
        f"'{shown(path)}' has {size} bytes, and {largest} are the most here.",
        "Read it in ranges with offset and limit, or copy it with file_upload or file_download.",
    )


def _entry(path: str, model: Mapping[str, Any]) -> Entry:
    modified = model.get("last_modified")
    seconds = modified.timestamp() if isinstance(modified, datetime) else 0.0
    kind = "directory" if model["type"] == "directory" else "file"
    return Entry(path, kind, int(model.get("size") or 0), seconds)  # type: ignore[arg-type]


def _encoded(data: bytes) -> dict[str, str]:
    try:
        return {"format": "text", "content": data.decode()}
    except UnicodeDecodeError:
        return {"format": "base64", "content": base64.b64encode(data).decode()}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
