"""The measured server and what a process costs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from support.server import JupyterServer

TESTS = Path(__file__).resolve().parent.parent


@contextmanager
def measured_server(home: Path, settings: dict[str, Any] | None = None) -> Iterator[JupyterServer]:
    """Start a server with the product, its settings and the extension of the benchmarks."""
    plugin = home / "site" / "bench_fillers-1.0.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-fillers\nVersion: 1.0\n")
    points = "[jupyter_mcp.toolsets]\nfillers = benchmarks.extension:Fillers\n"
    points += "lasting = benchmarks.extension:Lasting\n"
    (plugin / "entry_points.txt").write_text(points)
    server = JupyterServer(
        home,
        config={"JupyterMCP": settings or {}},
        env={"PYTHONPATH": f"{plugin.parent}:{TESTS}"},
        args=("--ServerApp.jpserver_extensions=benchmarks.extension=True", "--log-level=WARN"),
    )
    with server:
        yield server


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used.

    Args:
        cpu: Seconds of CPU.
        memory: MiB of resident memory.
    """

    cpu: float
    memory: float


def cost_of(pid: int) -> Cost:
    """Return what the process has used until now."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    return Cost(times.user + times.system, process.memory_info().rss / 2**20)


async def late_p99(server: JupyterServer) -> float:
    """Return how late the event loop was, in ms at the 99th percentile, since the last question."""
    answer = await asyncio.to_thread(server.request, "GET", "bench/lag")
    samples = sorted(json.loads(answer.body)["late_ms"])
    return samples[int(len(samples) * 0.99)] if samples else 0.0
