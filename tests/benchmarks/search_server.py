"""What indexing costs a server: how late its loop is meanwhile, and the memory that it has then."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.bench import cost_of, late_p99, measured_server
from benchmarks.search_material import MB, library, size_of
from benchmarks.table import Row
from support.server import JupyterServer
from support.wire import Wire

QUESTION = "cancel a running task"


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Index Python's standard library in a real server."""
    folder = await asyncio.to_thread(library, home / "root", smoke=smoke)
    with measured_server(home) as server:
        async with Wire(f"{server.mcp_url}?toolsets=search", server.token) as wire:
            await wire.call("index_sources")
            idle = await _idle(server)
            before = cost_of(server.pid)
            began = time.perf_counter()
            await wire.call("search", query=QUESTION)
            first = time.perf_counter() - began
            await wire.call("index_update", wait=True)
            seconds = time.perf_counter() - began
            late = await late_p99(server)
            status = (await wire.call("index_status"))["structuredContent"]
            cost = cost_of(server.pid)
    size = size_of(folder) / MB
    note = f"{size:.0f} MB in {seconds:.1f} s; {idle:.1f} ms when it has nothing to do"
    kept = f"{status['chunks']:,} pieces; {before.memory:.0f} MiB before"
    return [
        Row("p99 delay of the loop while it indexes", late, "ms", 20, note=note),
        Row("memory of a server that has indexed", cost.memory, "MiB", note=kept),
        Row("first answer of a server", first, "s", note=f"{size:.0f} MB that were never indexed"),
    ]


async def _idle(server: JupyterServer) -> float:
    await late_p99(server)
    await asyncio.sleep(3)
    return await late_p99(server)
