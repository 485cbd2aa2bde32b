"""What the door costs: a trivial call and the list of tools, against an echo in the same server."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks.bench import cost_of, measured_server
from benchmarks.table import Row
from support.server import JupyterServer
from support.wire import Wire, last_message

CLIENTS = 16


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Interleave echo, call and list in rounds and compare the server's CPU for each request."""
    rounds, count = (1, 200) if smoke else (5, 4000)
    cpu: dict[str, list[float]] = {"echo": [], "call": [], "list": []}
    rate: dict[str, list[float]] = {"echo": [], "call": [], "list": []}
    with measured_server(home) as server:
        requests = await _requests(server)
        for _ in range(rounds):
            for name, request in requests.items():
                spent, seconds = await _load(server, request, count)
                cpu[name].append(spent / count * 1e6)
                rate[name].append(count / seconds)
    ratio = statistics.median(c / e for c, e in zip(cpu["call"], cpu["echo"], strict=True))
    micro = {name: statistics.median(values) for name, values in cpu.items()}
    source = f"{micro['call']:.0f} µs / {micro['echo']:.0f} µs, {CLIENTS} clients"
    return [
        Row("server CPU of a trivial tools/call / JSON echo", ratio, "", 2.2, note=source),
        Row("server CPU of tools/list, 200 tools", micro["list"] / 1000, "ms", 1.0),
        Row("tools/list a second, 16 clients", max(rate["list"]), "/s", 1000, least=True),
        Row("tools/call a second, 16 clients", max(rate["call"]), "/s"),
    ]


async def _requests(server: JupyterServer) -> dict[str, bytes]:
    async with Wire(f"{server.mcp_url}?toolsets=fillers", server.token) as wire:
        call = wire.prepare("tools/call", {"name": "echo", "arguments": {"text": "x"}})
        listing = wire.prepare("tools/list", {})
        echo = wire.prepare("tools/call", {"name": "echo"}, path=f"{server.base_url}bench/echo")
        answer = last_message(await wire.send(call))
        assert answer["result"]["content"][0]["text"] == "x", answer
        assert len(last_message(await wire.send(listing))["result"]["tools"]) == 200
    return {"echo": echo, "call": call, "list": listing}


async def _load(server: JupyterServer, request: bytes, count: int) -> tuple[float, float]:
    """Return the server's CPU seconds and the wall seconds for `count` requests."""

    async def client() -> None:
        async with Wire(server.mcp_url, server.token) as wire:
            for _ in range(count // CLIENTS):
                await wire.send(request)

    before, begin = cost_of(server.pid), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return cost_of(server.pid).cpu - before.cpu, time.perf_counter() - begin
