"""Runs of workflows on a real DBOS, with tools and records that are plain objects."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.dbos_engine import DbosEngine, sqlite_engine
from jupyter_mcp.toolsets.workflows.engine.kinds import KINDS
from jupyter_mcp.toolsets.workflows.engine.order import Order
from jupyter_mcp.toolsets.workflows.engine.resources import Resources
from jupyter_mcp.toolsets.workflows.engine.running import Sender, Services
from jupyter_mcp.toolsets.workflows.states import ENDED
from jupyter_mcp.toolsets.workflows.worker.ledger import orphans, put_back

Json = dict[str, Any]
Answer = Mapping[str, Any] | Awaitable[Mapping[str, Any]]
SECONDS = 30.0
"""How long a test waits for what has to happen."""


class Ledger:
    """A recorder in memory, which outlives the engines of a test as the tables do."""

    def __init__(self) -> None:
        self.runs: dict[str, Json] = {}
        self.nodes: dict[tuple[str, str], Json] = {}
        self.told: list[tuple[str, str, Json]] = []
        self.taken: list[tuple[str, str]] = []
        self.live: set[str] = set()
        self._wanted: dict[str, str] = {}
        self._answers: dict[tuple[str, str], Json] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._waiting: set[asyncio.Event] = set()

    async def take(self, run: str, executor: str) -> None:
        self.live.add(run)
        self.taken.append((run, executor))

    def leave(self, run: str) -> None:
        self.live.discard(run)

    def run(self, run: str, **columns: Any) -> None:
        self.runs.setdefault(run, {}).update(columns)
        self.told.append((run, "", columns))
        self.wake()

    def node(self, run: str, node: str, **columns: Any) -> None:
        self.nodes.setdefault((run, node), {}).update(columns)
        self.told.append((run, node, columns))
        self.wake()

    async def memo(self, run: str, node: str) -> Any:
        return self.nodes.get((run, node), {}).get("memo")

    async def keep_memo(self, run: str, node: str, memo: Any) -> None:
        self.node(run, node, memo=memo)

    def wanted(self, run: str) -> str:
        return self._wanted.get(run, "")

    def answer(self, run: str, node: str) -> Json | None:
        return self._answers.get((run, node))

    async def changed(self, run: str) -> None:
        news = self._news.setdefault(run, asyncio.Event())
        await news.wait()
        news.clear()

    def want(self, run: str, wish: str) -> None:
        """Want something of a run, as the server does."""
        self._wanted[run] = wish
        self._tell(run)

    def reply(self, run: str, node: str, **answer: Any) -> None:
        """Answer an approval, as a person does."""
        told = {"answer": answer, "by": "ann", "at": 1.0}
        self._answers[run, node] = told
        self._tell(run)

    def status(self, run: str, node: str = "") -> str:
        """Return how a run, or a node of it, stands."""
        found = self.nodes.get((run, node), {}) if node else self.runs.get(run, {})
        return str(found.get("status", ""))

    def statuses(self, run: str) -> dict[str, str]:
        """Return how the nodes of a run stand."""
        return {
            node: str(told.get("status")) for (of, node), told in self.nodes.items() if of == run
        }

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so, after whatever is told."""
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            async with asyncio.timeout(SECONDS):
                while not is_so():
                    await news.wait()
                    news.clear()
        finally:
            self._waiting.discard(news)

    def _tell(self, run: str) -> None:
        self._news.setdefault(run, asyncio.Event()).set()
        self.wake()

    def wake(self) -> None:
        """Let those look again who wait until something is so."""
        for news in self._waiting:
            news.set()


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a tool that was done."""

    run: str
    tool: str
    arguments: Json
    key: str


@dataclass(slots=True)
class Toolbox:
    """Tools that are functions; as at the server's door, an answer to a key is given again."""

    tools: dict[str, Callable[[Json], Answer]] = field(default_factory=dict)
    calls: list[Called] = field(default_factory=list)
    finished: list[Called] = field(default_factory=list)
    cancelled: list[Called] = field(default_factory=list)
    kept: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    on_call: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.tools.setdefault("echo", lambda arguments: done(**arguments))
        self.tools.setdefault("fail", lambda arguments: failed(arguments.get("message", "No.")))
        self.tools.setdefault("block", lambda _: _for_ever())

    async def call(
        self,
        run: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        node: str = "",
        key: str = "",
        seconds: float | None = None,
        on_progress: Any = None,
        on_wait: Any = None,
        places: Any = None,
    ) -> Mapping[str, Any]:
        """Call a tool, as the worker does at the server's door."""
        del node, seconds, on_progress, on_wait, places
        if (tool, key) in self.kept:
            return self.kept[tool, key]
        called = Called(run, tool, dict(arguments), key)
        self.calls.append(called)
        self.on_call()
        if tool not in self.tools:
            raise ToolError("not_found", f"There is no tool '{tool}'.")
        try:
            answer = self.tools[tool](dict(arguments))
            result = await answer if inspect.isawaitable(answer) else answer
        except asyncio.CancelledError:
            self.cancelled.append(called)
            raise
        self.kept[tool, key] = result
        self.finished.append(called)
        return result

    def named(self, tool: str) -> list[Called]:
        """Return the calls of a tool."""
        return [each for each in self.calls if each.tool == tool]


