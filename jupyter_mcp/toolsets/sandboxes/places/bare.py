"""What stands for the agent where an image has no python3: files and commands, by a plain shell.

Everything above asks for a `Link`, and this is one: it starts commands to their end and refuses the
rest with what to do about it, so nobody else has to know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Literal

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.link.exchange import Exchange
from jupyter_mcp.toolsets.sandboxes.link.frames import PROTOCOL
from jupyter_mcp.toolsets.sandboxes.link.hello import Hello
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from jupyter_mcp.toolsets.sandboxes.link.processes import Process
from jupyter_mcp.toolsets.sandboxes.places.fallback import NEEDS_AGENT, FallbackPlace
from jupyter_mcp.toolsets.sandboxes.places.full import FullBarePlace
from jupyter_mcp.toolsets.sandboxes.places.paths import WORKSPACE

OUTPUT_LIMIT: Final = 8 << 20
"""Bytes of a command's output that are kept: it comes in one piece, at the end."""
NONE: Final = b"none"
LOOK: Final = ("sh", "-c", "command -v python3 >&2 || printf none; cat")
LOOK_SECONDS: Final = 10.0


class BareLink(Link):
    """A sandbox without an agent.

    Args:
        backend: What runs it.
        handle: The sandbox.
        tasks: The owner of background tasks.
    """

    def __init__(self, backend: Backend, handle: Handle, tasks: Spawner) -> None:
        self._env: dict[str, str] = {}
        self.place = FallbackPlace(backend, handle, self._env)
        self.full_place = FullBarePlace(backend, handle, self._env)
        self.hello = Hello(PROTOCOL, 0, 0, WORKSPACE, WORKSPACE, "")
        self.closed = asyncio.Event()
        self._tasks = tasks
        self._running: set[BareProcess] = set()

    @property
    def is_closed(self) -> bool:
        """Whether it is of no use any more."""
        return self.closed.is_set()

    async def close(self) -> None:
        """End all that was started."""
        self.closed.set()
        for process in list(self._running):
            await process.kill()

    async def ping(self) -> None:
        """Do nothing: there is nobody to answer."""

    async def configure(self, env: Mapping[str, str]) -> None:
        """Keep variables for all commands to come."""
        self._env.clear()
        self._env.update(env)

    def exchange(self, op: str, parameters: Mapping[str, Any], payload: bytes = b"") -> Exchange:
        """Refuse: there is no agent to ask.

        Raises:
            ToolError: ``unsupported``.
        """
        del op, parameters, payload
        raise ToolError(
            "unsupported",
            "The image of this sandbox has no python3: only files and commands work in it.",
            NEEDS_AGENT,
        )

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        pty: tuple[int, int] | None = None,
        stdin: bool = True,
        seconds: float | None = None,
    ) -> Process:
        """Start a command that reads nothing.

        Raises:
            ToolError: ``unsupported`` for a terminal or an input, ``unavailable`` when closed.
        """
        if pty or stdin:
            self.exchange("start", {})
        if self.is_closed:
            raise ToolError("unavailable", "The connection to the sandbox is closed.", "Try again.")
        work = self.place.run(argv, cwd=cwd, env=env, seconds=seconds, limit=OUTPUT_LIMIT)
        task = self._tasks.spawn("command without an agent", _outcome(work))
        process = BareProcess(task)
        self._running.add(process)
        task.add_done_callback(lambda _: self._running.discard(process))
        return process


class BareProcess(Process):
    """A command that tells what it wrote when it has ended.

    Args:
        task: Runs it; cancelling kills it.
    """

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.pid = 0
        self.timed_out = False

    async def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """Yield what it wrote, at its end.

        Raises:
            ToolError: What ended it before.
        """
        done = await self._finished()
        if done.stdout:
            yield "stdout", done.stdout
        if done.stderr:
            yield "stderr", done.stderr

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        done = await self._finished()
        self.timed_out = done.timed_out
        return int(done.exit_code)

    async def kill(self) -> None:
        """Kill it with all that it started."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def release(self) -> None:
        """Kill it, if it still runs, and forget it."""
        self._task.cancel()

    async def _finished(self) -> Any:
        try:
            found = await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if not self._task.cancelled():
                raise
            found = ToolError("unavailable", "The command was killed.", "Run it again.")
        if isinstance(found, ToolError):
            raise found
        return found


async def _outcome(work: Any) -> Any:
    """Return what became of a command, an error too: whoever waits for it gets to know it."""
    try:
        return await work
    except ToolError as error:
        return error


async def has_python(backend: Backend, handle: Handle) -> bool:
    """Return whether there is a python3 in a sandbox, so far as its shell can tell."""
    try:
        channel = await backend.channel(handle, LOOK)
    except ToolError:
        return True  # not even that works: what went wrong before says more
    said = b""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            while len(said) < len(NONE) and (data := await channel.read(len(NONE))):
                said += data
    except TimeoutError:
        return True
    finally:
        await channel.close()
    return said != NONE
