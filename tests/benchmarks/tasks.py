"""What tasks cost: a quick call that might have become one, a poll, and many at once."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path
from typing import Any

from benchmarks.bench import cost_of, late_p99, measured_server
from benchmarks.table import Row
from support.server import JupyterServer
from support.tasks import KNOWS_TASKS
from support.wire import META, Wire, last_message

TASKS = 40
KNOWS: dict[str, Any] = {
    "_meta": {**META, "io.modelcontextprotocol/clientCapabilities": KNOWS_TASKS}
}


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Interleave calls with and without tasks, then poll forty tasks while they run."""
    rounds, count = (1, 50) if smoke else (5, 1000)
    cpu: dict[str, list[float]] = {"plain": [], "quick": [], "poll": []}
    with measured_server(home) as server:
        async with Wire(f"{server.mcp_url}?toolsets=lasting,jobs", server.token) as wire:
            asked = {"name": "last", "arguments": {"seconds": 0}}
            running = [await _begin(wire, 600) for _ in range(TASKS)]
            requests = {
                "plain": wire.prepare("tools/call", asked),
                "quick": wire.prepare("tools/call", {**asked, **KNOWS}),
                "poll": wire.prepare("tasks/get", {"taskId": running[0], **KNOWS}),
            }
            await late_p99(server)
            for _ in range(rounds):
                for name, request in requests.items():
                    cpu[name].append(await _spent(server, wire, request, count))
            late = await late_p99(server)
            for task in running:
                await wire.send(wire.prepare("tasks/cancel", {"taskId": task, **KNOWS}))
    micro = {name: statistics.median(values) for name, values in cpu.items()}
    quick = statistics.median(q / p for q, p in zip(cpu["quick"], cpu["plain"], strict=True))
    poll = statistics.median(q / p for q, p in zip(cpu["poll"], cpu["plain"], strict=True))
    of = f"{micro['plain']:.0f} µs"
    return [
        Row("quick call that may become a task / without", quick, "", 1.25, note=of),
        Row("tasks/get of a running task / trivial call", poll, "", 3.0, note=of),
        Row("event loop p99 late, 40 tasks running and polled", late, "ms", 20),
    ]


async def _begin(wire: Wire, seconds: float) -> str:
    asked = {"name": "last", "arguments": {"seconds": seconds}, **KNOWS}
    result = last_message(await wire.send(wire.prepare("tools/call", asked)))["result"]
    assert result["resultType"] == "task", result
    return str(result["taskId"])


async def _spent(server: JupyterServer, wire: Wire, request: bytes, count: int) -> float:
    """Return the server's CPU for a request in microseconds."""
    await asyncio.sleep(0)
    before = cost_of(server.pid)
    for _ in range(count):
        await wire.send(request)
    return (cost_of(server.pid).cpu - before.cpu) / count * 1e6
