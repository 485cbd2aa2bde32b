"""Files and commands of a sandbox whose image has no python3, through `sh` and coreutils.

Each question starts a shell by the one thing that every backend gives: a channel to a program
inside. The script is fixed; paths, arguments, variables and data travel over stdin and reach it as
positional parameters by `xargs -0`, so nothing is ever spliced into a shell's text and nothing
shows in what an engine remembers of a command. It is slower (a program start each) with the same
results; what needs the agent (terminals, ports, searching) says so.

Paths are entered by `cd -P` and looked at with `pwd -P` before anything is done by a name in that
folder. All of it runs as the session's user, so even a race gives away nothing that the user does
not have.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.channel import ByteChannel
from jupyter_mcp.toolsets.sandboxes.link.exchange import printable
from jupyter_mcp.toolsets.sandboxes.places import shell_scripts as scripts
from jupyter_mcp.toolsets.sandboxes.places.paths import WORKSPACE, inner_path
from jupyter_mcp.toolsets.sandboxes.places.shell_answers import (
    entries_of,
    entry_of,
    finished,
    whole,
)
from jupyter_mcp.workplace import Entry, Finished, Found, Search

NEEDS_AGENT: Final = "Install python3 (3.8 or newer) in the image and create the sandbox anew."

_SAYS: dict[str, tuple[str, str, str]] = {
    "not_found": ("not_found", "There is no {}.", "List the folder with file_list."),
    "not_folder": ("invalid_arguments", "A part of {} is no folder.", "Check the path."),
    "leads_out": ("invalid_arguments", "{} leads out of the workspace.", "Stay below /workspace."),
    "is_folder": ("invalid_arguments", "{} is a folder.", "Name a file."),
    "not_file": ("invalid_arguments", "{} is no file.", "Name a regular file."),
    "forbidden": ("forbidden", "The user of the sandbox may not touch {}.", "Check its mode."),
    "full": ("too_large", "The disk of the sandbox is full.", "Delete files or write less."),
    "changed": ("conflict", "{} has changed since it was read.", "Read it again."),
    "exists": ("conflict", "{} is there already.", "Ask to overwrite, or take another name."),
    "not_empty": ("conflict", "The folder {} is not empty.", "Ask for it with recursive=true."),
    "no_command": ("not_found", "Command not found: {}.", "Check the spelling, or install it."),
    "failed": ("unavailable", "It failed for {} in the sandbox.", "Check the path and its mode."),
}
_MOST = 64 << 20
_ROWS = 4 << 20
_PIECE = 1 << 18
_KILLED = 137
_GRACE = 10.0


class FallbackPlace:
    """A `workplace.Place` without an agent.

    Args:
        backend: What runs the sandbox.
        handle: The sandbox.
        env: Variables of all commands; they may change.
    """

    def __init__(
        self, backend: Backend, handle: Handle, env: Mapping[str, str] | None = None
    ) -> None:
        self._backend = backend
        self._handle = handle
        self._env = {} if env is None else env

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return f"sandbox {self.sandbox_id}"

    @property
    def sandbox_id(self) -> str:
        """The sandbox."""
        return self._handle.spec.id

    async def stat(self, path: str) -> Entry:
        """Return what is there; times are whole seconds."""
        folder, name = _split(inner_path(path))
        answer = await self._ask(scripts.STAT, [folder, name], path)
        return entry_of(answer, inner_path(path))

    async def list(self, path: str, *, recursive: bool = False, limit: int = 1000) -> list[Entry]:
        """Return what is in a folder, by path; where links lead is told by `stat` alone."""
        top = inner_path(path)
        depth = "" if recursive else "-maxdepth 1"  # words of ours, split by the shell
        answer = await self._ask(scripts.LIST, [top, str(limit + 1), depth], path, _ROWS)
        return sorted(entries_of(answer, top), key=lambda entry: entry.path.split("/"))[: limit + 1]

    async def read(self, path: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """Return bytes of a file and the size of the whole."""
        if offset < 0 or (limit is not None and limit < 0):
            raise ToolError("invalid_arguments", "Offset and limit cannot be negative.")
        folder, name = _split(inner_path(path))
        most = _MOST if limit is None else min(limit, _MOST)
        asked = [folder, name, str(offset + 1), str(most)]
        answer = await self._ask(scripts.READ, asked, path, most + 100)
        size, _, data = answer.partition(b"\n")
        total = whole(size)
        if limit is None and total - offset > most:
            raise ToolError("too_large", f"{path!r} has {total} bytes.", "Read it in parts.")
        return data[:most], total

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield a file in pieces of some megabytes, each by a question of its own."""
        offset, size = 0, 1
        while offset < size:
            data, size = await self.read(path, offset, 8 << 20)
            if not data:
                return
            offset += len(data)
            yield data

    async def write(
        self,
        path: str,
        data: bytes | AsyncIterator[bytes],
        *,
        overwrite: bool = True,
        revision: str = "",
    ) -> Entry:
        """Write a file whole or not at all; it is kept in memory until it is sent."""
        whole = data if isinstance(data, bytes) else await _together(data)
        folder, name = _split(inner_path(path))
        if not name or name == ".":
            raise _refusal("is_folder", path)
        asked = [folder, name, secrets.token_hex(8), str(len(whole))]
        asked += ["replace" if overwrite else "", revision, hashlib.sha256(whole).hexdigest()]
        await self._ask(scripts.WRITE, asked, path, data=whole, reads=True)
        return await self.stat(path)

    async def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, a link or a folder."""
        folder, name = _split(inner_path(path))
        if name == ".":
            raise ToolError("invalid_arguments", "The workspace itself stays.", "Name a file.")
        await self._ask(scripts.DELETE, [folder, name, "r" if recursive else ""], path)

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Move or rename."""
        asked = [*_split(inner_path(source)), *_split(inner_path(target))]
        if "." in asked[1::2]:
            raise ToolError("invalid_arguments", "The workspace itself stays.", "Name a file.")
        await self._ask(scripts.MOVE, [*asked, "f" if overwrite else ""], source)
        return await self.stat(target)

    async def make_folder(self, path: str) -> Entry:
        """Make a folder and those above it."""
        await self._ask(scripts.FOLDER, [inner_path(path)], path)
        return await self.stat(path)

    async def search(self, path: str, search: Search) -> Found:  # noqa: ARG002 - as the Place says
        """Refuse: searching needs the agent.

        Raises:
            ToolError: ``unsupported``.
        """
        raise ToolError("unsupported", "The image has no python3 to search with.", NEEDS_AGENT)

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
        """Run a command to its end; cancelling closes the channel, which kills its group."""
        if not argv or any("\0" in word for word in argv):
            raise ToolError("invalid_arguments", "argv has to be a list of texts without NUL.")
        variables = [f"{name}={value}" for name, value in {**self._env, **(env or {})}.items()]
        command = ["env", "--", *variables, *argv] if variables else list(argv)
        folder = cwd if _is_outside(cwd) else "./" + inner_path(cwd)
        asked = [folder, str(len(stdin)), "" if seconds is None else f"{seconds:.3f}", str(limit)]
        asked += ["6", argv[0], *command]
        try:
            async with asyncio.timeout(None if seconds is None else seconds + _GRACE):
                answer = await self._ask(
                    scripts.RUN, asked, argv[0], 2 * limit + 100, data=stdin, reads=True
                )
        except TimeoutError:
            return Finished(_KILLED, b"", b"", timed_out=True)
        return finished(answer, limit, is_timed=seconds is not None)

    async def _ask(
        self,
        script: str,
        words: Sequence[str],
        subject: str,
        most: int = 10_000,
        *,
        data: bytes = b"",
        reads: bool = False,
    ) -> bytes:
        """Run a script and return what it wrote before its last line, which says how it went."""
        if any("\0" in word for word in words):
            raise ToolError("invalid_arguments", "There is a NUL in it.")
        listed = b"".join(word.encode() + b"\0" for word in words)
        text = (scripts.READING if reads else scripts.COMMON) + script
        argv = ("sh", "-c", scripts.START, "sh", str(len(listed)), text)
        channel = await self._backend.channel(self._handle, argv)
        sending = asyncio.ensure_future(_send(channel, listed + data))
        try:
            answer = await _receive(channel, most + 100)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await channel.close()
        body, _, said = answer.rpartition(b"\n")
        if said != b"ok":
            word = said.decode(errors="replace")
            if word in _SAYS:
                raise _refusal(word, subject)
            complaint = printable(channel.complaint().strip().rpartition("\n")[2])
            raise ToolError(
                "unsupported", f"The image has no shell that does it. {complaint}", NEEDS_AGENT
            )
        return body


async def _send(channel: ByteChannel, data: bytes) -> None:
    with contextlib.suppress(OSError):  # a script that knows enough reads no further
        for start in range(0, len(data), _PIECE):
            await channel.write(data[start : start + _PIECE])


async def _receive(channel: ByteChannel, most: int) -> bytes:
    parts = bytearray()
    while data := await channel.read(_PIECE):
        parts += data
        if len(parts) > most:
            raise ToolError("too_large", "The sandbox answered too much.", "Ask for less.")
    return bytes(parts)


async def _together(data: AsyncIterator[bytes]) -> bytes:
    parts = bytearray()
    async for piece in data:
        parts += piece
        if len(parts) > _MOST:
            raise ToolError("too_large", f"It has more than {_MOST >> 20} MiB.", NEEDS_AGENT)
    return bytes(parts)


def _refusal(word: str, subject: str) -> ToolError:
    code, message, remedy = _SAYS[word]
    return ToolError(code, message.format(repr(subject[:200])), remedy)


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name or "."


def _is_outside(cwd: str) -> bool:
    return cwd.startswith("/") and not (cwd + "/").startswith(WORKSPACE + "/")
