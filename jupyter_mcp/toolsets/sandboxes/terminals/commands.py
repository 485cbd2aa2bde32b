"""Commands in a sandbox: a line for its shell, run to the end.

The line is text for a shell by its nature; it travels as one argument and is quoted nowhere.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.terminals.capture import Capture

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link
    from jupyter_mcp.toolsets.sandboxes.link.processes import Process
    from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes

COMMAND_LIMIT = 120_000
"""Bytes of a line: Linux takes 128 KiB in one argument."""
VARIABLES_LIMIT = 200
OUTPUTS_FOLDER = ".jupyter-mcp/outputs"
OUTPUTS_KEPT = 16
"""Files of whole outputs in a sandbox; the oldest is written over."""
NOT_FOUND = 127
KILLED = 137

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Command:
    """A line for the shell.

    Args:
        line: The line.
        cwd: Working folder from the workspace; empty for the workspace.
        env: Variables besides those of the sandbox.
        seconds: After how many seconds it is killed; None for never.
    """

    line: str
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command.

    Args:
        exit_code: Its exit code, 128 + n for signal n.
        stdout: What it wrote, plain and cut.
        stderr: Likewise.
        timed_out: Whether it was killed because it took too long.
        output_path: The file in the sandbox with all that it wrote, where that is cut; else empty.
        output_size: Bytes that it wrote.
        remedy: What to do about its end; empty where nothing is known.
    """

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool
    output_path: str = ""
    output_size: int = 0
    remedy: str = ""


class Commands:
    """Runs commands.

    Args:
        sandboxes: The service.
        tasks: The owner of background tasks.
        run: Runs blocking work on a thread.
        output_bytes: Bytes of a stream that an answer shows.
    """

    def __init__(
        self,
        sandboxes: Sandboxes,
        tasks: Spawner,
        run: Callable[..., Awaitable[Any]],
        output_bytes: int,
    ) -> None:
        self._sandboxes = sandboxes
        self._tasks = tasks
        self._run = run
        self._output_bytes = output_bytes
        self._numbers = itertools.count()
        self.shells = Shells()

    async def run(
        self, sandbox: str, owner: str | None, command: Command, say: Callable[[bytes], None]
    ) -> Ran:
        """Run a command to its end; cancelling kills all that it started.

        Args:
            sandbox: Identifier or name of the sandbox.
            owner: Whose sandboxes may be used; None for everybody's.
            command: The command.
            say: Told what it writes as it comes.

        Raises:
            ToolError: ``not_found``, ``invalid_arguments``, ``unavailable``.
        """
        check(command)
        capture = Capture(self._output_bytes, self._run)
        try:
            async with self._sandboxes.using(sandbox, owner) as link:
                process = await link.start(
                    await self.shells.argv(link, command.line),
                    cwd=command.cwd,
                    env=command.env,
                    stdin=False,
                    seconds=command.seconds,
                )
                code = await self._to_the_end(process, capture, say)
            path = await self._keep(sandbox, owner, capture)
            return Ran(
                exit_code=code,
                stdout=capture.stdout.text(),
                stderr=capture.stderr.text(),
                timed_out=process.timed_out,
                output_path=path,
                output_size=capture.total,
                remedy=_remedy(code, timed_out=process.timed_out),
            )
        finally:
            await capture.close()

    async def _to_the_end(
        self, process: Process, capture: Capture, say: Callable[[bytes], None]
    ) -> int:
        try:
            async for name, data in process.output():
                await capture.add(name, data)
                say(data)
            return await process.wait()
        except asyncio.CancelledError:
            await asyncio.shield(self._tasks.spawn("kill command", _kill(process)))
            raise
        except BaseException:
            process.release()
            raise

    async def _keep(self, sandbox: str, owner: str | None, capture: Capture) -> str:
        """Write the whole output into the sandbox where the answer does not show it."""
        if not capture.is_cut:
            return ""
        path = f"{OUTPUTS_FOLDER}/{next(self._numbers) % OUTPUTS_KEPT}.txt"
        try:
            place = await self._sandboxes.place(sandbox, owner)
            if path.endswith("/0.txt"):  # it is nobody's work: git need not see it
                await place.write(f"{OUTPUTS_FOLDER.partition('/')[0]}/.gitignore", b"*\n")
            await place.write(path, capture.chunks())
        except ToolError:  # a full disk, a sandbox that has just ended: the answer stands
            return ""
        return path


class Shells:
    """Knows which shell a sandbox has: bash where it is there, else sh."""

    def __init__(self) -> None:
        self._names: WeakKeyDictionary[Link, str] = WeakKeyDictionary()

    async def argv(self, link: Link, line: str = "") -> list[str]:
        """Return what runs a line, or a shell to type into where there is none."""
        name = self._names.get(link)
        if name is None:
            name = self._names[link] = await _shell_of(link)
        flags = "-lc" if name == "bash" else "-c"
        return [name, flags, line] if line else [name, "-l"]


def check(command: Command) -> None:
    """Refuse what no shell takes.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    if not command.line.strip():
        raise ToolError("invalid_arguments", "The command is empty.", "Say what to run.")
    if "\0" in command.line:
        raise ToolError("invalid_arguments", "A command has no NUL.", "Write it as a file.")
    if len(command.line.encode("utf-8", "replace")) > COMMAND_LIMIT:
        what = f"The command is longer than {COMMAND_LIMIT} bytes."
        raise ToolError("invalid_arguments", what, "Write it to a file and run that.")
    check_variables(command.env)


def check_variables(env: Mapping[str, str]) -> None:
    """Refuse variables that no process takes.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    if len(env) > VARIABLES_LIMIT:
        what = f"There are more than {VARIABLES_LIMIT} variables."
        raise ToolError("invalid_arguments", what, "Write them to a file.")
    for name, value in env.items():
        if not _NAME.match(name) or "\0" in value:
            what = f"{name[:40]!r} is no variable."
            raise ToolError("invalid_arguments", what, "Use letters, digits and '_' in names.")


async def _shell_of(link: Link) -> str:
    try:
        process = await link.start(["bash", "-c", ":"], stdin=False, seconds=10)
        async for _ in process.output():
            pass
        return "bash" if await process.wait() == 0 else "sh"
    except ToolError as error:
        if error.code != "not_found":
            raise
        return "sh"


async def _kill(process: Process) -> None:
    try:
        await process.kill()
    except ToolError:  # it has ended, or the sandbox has
        return
    finally:
        process.release()


def _remedy(code: int, *, timed_out: bool) -> str:
    if timed_out:
        return "It was killed at its timeout: give it longer, or use background=true."
    if code == NOT_FOUND:
        return (
            "A command was not found: check its name, or install it (pip, apt) in an image; "
            "a sandbox reaches a network only if it was created with network=true."
        )
    if code == KILLED:
        return "It was killed, perhaps for want of memory: create the sandbox with more memory."
    return ""
