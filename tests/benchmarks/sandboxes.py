"""Sandboxes: how soon one works, how quick it is then, and what is left when all are gone."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import sandbox_server
from benchmarks.sandbox_server import container, wait_for_member
from benchmarks.table import Row
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.storage.sql_store import namespace_of
from support.engine import Engine, cache_folder, need_docker
from support.runtimes import PERSON, call
from support.sandboxes import LOCAL, kept_runtime

COMMAND = "true"
PEER = f"jupyter-mcp-bench={os.getpid()}"


@dataclass(frozen=True, slots=True)
class Bench:
    """What the measures work with.

    Args:
        engine: A real Docker engine.
        runtime: A runtime whose sandboxes are containers of it.
        runs: How often each thing is done.
    """

    engine: Engine
    runtime: Runtime
    runs: int

    async def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool as the person and return its structured result."""
        result = await call(self.runtime, tool, PERSON, **arguments)
        assert not result.is_error, result.content
        structured: dict[str, Any] = result.structured
        return structured

    async def timed(self, work: Callable[[], Awaitable[object]]) -> list[float]:
        """Return the seconds of each run, sorted."""
        found = []
        for _ in range(self.runs):
            begin = time.perf_counter()
            await work()
            found.append(time.perf_counter() - begin)
        return sorted(found)


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Measure on a real engine, the peers in the same run."""
    need_docker()
    async with AsyncExitStack() as stack:
        engine = stack.enter_context(Engine(cache_folder()))
        for image in (engine.image, engine.desktop):
            engine.ensure(image)
        settings = {"docker_url": engine.url, "sandbox_limit": 50}
        async with kept_runtime(home / "cold", "docker", **settings) as runtime:
            bench = Bench(engine, runtime, 2 if smoke else 15)
            rows = [await _cold(bench), *await _at_once(bench), *await _work(bench)]
            rows += await _screen(bench)
            spaces = {namespace_of(runtime.host.state)}
        async with kept_runtime(home / "warm", "docker", **settings, sandbox_pool=1) as runtime:
            rows.append(await _warm(Bench(engine, runtime, 2 if smoke else 10)))
            spaces.add(namespace_of(runtime.host.state))
        rows += await sandbox_server.measure(home / "server", engine, 2 if smoke else 10, spaces)
        for level in LOCAL:
            rows.append(await _local(home / level, level, 2 if smoke else 10))
        left = set().union(*(_left(engine, space) for space in spaces))
        note = ", ".join(sorted(left)) or "containers and volumes of these servers"
        rows.append(Row("left on the engine after all that", len(left), "", 0, note=note))
    return rows


async def _cold(bench: Bench) -> Row:
    """Compare a hardened sandbox's first command with `docker run` of the same image."""
    engine, ours, theirs = bench.engine, [], []
    for _ in range(bench.runs):
        begin = time.perf_counter()
        done = await asyncio.to_thread(
            engine.docker, "run", f"--label={PEER}", "--network=none", engine.image, COMMAND
        )
        theirs.append(time.perf_counter() - begin)
        assert done.returncode == 0
        begin = time.perf_counter()
        made = await bench.do("sandbox_create")
        await bench.do("terminal_run", command=COMMAND, sandbox_id=made["sandbox_id"])
        ours.append(time.perf_counter() - begin)
        await bench.do("sandbox_destroy", sandbox_id=made["sandbox_id"])
    prune = ("container", "prune", "--force", "--filter", f"label={PEER}")
    await asyncio.to_thread(engine.docker, *prune)
    mine, floor = statistics.median(ours), statistics.median(theirs)
    note = f"p50 {mine * 1000:.0f} ms hardened with agent, {floor * 1000:.0f} ms docker run"
    return Row("create to first command / docker run", mine / floor, "", 2, note=note)


