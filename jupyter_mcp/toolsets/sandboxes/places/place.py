"""The files and commands of a sandbox, through its agent.

What is asked is checked here for its form and inside for what it means: the agent opens each part
of a path relative to the one above, so that no link leads out (`agent/resident.py`). What comes
back is a stranger's (`answers`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.link import answers
from jupyter_mcp.toolsets.sandboxes.link.answers import believe
from jupyter_mcp.toolsets.sandboxes.link.exchange import Exchange
from jupyter_mcp.toolsets.sandboxes.link.frames import MAX_PAYLOAD, BrokenFrameError
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from jupyter_mcp.toolsets.sandboxes.link.processes import Process
from jupyter_mcp.toolsets.sandboxes.places.paths import WORKSPACE, inner_path
from jupyter_mcp.workplace import Entry, Finished, Found, Search

MOST_AT_ONCE = 256 << 20
"""Bytes that `SandboxPlace.read` returns at most; larger files are for `SandboxPlace.chunks`."""

_PATIENCE = 120.0
_GRACE = 5.0  # seconds that the agent has to end a command that took too long
_MOST_ENTRIES = 50_000
_KILLED = 137


class SandboxPlace:
    """A `workplace.Place` in a sandbox.

    Args:
        link: To its agent.
        sandbox_id: Its identifier.
    """

    def __init__(self, link: Link, sandbox_id: str) -> None:
        self._link = link
        self._sandbox_id = sandbox_id

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return f"sandbox {self._sandbox_id}"

    @property
    def sandbox_id(self) -> str:
        """The sandbox."""
        return self._sandbox_id

    async def stat(self, path: str) -> Entry:
        """Return what is there; a symbolic link as such."""
        return await self._entry("stat", {"path": self._path(path)})

    async def list(self, path: str, *, recursive: bool = False, limit: int = 1000) -> list[Entry]:
        """Return what is in a folder, by path; links are not followed."""
        limit = min(limit, _MOST_ENTRIES)
        asked = {"path": self._path(path), "recursive": recursive, "limit": limit}
        async with _patience():
            rows, _head = await self._link.rows("list", asked, limit + 1)
        with believe(self._link):
            return [answers.entry(row) for row in rows]

    async def read(self, path: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """Return bytes of a file and the size of the whole."""
        if offset < 0 or (limit is not None and limit < 0):
            raise ToolError("invalid_arguments", "Offset and limit cannot be negative.")
        most = MOST_AT_ONCE if limit is None else min(limit, MOST_AT_ONCE)
        asked = {"path": self._path(path), "offset": offset, "limit": most}
        async with self._link.exchange("read", asked) as exchange:
            data = await exchange.collect(most)
            answer = await exchange.answer()
        data += answer.payload
        with believe(self._link):
            size = answers.number(answer.head.get("size"))
            if len(data) > most:
                raise BrokenFrameError("more than was asked for")
        if limit is None and size - offset > most:
            raise ToolError(
                "too_large",
                f"{path!r} has {size} bytes.",
                "Read it in parts with offset and limit.",
            )
        return data, size

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield a file of any size in pieces; closing the iterator ends the reading inside."""
        asked = {"path": self._path(path), "streamed": True}
        async with self._link.exchange("read", asked) as exchange:
            while (piece := await exchange.receive()) is not None:
                if piece[1]:
                    yield piece[1]
            await exchange.answer()

    async def write(
        self,
        path: str,
        data: bytes | AsyncIterator[bytes],
        *,
        overwrite: bool = True,
        revision: str = "",
    ) -> Entry:
        """Write a file whole or not at all; a symbolic link there is replaced."""
        asked = {"path": self._path(path), "overwrite": overwrite, "revision": revision}
        if isinstance(data, bytes) and len(data) <= MAX_PAYLOAD:
            return await self._entry("write", asked, data)
        async with self._link.exchange("write", {**asked, "streamed": True}) as exchange:
            if isinstance(data, bytes):
                await exchange.send(data)
            else:
                async for piece in data:
                    await exchange.send(piece)
            exchange.end()
            return await self._entry_of(exchange)

    async def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, a link or a folder."""
        await self._ask("delete", {"path": self._path(path), "recursive": recursive})

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Move or rename, in one step."""
        asked = {"path": self._path(source), "target": self._path(target), "overwrite": overwrite}
        return await self._entry("move", asked)

    async def make_folder(self, path: str) -> Entry:
        """Make a folder and those above it."""
        return await self._entry("mkdir", {"path": self._path(path)})

    async def search(self, path: str, search: Search) -> Found:
        """Search below a folder, or in a file; names alone come with line 0 and no text."""
        limit = max(1, min(search.limit, _MOST_ENTRIES))
        asked = {
            "path": self._path(path),
            "pattern": search.pattern,
            "glob": search.glob,
            "regex": search.is_regex,
            "ignore_case": search.ignores_case,
            "limit": limit,
        }
        async with _patience():
            rows, head = await self._link.rows("search", asked, limit)
        with believe(self._link):
            return answers.found(rows, head)

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
        """Run a command to its end; cancelling kills its group and what came of it."""
        process = await self._link.start(
            argv, cwd=self._folder(cwd), env=env, stdin=bool(stdin), seconds=seconds
        )
        output = _Output(limit)
        try:
            async with asyncio.timeout(None if seconds is None else seconds + _GRACE):
                exit_code = await output.gather(process, stdin)
        except TimeoutError:
            return output.finished(_KILLED, timed_out=True)
        finally:
            process.release()
        return output.finished(exit_code, timed_out=process.timed_out)

    def _path(self, path: str) -> str:
        return inner_path(path, self._link.hello.workspace)

    def _folder(self, cwd: str) -> str:
        """Return a working folder; one outside is as good as any to a command."""
        if cwd.startswith("/") and not (cwd + "/").startswith(WORKSPACE + "/"):
            return cwd
        return self._path(cwd)

    async def _ask(self, op: str, asked: Mapping[str, Any], data: bytes = b"") -> dict[str, Any]:
        async with _patience(), self._link.exchange(op, asked, data) as exchange:
            return (await exchange.answer()).head

    async def _entry(self, op: str, asked: Mapping[str, Any], data: bytes = b"") -> Entry:
        async with _patience(), self._link.exchange(op, asked, data) as exchange:
            return await self._entry_of(exchange)

    async def _entry_of(self, exchange: Exchange) -> Entry:
        head = (await exchange.answer()).head
        with believe(self._link):
            return answers.entry(head.get("entry"))


