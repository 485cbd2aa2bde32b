"""Files of a workspace that are kept, to begin another sandbox with.

A snapshot is an archive that `tar` inside writes and reads, so it works with every backend, and the
server never unpacks what somebody hostile may have packed. Memory and processes are not in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Threads
from jupyter_mcp.toolsets.sandboxes.sizes import size_of
from jupyter_mcp.toolsets.sandboxes.spec import SandboxSpec

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link

MOST = 10
"""How many snapshots of one principal are kept; the oldest go first."""

DAYS = 30.0
"""For how long one is kept."""

PART_SECONDS = 3600.0
"""After how long without a byte a part is one that a server left which was killed."""

_ID = re.compile(r"snap-[0-9a-f]{12}")
_PIECE = 256 * 1024
_CHANGED = 1
"""tar's exit code when a file changed while it was read, which is no failure."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files of a workspace at a time.

    Args:
        id: Identifier.
        owner: Whose it is.
        sandbox: The sandbox that it is of.
        name: What that was called; empty for none.
        image: The image that it ran; empty for none.
        created: Unix time.
        size: Bytes, compressed.
    """

    id: str
    owner: str
    sandbox: str
    name: str
    image: str
    created: float
    size: int


class Snapshots:
    """The snapshots in the state folder.

    Args:
        state: The server's state folder.
        threads: Threads for blocking work.
        clock: Tells the time.
        most_bytes: How large one may be, compressed.
    """

    def __init__(
        self, state: Path, threads: Threads, clock: Callable[[], float], most_bytes: int
    ) -> None:
        self._folder = state / "sandboxes" / "snapshots"
        self._threads = threads
        self._clock = clock
        self._most_bytes = most_bytes

    async def take(self, link: Link, spec: SandboxSpec) -> Snapshot:
        """Keep the files of a workspace.

        Raises:
            ToolError: ``too_large``, ``upstream`` when they cannot be packed.
        """
        snapshot_id = f"snap-{secrets.token_hex(6)}"
        await self._threads.run(self._prepare)
        part = self._folder / f"{snapshot_id}.part"
        try:
            size = await self._pack(link, part)
            snapshot = Snapshot(
                snapshot_id, spec.owner, spec.id, spec.name, spec.image, self._clock(), size
            )
            await self._threads.run(self._keep, part, snapshot)
        finally:
            await self._threads.run(part.unlink, missing_ok=True)
        await self.prune()
        return snapshot

    async def restore(self, snapshot_id: str, owner: str, link: Link) -> None:
        """Unpack a snapshot in a workspace.

        Raises:
            ToolError: ``not_found``, ``upstream`` when it cannot be unpacked.
        """
        await self.get(snapshot_id, owner)
        argv = ["tar", "-xzf", "-", "-C", link.hello.workspace, "--no-same-owner"]
        process = await link.start(argv)
        with await self._threads.run(self._path(snapshot_id).open, "rb") as file:
            said = asyncio.ensure_future(_tail(process))
            try:
                with contextlib.suppress(ToolError, ConnectionError):  # tar left: its code tells
                    while piece := await self._threads.run(file.read, _PIECE):
                        await process.write(piece)
                    await process.close_stdin()
                complaint = await said
            finally:
                said.cancel()
        if code := await process.wait():
            raise _failed("unpacked", code, complaint)

    async def get(self, snapshot_id: str, owner: str | None) -> Snapshot:
        """Return a snapshot of somebody's, or of anybody's for None.

        Raises:
            ToolError: ``not_found``.
        """
        found = None
        if _ID.fullmatch(snapshot_id):
            found = await self._threads.run(self._read, self._path(snapshot_id))
        if found is None or owner not in {None, found.owner}:
            raise ToolError(
                "not_found",
                f"There is no snapshot '{snapshot_id[:40]}'.",
                "sandbox_list tells which there are.",
            )
        return found

    async def of(self, owner: str | None) -> list[Snapshot]:
        """Return somebody's snapshots, or everybody's for None, the newest first."""
        every = await self._threads.run(self._all)
        return [each for each in every if owner in {None, each.owner}]

    async def prune(self) -> None:
        """Delete what is too old or too many."""
        await self._threads.run(self._prune)

    async def _pack(self, link: Link, part: Path) -> int:
        process = await link.start(
            ["tar", "-czf", "-", "-C", link.hello.workspace, "."], stdin=False
        )
        complaint, size = b"", 0
        try:
            with await self._threads.run(_private, part) as file:
                async for name, data in process.output():
                    if name == "stderr":
                        complaint = (complaint + data)[-1000:]
                        continue
                    size += len(data)
                    _check_size(size, self._most_bytes)
                    await self._threads.run(file.write, data)
        except BaseException:
            await process.kill()
            raise
        code = await process.wait()
        if code not in {0, _CHANGED}:
            raise _failed("packed", code, complaint)
        return size

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, snapshot_id: str) -> Path:
        return self._folder / f"{snapshot_id}.tar.gz"

    def _keep(self, part: Path, snapshot: Snapshot) -> None:
        path = self._path(snapshot.id)
        with _private(path.with_suffix(".json")) as file:
            file.write(json.dumps(asdict(snapshot)).encode())
        part.replace(path)  # from now on it is one

    def _read(self, path: Path) -> Snapshot | None:
        try:
            found: Any = json.loads(path.with_suffix(".json").read_bytes())
            return Snapshot(**found) if path.exists() else None
        except (OSError, ValueError, TypeError):
            return None

    def _all(self) -> list[Snapshot]:
        found = [self._read(path) for path in self._folder.glob("snap-*.tar.gz")]
        return sorted((each for each in found if each), key=lambda each: -each.created)

    def _prune(self) -> None:
        oldest = self._clock() - DAYS * 86_400
        kept: dict[str, int] = {}
        for each in self._all():
            kept[each.owner] = kept.get(each.owner, 0) + 1
            if kept[each.owner] > MOST or each.created < oldest:
                path = self._path(each.id)
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)
        for part in self._folder.glob("snap-*.part"):
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < self._clock() - PART_SECONDS:
                    part.unlink()


def _private(path: Path) -> IO[bytes]:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(number, "wb")


async def _tail(process: Any) -> bytes:
    said = b""
    async for _, data in process.output():
        said = (said + data)[-1000:]
    return said


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise ToolError(
            "too_large",
            f"The workspace is more than {size_of(most)} when packed.",
            "Delete what is not needed there and take the snapshot again.",
        )


def _failed(what: str, code: int, complaint: bytes) -> ToolError:
    said = complaint.decode(errors="replace").strip().splitlines()
    return ToolError(
        "upstream",
        f"The files could not be {what}: tar ended with {code}{': ' + said[-1] if said else ''}.",
        "Is tar in the image, and the workspace not full?",
    )
