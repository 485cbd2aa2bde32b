"""Sandboxes through a real server: what a client waits, and what everybody else on it waits."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import cost_of, late_p99, measured_server
from benchmarks.table import Row
from support.engine import Engine
from support.people import Person
from support.server import JupyterServer, wait_until
from support.wire import Wire

PORT = 8123
MANY = 10
STREAM = 100_000_000


async def measure(home: Path, engine: Engine, runs: int, spaces: set[str]) -> list[Row]:
    """Measure a server with a pool, and one whose sandboxes are busy.

    Args:
        home: A folder for them.
        engine: Where their containers are.
        runs: How often each thing is done.
        spaces: Gets the servers' namespaces.
    """
    row = await _warm(home / "warm", engine, runs, spaces)
    return [row, *await _busy(home / "busy", engine, runs, spaces)]


async def _warm(home: Path, engine: Engine, runs: int, spaces: set[str]) -> Row:
    """Measure creates that are served from the pool, through a client's connection."""
    config = {"docker_url": engine.url, "sandbox_pool": 1}
    seconds = []
    with JupyterServer(home, collaboration=False, config={"JupyterMCP": config}) as server:
        async with _wire(server) as wire:
            first = await made(wire)
            mine = namespace(engine, first)
            spaces.add(mine)
            await wire.call("sandbox_destroy", sandbox_id=first)
            for _ in range(runs):
                await asyncio.to_thread(wait_for_member, engine, mine)
                begin = time.perf_counter()
                sandbox = await made(wire)
                seconds.append(time.perf_counter() - begin)
                await wire.call("sandbox_destroy", sandbox_id=sandbox)
    value = statistics.median(seconds) * 1000
    return Row("the same through a client", value, "ms", 30, note=f"{runs} creates")


async def _busy(home: Path, engine: Engine, runs: int, spaces: set[str]) -> list[Row]:
    config = {"docker_url": engine.url, "sandbox_pool": 0, "sandbox_limit": 50}
    with measured_server(home, config) as server:
        async with _wire(server) as wire:
            await wire.call("sandbox_list")
            before = cost_of(server.pid)
            sandboxes = [await made(wire)]
            after = cost_of(server.pid)
            spaces.add(namespace(engine, sandboxes[0]))
            row = Row("memory of the first sandbox", after.memory - before.memory, "MiB")
            sandboxes += [await made(wire) for _ in range(1 if runs < MANY else MANY - 1)]
            rows = [row, await _interrupt(server, wire, sandboxes[0], runs)]
            rows.append(await _port(server, wire, sandboxes[0], runs))
            rows.append(await _lag(server, sandboxes, runs))
            for sandbox in sandboxes:
                await wire.call("sandbox_destroy", sandbox_id=sandbox)
    return rows


async def _interrupt(server: JupyterServer, wire: Wire, sandbox: str, runs: int) -> Row:
    """Measure how soon a call ends whose code, in a kernel inside, is interrupted."""
    spec = (await wire.call("sandbox_kernel", sandbox_id=sandbox))["structuredContent"]
    named = {"kernel_id": spec["kernel_id"]}
    sleeps = "import time\nopen('/workspace/begun', 'w').close()\ntime.sleep(60)"
    seconds = []
    async with _wire(server) as other:
        for _ in range(runs):
            running = asyncio.create_task(other.call("kernel_execute", code=sleeps, **named))
            begun = {"command": "rm begun", "sandbox_id": sandbox}
            while (await wire.call("terminal_run", **begun))["structuredContent"]["exit_code"]:
                pass
            begin = time.perf_counter()
            await wire.call("kernel_interrupt", **named)
            told = (await asyncio.gather(running, return_exceptions=True))[0]
            seconds.append(time.perf_counter() - begin)
            assert "KeyboardInterrupt" in str(told), told
    await wire.call("kernel_stop", **named)
    value = statistics.median(seconds) * 1000
    return Row("interrupt of a kernel in a sandbox", value, "ms", 300, note=f"{runs} interrupts")