class _Output:
    """The first bytes of what a command writes.

    Args:
        limit: Bytes of each output that are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self._is_cut = False

    async def gather(self, process: Process, stdin: bytes) -> int:
        """Write the input and keep the output, at the same time; return the exit code."""
        feeding = asyncio.ensure_future(_feed(process, stdin)) if stdin else None
        try:
            async for lane, data in process.output():
                self._keep(self._kept[lane], data)
            return await process.wait()
        finally:
            if feeding is not None:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)

    def finished(self, exit_code: int, *, timed_out: bool) -> Finished:
        """Return the command that has ended."""
        stdout, stderr = (bytes(kept) for kept in self._kept.values())
        return Finished(exit_code, stdout, stderr, timed_out=timed_out, is_cut=self._is_cut)

    def _keep(self, kept: bytearray, data: bytes) -> None:
        room = self._limit - len(kept)
        self._is_cut |= len(data) > room
        kept += data[: max(room, 0)]


async def _feed(process: Process, stdin: bytes) -> None:
    with contextlib.suppress(ToolError):  # a command need not read what it is given
        await process.write(stdin)
        await process.close_stdin()


@contextlib.asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_PATIENCE):
            yield
    except TimeoutError:
        raise ToolError(
            "timeout",
            f"The sandbox did not answer within {_PATIENCE:g} s.",
            "Try again; if it happens again, destroy the sandbox and create a new one.",
        ) from None