def done(**structured: Any) -> Json:
    """Return the result of a tool that has done its work."""
    return {"content": [], "structuredContent": structured}


def failed(message: str, code: str = "failed") -> Json:
    """Return the result of a tool that failed."""
    return {
        "isError": True,
        "content": [{"type": "text", "text": message}],
        "structuredContent": {"error": {"code": code, "message": message}},
    }


async def _for_ever() -> Mapping[str, Any]:
    return await asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, as the records tell."""

    run: str
    status: str
    error: Json | None
    nodes: dict[str, str]
    outputs: dict[str, Any]


class Bench:
    """An engine and what it works with.

    Args:
        where: The file of a SQLite database, or the URL of a Postgres.
        toolbox: The tools.
        ledger: The records.
        senders: How notifications leave.
        places: Places by class.
    """

    def __init__(
        self,
        where: str,
        toolbox: Toolbox | None = None,
        ledger: Ledger | None = None,
        senders: Mapping[str, Sender] | None = None,
        places: Mapping[str, int] | None = None,
    ) -> None:
        self.toolbox = toolbox or Toolbox()
        self.ledger = ledger or Ledger()
        self.toolbox.on_call = self.ledger.wake
        self._url = where if "://" in where else ""
        self._engine = None if self._url else sqlite_engine(where)
        self._services = Services(
            self.toolbox, self.ledger, KINDS, Resources(places), senders or {}
        )
        self._starts = itertools.count(1)
        self._runs = itertools.count(1)
        self.engine: DbosEngine | None = None

    async def start(self, *, takes_over: bool = True) -> None:
        """Start an engine, which takes up what an earlier one has left."""
        self._executor = f"worker-{next(self._starts)}"
        self.engine = DbosEngine(self._executor, self._services, engine=self._engine, url=self._url)
        await self.engine.start()
        # The loop's threads were DBOS' and ended with the engine before.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        if takes_over:
            await self.take_over()

    async def take_over(self) -> list[str]:
        """Take up the runs of earlier engines, as a worker does, and return which."""
        left = await asyncio.to_thread(orphans, {self._executor})
        await asyncio.to_thread(put_back, left)
        return left

    async def stop(self) -> None:
        """Stop the engine, as a worker does that is told to."""
        if self.engine is not None:
            await self.engine.stop()
            self.engine = None

    async def close(self) -> None:
        """Stop and let go of the database."""
        await self.stop()
        if self._engine is not None:
            self._engine.dispose()

    async def begin(self, nodes: list[Json] | Json, **order: Any) -> str:
        """Begin a run and return its id."""
        assert self.engine is not None
        run = f"wf-{next(self._runs)}"
        spec = nodes if isinstance(nodes, dict) else {"name": "test", "nodes": nodes}
        await self.engine.begin(Order(run, spec, **order))
        return run

    async def end(self, run: str) -> Ended:
        """Wait until a run has ended."""
        ledger = self.ledger
        await ledger.until(lambda: ledger.status(run) in ENDED)
        nodes = {node: told for (of, node), told in ledger.nodes.items() if of == run}
        return Ended(
            run,
            ledger.status(run),
            ledger.runs[run].get("error"),
            {node: str(told.get("status")) for node, told in nodes.items()},
            {node: told.get("output") for node, told in nodes.items()},
        )

    async def run(self, nodes: list[Json] | Json, **order: Any) -> Ended:
        """Do a run and return how it ended."""
        return await self.end(await self.begin(nodes, **order))


@contextlib.asynccontextmanager
async def bench(where: str, **parts: Any) -> AsyncIterator[Bench]:
    """Give a bench whose engine runs."""
    made = Bench(where, **parts)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def action(node: str, tool: str = "echo", **fields: Any) -> Json:
    """Return an action node."""
    return {"id": node, "kind": "action", "tool": tool, **fields}
