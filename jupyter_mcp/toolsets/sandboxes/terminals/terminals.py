"""Terminals in sandboxes: a program behind a PTY that stays open between calls.

What it writes goes into a ring, from which any number of readers read by offset: an agent, a
person's widget, both at once. Whoever falls too far behind is told how much was dropped.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.printed.text import decoded, plain
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.terminals.commands import (
    Command,
    Shells,
    check,
    check_variables,
)
from jupyter_mcp.toolsets.sandboxes.terminals.ring import Ring

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link
    from jupyter_mcp.toolsets.sandboxes.link.processes import Process
    from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes

TERMINALS_LIMIT = 16
"""Open terminals of one sandbox."""
ENDED_LIMIT = 64
"""Terminals whose program has ended and which nobody has closed yet, in all sandboxes."""
INPUT_LIMIT = 256 * 1024
"""Bytes that are sent in one call."""
TERM = "xterm-256color"


@dataclass(frozen=True, slots=True)
class Opening:
    """A terminal as somebody asks for it.

    Args:
        rows: Its height in characters.
        columns: Its width.
        command: A line for the shell; empty for the shell itself.
        cwd: Working folder from the workspace.
        env: Variables besides those of the sandbox.
    """

    rows: int = 24
    columns: int = 80
    command: str = ""
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Terminal:
    """An open terminal.

    Args:
        id: Its identifier.
        sandbox_id: Where it is.
        owner: Whose sandbox that is.
        opening: What it was opened with; rows and columns as they are now.
        process: The program.
        ring: What it wrote.
        exit_code: Its exit code once it has ended; None before, and when its sandbox went first.
    """

    id: str
    sandbox_id: str
    owner: str
    opening: Opening
    process: Process
    ring: Ring
    exit_code: int | None = None
    pump: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether its program runs."""
        return not self.ring.is_ended


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader gets.

    Args:
        text: New text.
        offset: What to read from the next time.
        dropped: Bytes that came before it and are lost to this reader.
        is_open: Whether more can follow; False only when all was read.
        exit_code: The program's exit code when it has ended.
    """

    text: str
    offset: int
    dropped: int
    is_open: bool
    exit_code: int | None


class Terminals:
    """All terminals.

    Args:
        sandboxes: The service.
        tasks: The owner of background tasks.
        shells: Which shell a sandbox has.
    """

    def __init__(self, sandboxes: Sandboxes, tasks: Spawner, shells: Shells) -> None:
        self._sandboxes = sandboxes
        self._tasks = tasks
        self._shells = shells
        self._terminals: dict[str, Terminal] = {}
        sandboxes.on_end(self._ended)

    async def open(self, sandbox: str, owner: str | None, opening: Opening) -> Terminal:
        """Open a terminal.

        Raises:
            ToolError: ``not_found``, ``invalid_arguments``, ``limit_reached``, ``unavailable``.
        """
        _check(opening)
        session = await self._sandboxes.get(sandbox, owner)
        self._check_room(session.id)
        link = await self._sandboxes.link(session.id, owner)
        process = await link.start(
            await self._shells.argv(link, opening.command),
            cwd=opening.cwd,
            env={"TERM": TERM, **opening.env},
            pty=(opening.rows, opening.columns),
        )
        terminal = Terminal(
            id=f"term-{secrets.token_hex(6)}",
            sandbox_id=session.id,
            owner=session.owner,
            opening=opening,
            process=process,
            ring=Ring(),
        )
        self._terminals[terminal.id] = terminal
        terminal.pump = self._tasks.spawn("terminal", self._pump(terminal, link))
        self._forget_oldest()
        return terminal

    def find(self, terminal_id: str, owner: str | None) -> Terminal:
        """Return a terminal.

        Raises:
            ToolError: ``not_found``.
        """
        terminal = self._terminals.get(terminal_id)
        if terminal is None or owner not in (None, terminal.owner):
            raise ToolError(
                "not_found",
                f"There is no terminal {terminal_id[:40]!r}.",
                "Open one with terminal_open; it closes when its sandbox ends or is attached anew.",
            )
        return terminal

    def list(self, owner: str | None, sandbox_id: str = "") -> list[Terminal]:
        """Return the terminals of somebody, or of everybody for None, in one sandbox or in all."""
        return [
            each
            for each in self._terminals.values()
            if owner in (None, each.owner) and sandbox_id in ("", each.sandbox_id)
        ]

    async def send(self, terminal: Terminal, data: str) -> int:
        """Type into a terminal and return how many bytes that was.

        Raises:
            ToolError: ``invalid_arguments`` for nothing or too much, ``conflict`` when it has
                ended.
        """
        sent = data.encode("utf-8", "replace")
        if not 0 < len(sent) <= INPUT_LIMIT:
            what = f"Send between 1 and {INPUT_LIMIT} bytes."
            raise ToolError("invalid_arguments", what, "Write large input to a file.")
        self._check_open(terminal)
        await self._sandboxes.link(terminal.sandbox_id, terminal.owner)  # typing is a use
        await terminal.process.write(sent)
        return len(sent)

    async def resize(self, terminal: Terminal, rows: int, columns: int) -> None:
        """Change the size of a terminal.

        Raises:
            ToolError: ``conflict`` when it has ended.
        """
        self._check_open(terminal)
        await terminal.process.resize(rows, columns)
        now = terminal.opening
        terminal.opening = Opening(rows, columns, now.command, now.cwd, now.env)

    async def read(
        self, terminal: Terminal, offset: int, *, wait: float, limit: int, is_plain: bool
    ) -> Reading:
        """Return what came from `offset` on.

        Args:
            terminal: The terminal.
            offset: Bytes that the reader has had.
            wait: For how many seconds to wait when there is nothing.
            limit: The most bytes.
            is_plain: Whether escape sequences are removed.
        """
        try:
            async with asyncio.timeout(wait or None):
                while True:
                    change = terminal.ring.change
                    reading = _reading(terminal, offset, limit, is_plain=is_plain)
                    if reading.offset != offset or not reading.is_open or not wait:
                        return reading
                    await change.wait()
        except TimeoutError:
            return _reading(terminal, offset, limit, is_plain=is_plain)

    async def close(self, terminal: Terminal) -> None:
        """Kill what runs in a terminal and forget it."""
        self._terminals.pop(terminal.id, None)
        if terminal.is_open:
            try:
                await terminal.process.kill()
            except ToolError:  # it has just ended, or its sandbox has
                pass
            finally:
                terminal.process.release()
        if terminal.pump is not None:
            await asyncio.gather(terminal.pump, return_exceptions=True)

    async def _pump(self, terminal: Terminal, link: Link) -> None:
        """Fill the ring until the program has ended; the sandbox is in use until then."""
        try:
            async with self._sandboxes.using(terminal.sandbox_id, terminal.owner):
                async for _, data in terminal.process.output():
                    terminal.ring.append(data)
                terminal.exit_code = await terminal.process.wait()
        except ToolError:
            if not link.is_closed:
                terminal.process.release()
        finally:
            terminal.ring.finish()

    def _ended(self, sandbox_id: str) -> None:
        """Forget the terminals of a sandbox that is gone, or whose programs are."""
        for terminal in self.list(None, sandbox_id):
            self._terminals.pop(terminal.id, None)
            terminal.ring.finish()

    def _check_open(self, terminal: Terminal) -> None:
        if not terminal.is_open:
            raise ToolError(
                "conflict",
                f"The program in this terminal has ended with {terminal.exit_code}.",
                "Open another one with terminal_open.",
            )

    def _check_room(self, sandbox_id: str) -> None:
        if sum(each.is_open for each in self.list(None, sandbox_id)) >= TERMINALS_LIMIT:
            what = f"This sandbox has {TERMINALS_LIMIT} open terminals."
            raise ToolError("limit_reached", what, "Close some with terminal_close.")

    def _forget_oldest(self) -> None:
        ended = [each for each in self._terminals.values() if not each.is_open]
        for terminal in ended[: max(0, len(ended) - ENDED_LIMIT)]:
            del self._terminals[terminal.id]


def _reading(terminal: Terminal, offset: int, limit: int, *, is_plain: bool) -> Reading:
    ring = terminal.ring
    piece = ring.read(offset, limit)
    reaches_end = piece.offset + len(piece.data) == ring.end
    text, used = decoded(
        piece.data, is_last=ring.is_ended and reaches_end, whole_sequences=is_plain
    )
    if piece.data and not used and len(piece.data) == limit:  # no character is as long as that
        text, used = decoded(piece.data, is_last=True, whole_sequences=False)
    after = piece.offset + used
    return Reading(
        text=plain(text) if is_plain else text,
        offset=after,
        dropped=piece.dropped,
        is_open=not (ring.is_ended and after == ring.end),
        exit_code=terminal.exit_code if ring.is_ended else None,
    )


def _check(opening: Opening) -> None:
    if opening.command:
        check(Command(opening.command, opening.cwd, opening.env))
    else:
        check_variables(opening.env)