async def _at_once(bench: Bench) -> list[Row]:
    """Create many at the same time."""
    rows = []
    begin = time.perf_counter()
    many = await asyncio.gather(*(bench.do("sandbox_create") for _ in range(10)))
    rows.append(Row("10 creates at once", time.perf_counter() - begin, "s", 3))
    await _destroy(bench, many)
    seconds: list[float] = []

    async def one() -> dict[str, Any]:
        begin = time.perf_counter()
        made = await bench.do("sandbox_create")
        seconds.append(time.perf_counter() - begin)
        return made

    for _ in range(max(1, bench.runs // 3)):
        await _destroy(bench, await asyncio.gather(*(one() for _ in range(5))))
    p95 = sorted(seconds)[int(len(seconds) * 0.95)]
    note = f"p50 {statistics.median(seconds):.2f} s, {len(seconds)} creates"
    return [*rows, Row("create p95, 5 at a time", p95, "s", 1, note=note)]


async def _destroy(bench: Bench, sandboxes: list[dict[str, Any]]) -> None:
    for made in sandboxes:
        await bench.do("sandbox_destroy", sandbox_id=made["sandbox_id"])


async def _work(bench: Bench) -> list[Row]:
    """Measure commands and files in a sandbox that is there."""
    made = await bench.do("sandbox_create")
    sandbox = made["sandbox_id"]
    place = await bench.runtime.host.neighbours.place(sandbox, None)
    peer = container(bench.engine, sandbox)

    async def by_exec() -> None:
        await asyncio.to_thread(bench.engine.docker, "exec", peer, COMMAND)

    async def by_agent() -> None:
        assert (await place.run([COMMAND])).exit_code == 0

    async def file() -> None:
        await place.write("bench.txt", b"x" * 1024)
        assert len((await place.read("bench.txt"))[0]) == 1024

    await by_agent()
    theirs, ours = await bench.timed(by_exec), await bench.timed(by_agent)
    files = await bench.timed(file)
    mine, peer = statistics.median(ours), statistics.median(theirs)
    await bench.do("sandbox_destroy", sandbox_id=sandbox)
    note = f"{mine * 1000:.2f} ms by the agent, {peer * 1000:.0f} ms by docker exec"
    return [
        Row("docker exec / a command by the agent", peer / mine, "", 20, least=True, note=note),
        Row("write and read 1 KB", statistics.median(files) * 1000, "ms", 2),
    ]


async def _screen(bench: Bench) -> list[Row]:
    """Measure screenshots of a desktop with a window on it."""
    made = await bench.do("sandbox_create", image=bench.engine.desktop)
    sandbox = made["sandbox_id"]
    begin = time.perf_counter()
    await bench.do("computer", action="screenshot", sandbox_id=sandbox)
    first = time.perf_counter() - begin
    shots = await bench.timed(lambda: bench.do("computer", action="screenshot", sandbox_id=sandbox))
    await bench.do("sandbox_destroy", sandbox_id=sandbox)
    note = f"1280x800; the first, with the desktop's start, {first:.2f} s"
    return [Row("screenshot", statistics.median(shots) * 1000, "ms", 40, note=note)]


async def _warm(bench: Bench) -> Row:
    """Measure a create that is served from the pool, inside the server."""
    await _destroy(bench, [await bench.do("sandbox_create")])
    seconds, mine = [], namespace_of(bench.runtime.host.state)
    for _ in range(bench.runs):
        await asyncio.to_thread(wait_for_member, bench.engine, mine)
        begin = time.perf_counter()
        made = await bench.do("sandbox_create")
        seconds.append(time.perf_counter() - begin)
        await bench.do("sandbox_destroy", sandbox_id=made["sandbox_id"])
    value = statistics.median(seconds) * 1000
    return Row("create from a warm pool", value, "ms", 15, note=f"{bench.runs} creates")


async def _local(home: Path, level: str, runs: int) -> Row:
    """Measure what a sandbox without an engine takes until its first command is done."""
    seconds = []
    async with kept_runtime(home, level) as runtime:
        for _ in range(runs):
            begin = time.perf_counter()
            result = await call(runtime, "sandbox_create", PERSON)
            if result.is_error:
                return Row(f"create to first command, {level}", 0, "ms", note="not here")
            sandbox = result.structured["sandbox_id"]
            await call(runtime, "terminal_run", PERSON, command=COMMAND, sandbox_id=sandbox)
            seconds.append(time.perf_counter() - begin)
            await call(runtime, "sandbox_destroy", PERSON, sandbox_id=sandbox)
    value = statistics.median(seconds) * 1000
    return Row(f"create to first command, {level}", value, "ms", note=f"{runs} creates")


def _left(engine: Engine, space: str) -> set[str]:
    """Return what a server left on the engine; others may use it at the same time."""
    wanted = ("--quiet", "--filter", f"label=jupyter-mcp.namespace={space}")
    lists = {"container": ("ps", "--all"), "volume": ("volume", "ls")}
    return {
        f"{kind} {name}"
        for kind, words in lists.items()
        for name in engine.docker(*words, *wanted).stdout.split()
    }
