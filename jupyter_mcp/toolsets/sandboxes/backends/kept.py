"""A program below a keeper, as a byte channel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner

COMPLAINT = 4096
BUFFER = 256 * 1024
LEAVE_SECONDS = 10.0


@cache
def keeper_source() -> str:
    """Return the program of the keeper, as text for ``python3 -c``."""
    here = Path(__file__).parent
    parts = [(here / name).read_text("utf-8") for name in ("confinement.py", "keeper.py")]
    future = "from __future__ import annotations\n"
    return future + "\n".join(part.replace(future, "") for part in parts) + "\nmain(confine)\n"


def run_kept(policy: Mapping[str, Any], seconds: float = 20.0) -> str:
    """Run a program to its end below a keeper, and return what went wrong; call it in a thread."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(json.dumps(policy).encode() + b"\n")
        line = [sys.executable, "-I", "-S", "-c", keeper_source(), str(theirs.fileno())]
        try:
            run = subprocess.run(  # noqa: S603 - our own program
                line,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)[:COMPLAINT]
    return "" if run.returncode == 0 else run.stderr.strip()[-COMPLAINT:] or "It ended at once."


class KeptChannel:
    """The pipes of a program that a keeper stands above (`jupyter_mcp...sandboxes.channel`).

    Args:
        keeper: The keeper's process, whose pipes are the program's.
        life: The life line; closing it ends everything below the keeper.
        tasks: The owner of background tasks.
    """

    def __init__(self, keeper: Process, life: socket.socket, tasks: Spawner) -> None:
        self._keeper = keeper
        self._life = life
        self._tasks = tasks
        self._complaint = bytearray()
        self._complaints = tasks.spawn("sandbox complaints", self._listen())

    @classmethod
    async def start(cls, policy: Mapping[str, Any], tasks: Spawner) -> KeptChannel:
        """Start a keeper with a policy (`keeper.py`).

        Raises:
            ToolError: ``unavailable`` when no process can be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                ours.setblocking(True)
                keeper = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-I", "-S", "-c", keeper_source(), str(theirs.fileno())),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=PIPE,
                    env={"LANG": "C.UTF-8"},
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    limit=BUFFER,
                )
                ours.sendall(json.dumps(policy).encode() + b"\n")
            except BaseException as error:
                ours.close()
                if not isinstance(error, OSError):
                    raise
                what = f"The sandbox's first process cannot be started: {error.strerror}."
                remedy = "Close other sandboxes, or raise this account's limits."
                raise ToolError("unavailable", what, remedy) from None
        return cls(keeper, ours, tasks)

    @property
    def pid(self) -> int:
        """The keeper's process number."""
        return self._keeper.pid

    @property
    def has_ended(self) -> bool:
        """Whether the keeper is gone, and so all below it."""
        return self._keeper.returncode is not None

    async def read(self, limit: int) -> bytes:
        """Return the next bytes of the program's stdout."""
        assert self._keeper.stdout is not None  # noqa: S101 - it is a pipe
        return await self._keeper.stdout.read(limit)

    async def write(self, data: bytes) -> None:
        """Write to the program's stdin."""
        assert self._keeper.stdin is not None  # noqa: S101 - it is a pipe
        if self._life.fileno() < 0 or self._keeper.stdin.is_closing():
            raise ConnectionResetError("The channel is closed.")
        self._keeper.stdin.write(data)
        await self._keeper.stdin.drain()

    async def close(self) -> None:
        """Kill all below the keeper and wait until the last of them is gone."""
        self._life.close()
        discarding = self._tasks.spawn("sandbox discard", self._discard())
        try:
            await asyncio.wait_for(self._keeper.wait(), LEAVE_SECONDS)
        except TimeoutError:  # it was killed from outside while something uninterruptible ran
            with contextlib.suppress(ProcessLookupError):
                self._keeper.kill()
            await self._keeper.wait()
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        for task in (self._complaints, discarding):
            task.cancel()
        await asyncio.gather(self._complaints, discarding, return_exceptions=True)
        transport: Any = self._keeper._transport  # type: ignore[attr-defined]  # noqa: SLF001
        transport.close()

    async def ended(self) -> int:
        """Wait until the keeper is gone, and return its code, which is the program's."""
        return await self._keeper.wait()

    def complaint(self) -> str:
        """Return the end of what came on stderr."""
        return self._complaint.decode("utf-8", "replace")

    async def _discard(self) -> None:
        """Read what nobody wants: since Python 3.12 a process has ended when its pipes have."""
        assert self._keeper.stdout is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(RuntimeError):  # somebody reads already
            while await self._keeper.stdout.read(BUFFER):
                pass

    async def _listen(self) -> None:
        assert self._keeper.stderr is not None  # noqa: S101 - it is a pipe
        while data := await self._keeper.stderr.read(COMPLAINT):
            self._complaint += data
            del self._complaint[:-COMPLAINT]
