"""Workflows whose effects are counted, while what does them is killed and started again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
from sqlalchemy import select

from jupyter_mcp.policies.keys import digest
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.notes import Notes
from jupyter_mcp.storage.tables import entries, workflow_nodes, workflow_runs
from support.durable import ENDED, Flows
from support.left_workers import workers
from support.server import wait_until
from support.workers import state_of

LONGEST = 0.2
"""How long an effect takes at most."""

SECONDS = 90.0


def _effect(node: str, *needs: str) -> dict[str, Any]:
    arguments = {"name": f"${{workflow.id}}/{node}", "seconds": random.uniform(0, LONGEST)}
    return {
        "id": node,
        "kind": "action",
        "tool": "effect",
        "arguments": arguments,
        "needs": list(needs),
    }


def nodes() -> list[dict[str, Any]]:
    """Return seven nodes, each of which writes a line through the server (`support.effects`)."""
    return [
        _effect("start"),
        *(_effect(each, "start") for each in ("left", "middle", "right")),
        _effect("join", "left", "middle", "right"),
        _effect("then", "join"),
        _effect("end", "then"),
    ]


class Chaos:
    """Runs of one server, and what befalls it.

    An effect is noted in the turn of the server's event loop in which it happens, so that a kill
    finds at most one that is not: only that one may be done again, which is what `doubled` is held
    to.

    Args:
        flow: The server.
        database_url: The database of runs; empty for the SQLite of its state folder.
    """

    def __init__(self, flow: Flows, database_url: str = "") -> None:
        self.flow = flow
        self.runs: list[str] = []
        self.in_doubt: set[str] = set()
        self._storage = Storage(state_of(flow.server), database_url)

    def close(self) -> None:
        """Let go of the database."""
        self._storage.stop()

    def start(self, count: int) -> None:
        """Start so many runs."""
        self.runs += [self.flow.start(*nodes()) for _ in range(count)]

    @property
    def effects(self) -> Counter[str]:
        """How often each effect was seen."""
        file = self.flow.server.root / "effects.txt"
        return Counter(file.read_text().splitlines() if file.exists() else ())

    @property
    def doubled(self) -> set[str]:
        """The effects that were seen more than once."""
        return {name for name, count in self.effects.items() if count > 1}

    @property
    def wanted(self) -> set[str]:
        """The effects that have to be there in the end."""
        return {f"{run}/{node['id']}" for run in self.runs for node in nodes()}

    def go_on(self, most: int) -> None:
        """Return when some more effects were seen, at a moment that nobody can foresee."""
        enough = self.effects.total() + random.randint(1, most)
        self._until(lambda: self.effects.total() >= enough, "more effects")

    def kill_worker(self) -> None:
        """Kill the worker that the server finds."""
        (pid,) = workers(self.flow.server.home)
        _kill(pid)

    def kill_server(self) -> None:
        """Kill the server; it comes back at another port."""
        server, port = self.flow.server, self.flow.server.port
        server.kill()
        done = {f"{run}/{node}" for run, node in self._rows(_succeeded())}
        unnoted = set(self.effects) - done - self._kept()
        assert len(unnoted) <= 1, unnoted
        self.in_doubt |= unnoted
        server.port = 0
        server.start()
        assert server.port != port

    def outlive_server(self) -> None:
        """Return when the server has died by itself and is back."""
        server = self.flow.server
        process = psutil.Process(server.pid)
        dead = psutil.STATUS_ZOMBIE
        self._until(lambda: process.status() == dead, "the server's end")
        server.kill()
        server.start()

    def end(self) -> None:
        """Return when all have ended as they should."""

        def told() -> dict[str, str]:
            return {run: status for run, status, _ in self._rows(_ended())}

        self._until(lambda: all(status in ENDED for status in told().values()), "all have ended")
        assert told() == dict.fromkeys(self.runs, "succeeded"), self.state()
        assert set(self.effects) == self.wanted
        assert self.doubled <= self.in_doubt, self.doubled - self.in_doubt

    def miss(self, what: str) -> None:
        """Return when a run waits for something, and says so."""
        reasons = select(workflow_runs.c.reason)
        self._until(lambda: any(what in reason for (reason,) in self._rows(reasons)), what)

    def state(self) -> str:
        """Return what stands where, for somebody who looks why a test fails."""
        rows = [row for row in self._rows(_ended()) if row[1] != "succeeded"]
        log = state_of(self.flow.server) / "worker.log"
        told = log.read_text()[-3000:] if log.exists() else ""
        return f"{self.effects.total()} effects; {rows}\n{told}\n{self.flow.server.log[-3000:]}"

    def _until(self, done: Callable[[], bool], what: str) -> None:
        try:
            wait_until(done, seconds=SECONDS, what=what, interval=0.02)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.state()}") from error

    def _kept(self) -> set[str]:
        """Return the effects that the server has noted, in its state folder or in the store."""
        kept = set(Notes(state_of(self.flow.server)).all())
        kept |= {
            key.rpartition(":")[2]
            for key, value in self._rows(select(entries.c.key, entries.c.value))
            if b'"result"' in value
        }
        owners = self._rows(select(workflow_runs.c.id, workflow_runs.c.owner))
        return {
            f"{run}/{node['id']}"
            for run, owner in owners
            for node in nodes()
            if digest(owner, f"{run}:{node['id']}", "effect") in kept
        }

    def _rows(self, query: Any) -> list[Any]:
        def read(connection: Any) -> list[Any]:
            return [tuple(row) for row in connection.execute(query)]

        return asyncio.run(self._storage.run(read))


def _succeeded() -> Any:
    done = workflow_nodes.c.status == "succeeded"
    return select(workflow_nodes.c.run, workflow_nodes.c.node).where(done)


def _ended() -> Any:
    runs = workflow_runs.c
    return select(runs.id, runs.status, runs.error)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, psutil.Error):
        process = psutil.Process(pid)
        os.kill(pid, signal.SIGKILL)
        while process.status() != psutil.STATUS_ZOMBIE:  # who started it may be slow to notice
            time.sleep(0.01)
