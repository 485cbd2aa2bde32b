"""A process in a sandbox, as the host sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

from jupyter_mcp.toolsets.sandboxes.link.exchange import Carrier, Exchange
from jupyter_mcp.toolsets.sandboxes.link.frames import BrokenFrameError

_MAX_EXIT = 255
_OUTPUTS: tuple[Literal["stdout"], Literal["stderr"]] = ("stdout", "stderr")


class Process:
    """A process that `Link.start` has started.

    Whoever started it reads its `output` or calls `release`; output that nobody reads makes the
    process wait after the window is full.

    Args:
        link: The channel.
        exchange: The request that it lives in.
        pid: Its number inside.
    """

    def __init__(self, link: Carrier, exchange: Exchange, pid: int) -> None:
        self._link = link
        self._exchange = exchange
        self._exit: int | None = None
        self._turn = asyncio.Lock()
        self.pid = pid
        self.timed_out = False

    async def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """Yield what it writes; a process in a terminal writes to ``stdout`` alone.

        It ends when the process is reaped and nothing comes any more. What the process left
        running in the background goes on; its later output is thrown away.

        Raises:
            ToolError: ``unavailable`` when the link is closed, ``cancelled`` after `release`.
        """
        while (piece := await self._exchange.receive()) is not None:
            lane, data = piece
            if data:
                yield _OUTPUTS[lane], data

    async def write(self, data: bytes) -> None:
        """Write to its stdin, as fast as it reads.

        Raises:
            ToolError: ``conflict`` when it has ended.
        """
        await self._exchange.send(data)

    async def close_stdin(self) -> None:
        """Close its stdin; in a terminal, send the character for the end of input."""
        self._exchange.end()

    async def signal(self, number: int) -> None:
        """Send a signal to its process group.

        Raises:
            ToolError: ``not_found`` when it has ended.
        """
        await self._link.request("signal", process=self._exchange.number, number=number)

    async def kill(self) -> None:
        """Kill its group, its session and all its descendants that can be found."""
        await self._link.request("kill", process=self._exchange.number)

    async def resize(self, rows: int, columns: int) -> None:
        """Change the size of its terminal.

        Raises:
            ToolError: ``invalid_arguments`` when it has none.
        """
        await self._link.request(
            "resize", process=self._exchange.number, rows=rows, columns=columns
        )

    async def wait(self) -> int:
        """Wait until it is reaped and return its exit code, 128 + n for signal n.

        Raises:
            ToolError: ``unavailable`` when the link is closed.
        """
        async with self._turn:
            if self._exit is None:
                self._exit = self._read_end(await self._exchange.event())
            return self._exit

    def release(self) -> None:
        """Kill it, if it still runs, and forget it."""
        self._exchange.release()

    def _read_end(self, head: dict[str, Any]) -> int:
        code, timed_out = head.get("exit_code"), head.get("timed_out")
        if type(code) is not int or not 0 <= code <= _MAX_EXIT or not isinstance(timed_out, bool):
            raise self._link.break_off(BrokenFrameError("no exit code"))
        self.timed_out = timed_out
        return code
