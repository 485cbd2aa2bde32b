"""What workflows cost a server, and how soon it and its worker do what is asked."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import workflow_nodes
from benchmarks.bench import cost_of, late_p99, measured_server
from benchmarks.table import Row
from support.left_workers import end_workers, workers
from support.server import JupyterServer
from support.wire import Wire

RUNS = 40
NODES = 20
Json = dict[str, Any]


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Start workflows at a real server, whose worker is begun for the first of them."""
    try:
        with measured_server(home, {"workflow_running": RUNS}) as server:
            async with Wire(f"{server.mcp_url}?toolsets=all", server.token) as wire:
                await wire.call("workflow_list")
                before = cost_of(server.pid)
                cold = await _first(wire)
                warm = sorted([await _first(wire) for _ in range(3 if smoke else 21)])
                rows = [
                    Row("start to first node, no worker yet", cold, "s", 2.5),
                    Row("start to first node, warm", warm[len(warm) // 2] * 1000, "ms", 100),
                    Row("workflow_cancel to its end", await _cancel(wire), "s", 1),
                    await workflow_nodes.measure(wire, server, home, smoke),
                    await _many(wire, server, 3 if smoke else NODES),
                ]
                after = cost_of(server.pid)
                note = f"{before.memory:.0f} MiB before"
                rows.append(Row("memory of the server after that", after.memory, "MiB", note=note))
                rows.append(_memory(home))
                return rows
    finally:
        end_workers(home)


async def _start(wire: Wire, nodes: list[Json]) -> str:
    result = await wire.call("workflow_start", spec={"name": "bench", "nodes": nodes})
    run: str = result["structuredContent"]["workflow_id"]
    return run


async def _ended(wire: Wire, run: str) -> Json:
    while True:
        result = await wire.call("workflow_get", workflow_id=run, wait=30)
        state: Json = result["structuredContent"]
        if state["status"] not in {"pending", "running", "waiting"}:
            return state


async def _first(wire: Wire) -> float:
    """Return the seconds from the request to the begin of the first node."""
    asked = time.time()
    state = await _ended(wire, await _start(wire, [_value("a")]))
    return datetime.fromisoformat(state["nodes"][0]["started_at"]).timestamp() - asked


async def _cancel(wire: Wire) -> float:
    run = await _start(wire, [{"id": "long", "kind": "wait", "seconds": 600}])
    while True:
        state = (await wire.call("workflow_get", workflow_id=run))["structuredContent"]
        if state["nodes"][0]["status"] in {"running", "waiting"}:
            break
        await asyncio.sleep(0.05)
    began = time.perf_counter()
    await wire.call("workflow_cancel", workflow_id=run)
    await _ended(wire, run)
    return time.perf_counter() - began


async def _many(wire: Wire, server: JupyterServer, length: int) -> Row:
    """Run 40 workflows at once, each of tool nodes that this server answers."""
    nodes = [_call(number) for number in range(length)]
    await late_p99(server)
    before, began = cost_of(server.pid), time.perf_counter()
    runs = [await _start(wire, nodes) for _ in range(RUNS)]
    states = [await _ended(wire, run) for run in runs]
    seconds = time.perf_counter() - began
    late = await late_p99(server)
    cpu = (cost_of(server.pid).cpu - before.cpu) / seconds
    failed = sum(state["status"] != "succeeded" for state in states)
    if failed:
        raise RuntimeError(f"{failed} of {RUNS} workflows failed: {states[0].get('error')}")
    note = f"{RUNS * length / seconds:.0f} tool nodes/s, {cpu:.0%} of a CPU in the server"
    return Row(f"p99 delay of the loop while {RUNS} run", late, "ms", 20, note=note)


def _memory(home: Path) -> Row:
    (worker,) = workers(home)
    used = cost_of(worker).memory
    return Row("memory of the worker after that", used, "MiB", 150, note="all tool calls above")


def _value(name: str) -> Json:
    return {"id": name, "kind": "processing", "expression": "1"}


def _call(number: int) -> Json:
    needs = [f"n{number - 1}"] if number else []
    arguments = {"limit": 1}
    call = {"kind": "action", "tool": "job_list", "arguments": arguments}
    return {"id": f"n{number}", "needs": needs, **call}