async def _port(server: JupyterServer, wire: Wire, sandbox: str, runs: int) -> Row:
    """Compare a GET of a web server inside with one of the Jupyter server itself."""
    serve = f"(python3 -m http.server {PORT} --bind 127.0.0.1 >/dev/null 2>&1 </dev/null &)"
    await wire.call("terminal_run", command=serve, sandbox_id=sandbox)
    while True:
        exposed = (await wire.call("port_expose", port=PORT, sandbox_id=sandbox))[
            "structuredContent"
        ]
        if exposed["listens"]:
            break
    headers = {"Authorization": Person(server).headers["Authorization"]}

    def inside() -> None:
        assert server.request("GET", exposed["path"], headers=headers).status == 200

    def outside() -> None:
        assert server.request("GET", "api").status == 200

    mine = await asyncio.to_thread(_median, inside, runs)
    floor = await asyncio.to_thread(_median, outside, runs)
    note = f"{mine:.1f} ms, api of the server itself {floor:.1f} ms"
    return Row("GET of a port in a sandbox, above one of the server", mine - floor, "ms", note=note)


async def _lag(server: JupyterServer, sandboxes: list[str], runs: int) -> Row:
    """Run commands in all of them while one streams, and ask how late the event loop was."""
    size = STREAM if len(sandboxes) == MANY else STREAM // 100
    await late_p99(server)

    async def commands(sandbox: str) -> None:
        async with _wire(server) as wire:
            for _ in range(2 * runs):
                await wire.call("terminal_run", command="seq 100", sandbox_id=sandbox)

    async def stream() -> float:
        async with _wire(server) as wire:
            begin = time.perf_counter()
            command = f"head -c {size} /dev/zero | tr '\\0' 'a'"
            await wire.call("terminal_run", command=command, sandbox_id=sandboxes[0])
            return time.perf_counter() - begin

    seconds, *_ = await asyncio.gather(stream(), *map(commands, sandboxes))
    name = f"event loop late, p99, {len(sandboxes)} sandboxes busy"
    note = f"{2 * runs} commands in each while {size / 1e6:g} MB stream in {seconds:.1f} s"
    return Row(name, await late_p99(server), "ms", 20, note=note)


def _median(work: Callable[[], None], runs: int) -> float:
    """Return the median of some runs, in ms, after one that does not count."""
    work()
    found = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        found.append((time.perf_counter() - begin) * 1000)
    return statistics.median(found)


def _wire(server: JupyterServer) -> Wire:
    token = Person(server).headers["Authorization"].removeprefix("Bearer ")
    return Wire(f"{server.mcp_url}?toolsets=all", token)


async def made(wire: Wire) -> str:
    """Create a sandbox and return its identifier."""
    answer: dict[str, Any] = await wire.call("sandbox_create", isolation="container")
    sandbox: str = answer["structuredContent"]["sandbox_id"]
    return sandbox


def container(engine: Engine, sandbox: str) -> str:
    """Return the container of a sandbox."""
    wanted = f"label=jupyter-mcp.id={sandbox}"
    return engine.docker("ps", "--quiet", "--filter", wanted).stdout.strip()


def namespace(engine: Engine, sandbox: str) -> str:
    """Return the namespace of the server that made a sandbox."""
    template = '{{index .Config.Labels "jupyter-mcp.namespace"}}'
    return engine.docker("inspect", "--format", template, container(engine, sandbox)).stdout.strip()


def wait_for_member(engine: Engine, whose: str) -> None:
    """Wait until a sandbox waits in the pool of a server: it is the one that is paused."""
    wanted = ("--filter", "status=paused", "--filter", f"label=jupyter-mcp.namespace={whose}")

    def paused() -> str:
        return engine.docker("ps", "--quiet", *wanted).stdout

    wait_until(paused, seconds=60, what="a sandbox waits in the pool")
