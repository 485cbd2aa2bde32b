"""What limit, idempotency, cache, breaker and retry add to a call that none of them concerns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.table import Row
from jupyter_mcp.calls import Call, Result
from jupyter_mcp.calls.chain import chain
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.policies.traffic import Traffic
from jupyter_mcp.security.audit.metrics import Metrics
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.notes import Notes
from jupyter_mcp.storage.shared import Shared
from support.policies import CLIENT, a_call, done, operation
from support.runtimes import OWNER

Walk = Callable[[Call], Awaitable[Result]]


async def measure(smoke: bool) -> list[Row]:
    """Compare chains with and without these policies, for who asks for what; tell the dearest."""
    rounds, count = (1, 200) if smoke else (9, 2000)
    added = await _added(rounds, count)
    note = ", ".join(f"{name} {spent:.1f}" for name, spent in added.items())
    name = "CPU of limit, key, cache, breaker and retry"
    return [Row(name, max(added.values()), "µs", 20, note=note)]


async def _added(rounds: int, count: int) -> dict[str, float]:
    threads, tasks = Executor(1), Supervisor()
    storage = Storage(Path("/nonexistent"))
    shared = Shared(storage, "", Path("/nonexistent"), tasks, threads)
    settings = Settings(rate_limits=(("*", f"{10**6}/minute"),))
    traffic = Traffic(
        settings,
        shared,
        Signals(),
        tasks,
        view=lambda principal: principal.scopes,
        schemes=lambda _: frozenset(),
        redact=lambda result: result,
        counts=Metrics(Signals()),
        notes=Notes(Path("/nonexistent")),
    )
    doors = [traffic.limit, traffic.idempotency, traffic.cache, traffic.breaker, traffic.retry]
    walk = chain(doors, done)
    edit, look = operation("cell_edit"), operation("cell_read", read_only=True)
    asked = {
        "owner, edit": (edit, OWNER),
        "owner, read": (look, OWNER),
        "client, edit": (edit, CLIENT),
        "client, read": (look, CLIENT),
    }
    spent: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, (tool, principal) in asked.items():
            calls = [a_call(tool, principal) for _ in range(count)]
            bare = await _spend(done, calls)
            spent[name].append(await _spend(walk, calls) - bare)
    threads.stop()
    storage.stop()
    return {name: statistics.median(each) for name, each in spent.items()}


async def _spend(walk: Walk, calls: list[Call]) -> float:
    began = time.process_time()
    for call in calls:
        await walk(call)
    return (time.process_time() - began) / len(calls) * 1e6
