"""The engine of workflows in a process of its own, as a worker has it, measured from inside.

Its records are the worker's own, in their tables; its tools do nothing. Prints JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.tables import workflow_runs
from jupyter_mcp.toolsets.workflows.engine.dbos_engine import DbosEngine, sqlite_engine
from jupyter_mcp.toolsets.workflows.engine.kinds import KINDS
from jupyter_mcp.toolsets.workflows.engine.order import Order
from jupyter_mcp.toolsets.workflows.engine.running import Services
from jupyter_mcp.toolsets.workflows.worker.book import Book

CHAIN = 10


class NoTools:
    """Tools that do nothing, but tell when they were called first, or never end."""

    def __init__(self) -> None:
        self.called: dict[str, asyncio.Future[float]] = {}

    def first(self, run: str) -> asyncio.Future[float]:
        """Return the moment of a run's first call."""
        loop = asyncio.get_running_loop()
        return self.called.setdefault(run, loop.create_future())

    async def call(self, run: str, tool: str, *_: Any, **__: Any) -> Mapping[str, Any]:
        """Do nothing."""
        if not (first := self.first(run)).done():
            first.set_result(time.perf_counter())
        if tool == "block":
            await asyncio.get_running_loop().create_future()
        return {"content": [], "structuredContent": {}}


class Noted(Book):
    """Records that know which runs are over."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, time.time)
        self._over: dict[str, asyncio.Event] = {}

    def over(self, run: str) -> asyncio.Event:
        """Return what is set when a run is over."""
        return self._over.setdefault(run, asyncio.Event())

    def leave(self, run: str) -> None:
        """Be done with a run."""
        super().leave(run)
        self.over(run).set()


class Measured:
    """An engine with its records.

    Args:
        home: Where its databases are.
    """

    def __init__(self, home: Path) -> None:
        self.storage = Storage(home)
        self.tools = NoTools()
        self.book = Noted(self.storage)
        services = Services(self.tools, self.book, KINDS)
        self.engine = DbosEngine("bench", services, engine=sqlite_engine(str(home / "w.db")))
        self._numbers = itertools.count()
        self._raw: Any = None

    async def start(self) -> None:
        """Start it, with a workflow of bare steps beside."""
        from dbos import DBOS

        @DBOS.workflow(name="raw")
        async def raw(steps: int) -> None:
            async def step() -> dict[str, Any]:
                return {"status": "succeeded", "output": {}, "error": None, "attempts": 1}

            for _ in range(steps):
                await DBOS.run_step_async({"name": "step"}, step)

        self._raw = raw
        await self.storage.run(lambda _: None)
        self.book.start()
        await self.engine.start()

    async def bare(self, steps: int, count: int = 1) -> float:
        """Do workflows of bare steps and return the seconds."""
        from dbos import DBOS, SetWorkflowID

        began = time.perf_counter()
        handles = []
        for _ in range(count):
            with SetWorkflowID(f"raw-{next(self._numbers)}"):
                handles.append(await DBOS.start_workflow_async(self._raw, steps))
        for handle in handles:
            await handle.get_result(polling_interval_sec=0.002)
        return time.perf_counter() - began

    async def begin(self, nodes: list[dict[str, Any]], count: int = 1) -> list[str]:
        """Begin runs at once."""
        runs = [f"wf-{next(self._numbers)}" for _ in range(count)]
        row = {
            **dict.fromkeys(("owner", "name", "spec_hash"), "x"),
            "principal": {},
            "spec": {},
            "parameters": {},
            "status": "pending",
            "created": 0.0,
        }
        rows = [{"id": run, **row} for run in runs]
        await self.storage.run(lambda connection: connection.execute(workflow_runs.insert(), rows))
        spec = {"name": "bench", "nodes": nodes}
        await asyncio.gather(*(self.engine.begin(Order(run, spec)) for run in runs))
        return runs

    async def ours(self, nodes: int, count: int = 1) -> float:
        """Do workflows of nodes that do nothing and return the seconds."""
        began = time.perf_counter()
        runs = await self.begin(chain(nodes), count)
        await asyncio.gather(*(self.book.over(run).wait() for run in runs))
        return time.perf_counter() - began

    async def first(self) -> float:
        """Return the seconds from the beginning of a run to its first call."""
        began = time.perf_counter()
        [run] = await self.begin(chain(1))
        await self.book.over(run).wait()
        return await self.tools.first(run) - began

    async def cancel(self) -> float:
        """Return the seconds from a wish in the table to the end in the table."""
        [run] = await self.begin([{"id": "n", "kind": "action", "tool": "block"}])
        await self.tools.first(run)
        wish = workflow_runs.update().where(workflow_runs.c.id == run).values(wanted="cancelled")
        began = time.perf_counter()
        await self.storage.run(lambda connection: connection.execute(wish))
        await self.book.over(run).wait()
        await self.book.write()
        return time.perf_counter() - began


def chain(length: int) -> list[dict[str, Any]]:
    """Return nodes that do nothing, one after the other."""
    return [
        {"id": f"n{n:03}", "kind": "action", "tool": "t", "needs": [f"n{n - 1:03}"] if n else []}
        for n in range(length)
    ]


async def main(home: Path, rounds: int, runs: int) -> dict[str, float]:
    """Measure all of it, ours and bare steps in turns."""
    measured = Measured(home)
    await measured.start()
    length = 5 * CHAIN
    pairs = [(await measured.bare(length), await measured.ours(length)) for _ in range(rounds)]
    many = [
        (await measured.bare(CHAIN, runs), await measured.ours(CHAIN, runs))
        for _ in range(max(1, rounds // 2))
    ]
    firsts = [await measured.first() for _ in range(4 * rounds)]
    cancels = [await measured.cancel() for _ in range(rounds)]
    await measured.book.stop()
    process = psutil.Process()
    memory, threads = process.memory_info().rss / 2**20, process.num_threads()
    began = time.perf_counter()
    await measured.engine.stop()
    return {
        "ratio": statistics.median(ours / bare for bare, ours in pairs),
        "floor_ms": 1000 * statistics.median(bare for bare, _ in pairs) / length,
        "rate": runs * CHAIN / statistics.median(ours for _, ours in many),
        "raw_rate": runs * CHAIN / statistics.median(bare for bare, _ in many),
        "first_ms": 1000 * statistics.median(firsts),
        "cancel": max(cancels),
        "memory": memory,
        "threads": threads,
        "stop": time.perf_counter() - began,
    }


if __name__ == "__main__":
    told = asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.write(json.dumps(told))
