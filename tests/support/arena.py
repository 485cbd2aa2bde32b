"""A runtime with its MCP endpoint in a loop of its own, for tests that send what nobody would.

Whatever goes wrong unforeseen while it is there is kept in `Arena.faults`: an exception that leaves
a door, one that is logged, one that a task dies of.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mcp.protocol.endpoint import Endpoint
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.runtime import Runtime
from support.exchanges import MemoryExchange
from support.notebooks import code
from support.probe import Probe
from support.runtimes import OWNER
from support.workshops import workshop

T = TypeVar("T")

LINGER_SECONDS = 0.02
"""How long a stream may stay open before its client goes."""
SECONDS = 20.0


class Raw(MemoryExchange):
    """An exchange with any method, body and headers."""

    def __init__(
        self, caller: Caller, method: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        super().__init__(caller, None)
        self.method = method
        self.body = body
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.opened = asyncio.Event()

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Keep status and headers."""
        super().start(status, headers)
        self.opened.set()


class Arena(logging.Handler):
    """The endpoint, and what goes wrong behind it."""

    def __init__(self, runtime: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.ERROR)
        self.runtime = runtime
        self.loop = loop
        self.faults: list[str] = []
        self.endpoint = Endpoint(
            runtime, "1.0", max_sessions=10_000, idle_seconds=1.0, max_body=100_000
        )
        self.caller = Caller(OWNER, "owner", runtime.catalog.selection("all"))
        loop.set_exception_handler(self._note)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an error that was logged, but for those that Jupyter logs and then answers."""
        if record.exc_info and record.name != "ServerApp":
            self.faults.append(self.format(record))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end; nothing unforeseen may have happened meanwhile."""
        self.faults.clear()
        try:
            return self.loop.run_until_complete(self._bounded(work))
        finally:
            assert not self.faults, "\n".join(self.faults)

    @staticmethod
    async def _bounded(work: Coroutine[Any, Any, T]) -> T:
        """Do not wait for work that cannot even be cancelled, as `wait_for` would."""
        task = asyncio.create_task(work)
        done, _ = await asyncio.wait({task}, timeout=SECONDS)
        if not done:
            task.cancel()
            raise TimeoutError(f"it still runs after {SECONDS:g} s: {task}")
        return task.result()

    def send(self, method: str, body: bytes, headers: Mapping[str, str]) -> Raw:
        """Send a request and return its exchange, from which the client has gone."""

        async def work() -> Raw:
            exchange = Raw(self.caller, method, body, headers)
            await self._serve(exchange)
            return exchange

        return self.run(work())

    async def _serve(self, exchange: Raw) -> None:
        serving = asyncio.create_task(self.endpoint.serve(exchange))
        opened = asyncio.create_task(exchange.opened.wait())
        await asyncio.wait({serving, opened}, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if not serving.done():
            await asyncio.wait({serving}, timeout=LINGER_SECONDS)
        exchange.close()
        try:
            await serving
        except asyncio.CancelledError:
            assert exchange.pieces or exchange.status, "cancelled before its client went"

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        del loop
        self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")


@contextmanager
def arena(folder: Path, **settings: Any) -> Iterator[Arena]:
    """Start an arena with the probe's tools and notebooks on disk, and stop it."""
    gc.collect()  # what asyncio tells of the pipes of earlier tests is no fault of this one
    with asyncio.Runner() as runner:
        loop, stack = runner.get_loop(), AsyncExitStack()
        built = runner.run(_build(stack, loop, folder, settings))
        logging.getLogger().addHandler(built)
        try:
            yield built
        finally:
            logging.getLogger().removeHandler(built)
            runner.run(stack.aclose())


async def _build(
    stack: AsyncExitStack, loop: asyncio.AbstractEventLoop, folder: Path, settings: dict[str, Any]
) -> Arena:
    shop = await stack.enter_async_context(workshop(folder, **settings))
    shop.notebook(code("a = 1", "a"))
    shop.runtime.catalog.add(Probe(shop.runtime.host))
    built = Arena(shop.runtime, loop)
    await built.endpoint.start()
    stack.push_async_callback(built.endpoint.stop)
    return built


def messages(exchange: MemoryExchange) -> list[Any]:
    """Return the JSON-RPC messages of an answer, JSON or an event stream.

    The SDK's sessions answer some bad headers with a line of plain text, which holds none.
    """
    kind = exchange.sent.get("content-type", "")
    if kind.startswith("text/event-stream"):
        lines = exchange.text.replace("\r\n", "\n").split("\n")
        data = [line.removeprefix("data:") for line in lines if line.startswith("data:")]
        return [json.loads(line) for line in data if line.strip()]
    if exchange.text.startswith("Invalid "):
        assert "\n" not in exchange.text
        return []
    return [json.loads(exchange.text)] if exchange.text else []
