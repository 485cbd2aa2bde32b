"""The host's end of the channel to the agent in a sandbox.

One task reads, one writes. Whatever the other side sends that no agent of ours sends closes the
link, fails all that is under way with a `ToolError`, and goes no further; what it can make us keep
is bounded by windows, by the number of requests, and by the lengths of frames.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_source
from jupyter_mcp.toolsets.sandboxes.channel import ByteChannel
from jupyter_mcp.toolsets.sandboxes.link.exchange import Exchange, printable
from jupyter_mcp.toolsets.sandboxes.link.frames import (
    MAX_HEAD,
    BrokenFrameError,
    Decoder,
    Frame,
    Kind,
    encode,
    parse_json,
)
from jupyter_mcp.toolsets.sandboxes.link.hello import Hello, read_hello
from jupyter_mcp.toolsets.sandboxes.link.listening import Listener
from jupyter_mcp.toolsets.sandboxes.link.processes import Process
from jupyter_mcp.toolsets.sandboxes.link.streams import Stream

MAX_REQUESTS = 512
MAX_REPLY = 16 << 20
_READ = 1 << 18
_HIGH_WATER = 1 << 20
_MAX_PORT = 65535


class Link:
    """The channel with requests on it. Open one with `Link.open`.

    Args:
        channel: The agent's stdin and stdout.
        tasks: The owner of background tasks.
    """

    hello: Hello

    def __init__(self, channel: ByteChannel, tasks: Spawner) -> None:
        self._channel = channel
        self._tasks = tasks
        self._number = 0
        self._exchanges: dict[int, Exchange] = {}
        self._output: deque[bytes] = deque()
        self._output_size = 0
        self._has_output = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._greeted: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._error: ToolError | None = None
        self._workers: list[asyncio.Task[None]] = []
        self.closed = asyncio.Event()

    @classmethod
    async def open(cls, channel: ByteChannel, tasks: Spawner, seconds: float = 15) -> Self:
        """Send the agent through the channel and wait for its hello.

        Args:
            channel: To a program started as `agent.source.agent_argv` says; it is closed when this
                fails.
            tasks: The owner of background tasks.
            seconds: How long to wait.

        Raises:
            ToolError: ``unavailable`` with what the program complained about; ``unsupported`` when
                it speaks another version.
        """
        link = cls(channel, tasks)
        link.post(agent_source())
        link._workers = [
            tasks.spawn("sandbox link reader", link._read()),
            tasks.spawn("sandbox link writer", link._write()),
        ]
        try:
            async with asyncio.timeout(seconds):
                link.hello = await asyncio.shield(link._greeted)
        except TimeoutError:
            await link.close()
            raise link._no_hello(f"did not answer within {seconds:g} s") from None
        except BaseException:
            await link.close()
            raise
        return link

    @property
    def is_closed(self) -> bool:
        """Whether it is of no use any more."""
        return self._error is not None

    async def close(self) -> None:
        """End the agent and with it all that it started."""
        self._fail(
            ToolError(
                "unavailable",
                "The connection to the sandbox is closed, and what ran through it has ended.",
                "sandbox_list tells whether it is still there; its next use connects anew.",
            )
        )
        mine = asyncio.current_task()
        others = [task for task in self._workers if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._channel.close()

    # requests

    def exchange(self, op: str, parameters: Mapping[str, Any], payload: bytes = b"") -> Exchange:
        """Begin a request.

        Args:
            op: What the agent shall do.
            parameters: JSON-able.
            payload: Bytes that travel with it, at most `frames.MAX_PAYLOAD`.

        Raises:
            ToolError: ``unavailable`` when the link is closed, ``busy`` when too much is under
                way, ``too_large`` for parameters that fit no frame.
        """
        if self._error is not None:
            raise self._error_again()
        if len(self._exchanges) >= MAX_REQUESTS:
            if sum(each.is_released for each in self._exchanges.values()) > MAX_REQUESTS // 2:
                raise self.break_off(BrokenFrameError("no answers"))
            raise ToolError("busy", "Too much is under way in the sandbox.", "Wait for some of it.")
        self._number = self._number % 0xFFFF_FFFF + 1
        try:
            frame = encode(Kind.CALL, self._number, {**parameters, "op": op}, payload)
        except ValueError:
            raise ToolError(
                "too_large", f"It is longer than {MAX_HEAD >> 10} KiB.", "Put it into a file."
            ) from None
        exchange = self._exchanges[self._number] = Exchange(self, self._number)
        self.post(frame)
        return exchange

    async def request(self, op: str, **parameters: Any) -> dict[str, Any]:
        """Ask for one answer and return its JSON.

        Raises:
            ToolError: What went wrong inside, or ``unavailable``.
        """
        async with self.exchange(op, parameters) as exchange:
            return (await exchange.answer()).head

    async def rows(
        self, op: str, parameters: Mapping[str, Any], most: int
    ) -> tuple[list[Any], dict[str, Any]]:
        """Ask for an answer with rows and return these and its JSON.

        The rows come a batch a line, so that the event loop is never held up by a long text.

        Raises:
            ToolError: Likewise; the link is closed when there are more than `most`.
        """
        async with self.exchange(op, parameters) as exchange:
            reply = await exchange.collect(MAX_REPLY)
            head = (await exchange.answer()).head
        found: list[Any] = []
        try:
            for line in reply.splitlines():
                found += _batch(line, most - len(found))
                await asyncio.sleep(0)
        except BrokenFrameError as error:
            raise self.break_off(error) from error
        return found, head

    async def ping(self) -> None:
        """Wait for the agent to answer."""
        await self.request("ping")

    async def configure(self, env: Mapping[str, str]) -> None:
        """Set variables of all processes that are started from now on; secrets go this way."""
        await self.request("configure", env=dict(env))

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
        """Start a process in a session of its own.

        Args:
            argv: The program and its arguments.
            cwd: Working folder, from the workspace.
            env: Variables besides those of `configure`.
            pty: Rows and columns of a terminal; None for pipes.
            stdin: Whether it has an input; without one it reads an empty file.
            seconds: After how many seconds it is killed.

        Raises:
            ToolError: ``not_found`` for a command or folder that is not there.
        """
        exchange = self.exchange(
            "start",
            {
                "argv": list(argv),
                "cwd": cwd,
                "env": dict(env or {}),
                "pty": list(pty) if pty else None,
                "stdin": stdin,
                "seconds": seconds,
            },
        )
        pid = await self.first(exchange, "pid", 1 << 31)
        return Process(self, exchange, pid)

    async def dial(self, port: int) -> Stream:
        """Connect to a port of 127.0.0.1 inside.

        Raises:
            ToolError: ``unavailable`` when nothing listens there.
        """
        exchange = self.exchange("dial", {"port": port})
        await self.first(exchange, "connected", 1)
        return Stream(exchange)

    async def listen(self, port: int, accept: Callable[[Stream], Awaitable[None]]) -> int:
        """Serve connections to a port of 127.0.0.1 inside, until the link is closed.

        Args:
            port: 0 for any.
            accept: Called in a task for each connection, which is closed when it returns.

        Returns:
            The port.

        Raises:
            ToolError: ``conflict`` when the port is in use.
        """
        exchange = self.exchange("listen", {"port": port})
        number = await self.first(exchange, "port", _MAX_PORT)
        self._workers.append(
            self._tasks.spawn(
                "sandbox link listener", Listener(self, self._tasks, exchange, accept).serve()
            )
        )
        return number

    # frames

    def post(self, frame: bytes) -> None:
        """Put a frame into the queue of the writer."""
        if self._error is None:
            self._output.append(frame)
            self._output_size += len(frame)
            self._has_output.set()
            if self._output_size > _HIGH_WATER:
                self._has_room.clear()

    async def send(self, frame: bytes) -> None:
        """Put a frame into the queue and wait while the queue is long."""
        self.post(frame)
        await self._has_room.wait()

    def break_off(self, error: Exception) -> ToolError:
        """Close the link because of what the agent sent, and return the error to raise."""
        self._fail(
            ToolError(
                "unavailable",
                f"The agent in the sandbox sent what it must not ({error}), so the connection is "
                "closed.",
                "Use the sandbox again to connect anew; if it happens again, destroy it.",
            )
        )
        return self._error_again()

    async def first(self, exchange: Exchange, name: str, most: int) -> int:
        """Return the number that the first event of a request tells, from 1 to `most`.

        Raises:
            ToolError: As `Exchange.event`; the request is released then.
        """
        try:
            value = (await exchange.event()).get(name)
        except BaseException:
            exchange.release()
            raise
        if not isinstance(value, int) or not 0 < value <= most:
            exchange.release()
            raise self.break_off(BrokenFrameError(f"no {name}"))
        return int(value)

    async def _read(self) -> None:
        decoder = Decoder()
        try:
            while data := await self._channel.read(_READ):
                for frame in decoder.feed(data):
                    self._take(frame)
                    if self._error is not None:
                        return
            self._fail(self._gone())
        except BrokenFrameError as error:
            self.break_off(error)
        except (ConnectionError, OSError):
            self._fail(self._gone())
        finally:
            self._fail(self._gone())

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.HELLO:
            self._take_hello(frame)
            return
        exchange = self._exchanges.get(frame.number)
        if exchange is None:
            raise BrokenFrameError("an answer to nothing")
        exchange.take(frame)
        if exchange.is_over:
            del self._exchanges[frame.number]

    def _take_hello(self, frame: Frame) -> None:
        if self._greeted.done():
            raise BrokenFrameError("a second hello")
        try:
            self._greeted.set_result(read_hello(frame.head))
        except ToolError as error:
            self._fail(error)

    async def _write(self) -> None:
        try:
            while True:
                await self._has_output.wait()
                self._has_output.clear()
                while self._output:
                    data = b"".join(self._output) if len(self._output) > 1 else self._output[0]
                    self._output.clear()
                    await self._channel.write(data)
                    self._output_size -= len(data)
                    if self._output_size <= _HIGH_WATER:
                        self._has_room.set()
        except OSError:
            self._fail(self._gone())

    # ends

    def _fail(self, error: ToolError) -> None:
        if self._error is not None:
            return
        self._error = error
        if not self._greeted.done():
            self._greeted.set_exception(error)
            self._greeted.exception()  # seen: nobody may be waiting for it any more
        for exchange in self._exchanges.values():
            exchange.fail(error)
        self._exchanges.clear()
        self._output.clear()
        self._has_room.set()
        self.closed.set()
        self._tasks.spawn("sandbox link end", self.close())

    def _error_again(self) -> ToolError:
        error = self._error or self._gone()
        return ToolError(error.code, error.message, error.remedy)

    def _gone(self) -> ToolError:
        if not self._greeted.done():
            return self._no_hello("ended")
        return ToolError(
            "unavailable",
            f"The agent in the sandbox has ended. {self._complaint()}",
            "Its processes ended with it and its files are kept: call again to connect anew.",
        )

    def _no_hello(self, what: str) -> ToolError:
        return ToolError(
            "unavailable",
            f"The agent {what} before it was ready in the sandbox. {self._complaint()}",
            "The image needs python3 (3.8 or newer) in PATH.",
        )

    def _complaint(self) -> str:
        lines = self._channel.complaint().strip().splitlines()
        return printable(lines[-1]) if lines else ""


def _batch(line: bytes, most: int) -> list[Any]:
    batch = parse_json(line)
    if not isinstance(batch, list) or len(batch) > most:
        raise BrokenFrameError("rows that were not asked for")
    return batch
