"""Real workers of workflows: runs put into the queue, processes started, killed and looked at."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_mcp.config import Settings
from jupyter_mcp.security import recorded
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.worker_key import WorkerKey
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.workflows.runs.records import RunRecords
from jupyter_mcp.toolsets.workflows.runs.run import NewRun, NodeState, Run
from jupyter_mcp.toolsets.workflows.worker.lock import Lock
from jupyter_mcp.toolsets.workflows.worker.options import Options
from support.server import JupyterServer

ANN = Principal("user:ann", "ann", credential="ann's", kind="person")
SECONDS = 60.0


def chain(nodes: int, **fields: Any) -> dict[str, Any]:
    """Return a spec of nodes that do nothing, one after the other."""
    return {
        "name": "chain",
        "nodes": [
            {
                "id": f"n{number}",
                "kind": "decision",
                "needs": [f"n{number - 1}"] if number else [],
                "branches": [{"name": "on", "when": "true", "next": []}],
            }
            for number in range(nodes)
        ],
        **fields,
    }


def calling(*calls: tuple[str, Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return a spec of tools that are called one after the other, as ``c0``, ``c1`` …"""
    return {
        "name": "calls",
        "nodes": [
            {
                "id": f"c{number}",
                "kind": "action",
                "tool": tool,
                "arguments": dict(arguments),
                "needs": [f"c{number - 1}"] if number else [],
            }
            for number, (tool, arguments) in enumerate(calls)
        ],
        **fields,
    }


def waiting(seconds: float) -> dict[str, Any]:
    """Return a spec of one node that waits."""
    return {"name": "wait", "nodes": [{"id": "w", "kind": "wait", "seconds": seconds}]}


def asking() -> dict[str, Any]:
    """Return a spec of one node, ``w``, that waits until the test lets it go on."""
    return {"name": "ask", "nodes": [{"id": "w", "kind": "approval", "message": "Go on?"}]}


def state_of(server: JupyterServer) -> Path:
    """Return a server's state folder, made if need be."""
    kept = Settings(state_dir=str(server.home / "data" / "jupyter_mcp"))
    return kept.state_folder(str(server.root))


class Bench:
    """A state folder with a queue, and the workers that a test starts for it.

    Args:
        state: The folder.
        environment: The environment of its workers.
        options: Options that differ from what settings say.
    """

    def __init__(
        self, state: Path, environment: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state = state
        self.options = replace(Options.of(Settings(), state), secrets=str(state), **options)
        self.options.write()
        WorkerKey(state).prepare()
        self.storage = Storage(state, self.options.database_url)
        self.records = RunRecords(self.storage)
        self.processes: list[subprocess.Popen[bytes]] = []
        self._environment = dict(environment or os.environ)

    @property
    def log(self) -> str:
        """What its workers have told."""
        file = self.state / "worker.log"
        return file.read_text() if file.exists() else ""

    async def put(
        self,
        spec: Mapping[str, Any],
        owner: Principal = ANN,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """Put a run into the queue."""
        run = NewRun(
            owner.id, recorded.to_json(owner), spec, "hash", str(spec["name"]), parameters or {}
        )
        return (await self.records.add(run, 10_000))[0]

    def start(self, **options: Any) -> subprocess.Popen[bytes]:
        """Start a worker of this test's own, as a process that it may kill."""
        if options:
            replace(self.options, **options).write()
        command = [sys.executable, "-m", "jupyter_mcp.commands", "worker"]
        with (self.state / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--state", str(self.state)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a worker for good, whatever it does."""
        process.kill()
        process.wait()

    async def run(self, run: str) -> Run:
        """Return a run."""
        found = await self.records.find(run)
        assert found is not None
        return found

    async def nodes(self, run: str) -> dict[str, NodeState]:
        """Return the nodes of a run."""
        return await self.records.nodes(run)

    async def until(
        self, run: str, done: Callable[[Run], Any], seconds: float = SECONDS, what: str = ""
    ) -> Run:
        """Return a run as soon as something is true of it."""
        until = time.monotonic() + seconds
        while True:
            found = await self.run(run)
            if done(found):
                return found
            if time.monotonic() > until:
                nodes = await self.nodes(run)
                raise TimeoutError(f"{what or run}: {found}\n{nodes}\n{self.log[-3000:]}")
            await asyncio.sleep(0.02)

    async def ended(self, run: str, status: str = "succeeded", seconds: float = SECONDS) -> Run:
        """Return a run once it has ended, as it has to."""
        found = await self.until(run, lambda each: not each.is_active, seconds)
        assert found.status == status, (found.error, self.log[-6000:])
        return found

    async def begun(self, run: str, node: str, status: str = "running") -> None:
        """Return once a node is in a state, in which it has to stay for a while."""
        await self.until_node(run, node, lambda found: found.status == status)

    async def until_node(self, run: str, node: str, done: Callable[[NodeState], Any]) -> NodeState:
        """Return a node as soon as something is true of it."""
        until = time.monotonic() + SECONDS
        while True:
            nodes = await self.nodes(run)
            if node in nodes and done(nodes[node]):
                return nodes[node]
            if time.monotonic() > until:
                raise TimeoutError(f"{node}: {nodes}\n{self.log[-6000:]}")
            await asyncio.sleep(0.01)

    async def answer(self, run: str, node: str = "w") -> None:
        """Let a node go on that asks, as a person does."""
        assert await self.records.answer(run, node, {"approved": True}, ANN.id)

    async def holder(self, seconds: float = SECONDS) -> Any:
        """Return who holds the lock, as soon as somebody does."""
        until = time.monotonic() + seconds
        while (found := await asyncio.to_thread(Lock(self.state).holder)) is None:
            assert time.monotonic() < until, self.log
            await asyncio.sleep(0.02)
        return found

    def stop(self) -> None:
        """End all."""
        if (holder := Lock(self.state).holder()) is not None and holder.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGKILL)
        for process in self.processes:
            self.kill(process)
        self.storage.stop()


@asynccontextmanager
async def bench(
    state: Path, environment: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[Bench]:
    """Make a bench, and leave no worker."""
    made = Bench(state, environment, **options)
    try:
        yield made
    finally:
        made.stop()
