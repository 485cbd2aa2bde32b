"""How quickly and how small the first page of a large notebook comes."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import nbformat

from benchmarks.bench import measured_server
from benchmarks.table import Row
from support.wire import Wire


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Read the first page of a 500-cell notebook and list the core tools."""
    with measured_server(home) as server:
        (server.root / "large.ipynb").write_text(nbformat.writes(large_notebook()))
        async with Wire(server.mcp_url, server.token) as wire:
            outline = await _pages(wire, "outline", 5 if smoke else 100)
            cells = await _pages(wire, "cells", 5 if smoke else 100)
            listing = await wire.send(wire.prepare("tools/list", {}))
    tools = len(json.loads(listing)["result"]["tools"])
    note = f"{tools} tools with schemas, output schemas and annotations; goal 12"
    return [
        Row("first page of 500 cells, outline", outline[0], "ms", 15),
        Row("first page of 500 cells, outline", outline[1], "KB", 10),
        Row("first page of 500 cells, cells", cells[0], "ms", 15),
        Row("first page of 500 cells, cells", cells[1], "KB", 10),
        Row("tools/list of the core view", len(listing) / 1024, "KB", 16, note=note),
    ]


def large_notebook() -> nbformat.NotebookNode:
    """Return a notebook of 500 cells, each with an output of half a kilobyte."""
    cells = []
    for number in range(500):
        cell = nbformat.v4.new_code_cell(f"# step {number}\nvalue_{number} = {number}\nprint(1)\n")
        cell.outputs = [nbformat.v4.new_output("stream", text=f"line {number} " * 40)]
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells)


async def _pages(wire: Wire, detail: str, count: int) -> tuple[float, float]:
    """Return the median milliseconds and the size in KB of the first page."""
    arguments = {"path": "large.ipynb", "detail": detail}
    request = wire.prepare("tools/call", {"name": "notebook_read", "arguments": arguments})
    await wire.call("notebook_read", **arguments)
    seconds, size = [], 0
    for _ in range(count):
        begin = time.perf_counter()
        size = len(await wire.send(request))
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds) * 1000, size / 1024
