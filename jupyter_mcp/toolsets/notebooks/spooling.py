"""Whole outputs on disk, for those that are too much for a notebook or a model.

They are files of the server's own state folder, named by ids that nobody can guess, kept until
newer ones need their room. Writing happens on the executor; nothing here ever waits for a disk on
the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from jupyter_mcp.errors import ToolError

Run: TypeAlias = Callable[..., Awaitable[Any]]

SCHEME = "output://"
CHUNK = 1 << 20
MOST_OF_ONE = 64 << 20
MOST_OF_ALL = 512 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A whole output on disk.

    Args:
        id: The name behind ``output://``.
        mime: Its MIME type.
        size: Bytes.
    """

    id: str
    mime: str
    size: int

    @property
    def uri(self) -> str:
        """The resource to read it by."""
        return SCHEME + self.id


class OutputStore:
    """The folder of whole outputs.

    Args:
        folder: Where the files are; made at the first one.
        run: Runs blocking work on a thread (`Executor.run`).
        most: Bytes of all files; the oldest leave first.
    """

    def __init__(self, folder: Path, run: Run, most: int = MOST_OF_ALL) -> None:
        self._folder = folder
        self._run = run
        self._most = most

    def open_text(self) -> TextSpool:
        """Begin a text whose length nobody knows yet."""
        return TextSpool(self._folder, self._run, self.tidy)

    async def save(self, data: bytes, mime: str) -> Stored:
        """Write `data` and return where it can be read."""
        stored = Stored(new_id(mime), mime, len(data))
        await self._run(self._save, stored.id, data)
        return stored

    async def read(self, output_id: str) -> tuple[bytes, str]:
        """Return the bytes and the MIME type of an output.

        Raises:
            ToolError: ``not_found`` when there is none of that id, or no longer.
        """
        name = Path(output_id).name
        missing = ToolError(
            "not_found",
            f"There is no output {output_id!r} any more.",
            "Run the cell again, or read the notebook's own outputs.",
        )
        if name != output_id or name.startswith("."):
            raise missing
        try:
            data = await self._run((self._folder / name).read_bytes)
        except OSError:
            raise missing from None
        return data, mime_of(name)

    async def tidy(self) -> None:
        """Remove the oldest outputs until the rest fits."""
        await self._run(self._tidy)

    def _save(self, name: str, data: bytes) -> None:
        append(self._folder, name, data)
        self._tidy()

    def _tidy(self) -> None:
        if not self._folder.is_dir():
            return
        files = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another thread tidies as well
                files.append((path.stat(), path))
        total = sum(status.st_size for status, _ in files)
        for status, path in sorted(files, key=lambda each: each[0].st_mtime_ns):
            if total <= self._most:
                break
            path.unlink(missing_ok=True)
            total -= status.st_size


class TextSpool:
    """A growing text file; what comes after 64 MiB is counted and left out.

    Args:
        folder: Where to put it.
        run: Runs blocking work on a thread.
        tidy: Makes room for it among the others, once it is whole.
    """

    def __init__(self, folder: Path, run: Run, tidy: Callable[[], Awaitable[None]]) -> None:
        self._folder = folder
        self._run = run
        self._tidy = tidy
        self._id = new_id("text/plain")
        self._pending: list[str] = []
        self._pending_size = 0
        self._size = 0
        self._writing: asyncio.Future[Any] | None = None

    def write(self, text: str) -> None:
        """Take more text, without waiting."""
        if self._size >= MOST_OF_ONE:
            return
        self._pending.append(text)
        self._pending_size += len(text)
        self._size += len(text)
        if self._pending_size >= CHUNK and (self._writing is None or self._writing.done()):
            self._writing = asyncio.ensure_future(self._write())

    async def close(self) -> Stored:
        """Write what is pending and return where the text can be read."""
        if self._writing is not None:
            await self._writing
        size = await self._write()
        await self._tidy()
        return Stored(self._id, "text/plain", size)

    async def _write(self) -> int:
        data = "".join(self._pending).encode("utf-8", "replace")
        self._pending, self._pending_size = [], 0
        size: int = await self._run(append, self._folder, self._id, data)
        return size


def new_id(mime: str) -> str:
    """Return a name that cannot be guessed, with the ending that tells the MIME type."""
    ending = {"text/plain": ".txt"}.get(mime) or mimetypes.guess_extension(mime) or ".bin"
    return secrets.token_urlsafe(12).replace("-", "_") + ending


def mime_of(name: str) -> str:
    """Return the MIME type that an output's ending tells."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def append(folder: Path, name: str, data: bytes) -> int:
    """Add `data` to a file that only the owner can read, and return its size."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    path.touch(mode=0o600)
    with path.open("ab") as file:
        file.write(data)
        return file.tell()
