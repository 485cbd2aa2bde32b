"""What trust costs: every policy on and 500 rules, against the same corridor without them."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from sqlalchemy import func, select

from benchmarks import redaction, traffic
from benchmarks.bench import cost_of, measured_server
from benchmarks.extension import FILLERS, Fillers
from benchmarks.table import Row
from jupyter_mcp.calls import Call, Result
from jupyter_mcp.calls.corridor import Corridor
from jupyter_mcp.policies import Audit, validate
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.storage.tables import audit
from support.runtimes import running
from support.wire import Wire

RULES = 500
RATE = 2_000
"""Calls a second with which the audit is fed."""

ANN = Principal("user:ann", "ann")
AGENT = Principal("token:bench", "bench", kind="client", token="bench", maker=ANN)
Walk = Callable[[Call], Awaitable[Result]]


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Compare corridors in this process, then feed the audit at a fixed rate."""
    rounds, count, seconds = (1, 200, 1) if smoke else (9, 3000, 5)
    return [
        await _policies(home / "policies", rounds, count),
        await _decisions(home / "decisions", 5 if smoke else 100),
        *await _records(home / "records", seconds),
        await _share(home / "share", rounds, count),
        *await traffic.measure(smoke),
        *await redaction.measure(smoke),
    ]


async def _policies(home: Path, rounds: int, count: int) -> Row:
    async with _guarded(home) as runtime:
        bare = Corridor(runtime.catalog, runtime.executor, outer=[], policies=[validate])
        walks = {"bare": bare.call, "guarded": runtime.corridor.call}
        spent = await _interleaved(runtime, walks, rounds, count)
    added = _added(spent["guarded"], spent["bare"])
    floor = statistics.median(spent["bare"])
    note = f"{RULES} rules, audit on disk, above a bare corridor's {floor:.0f} µs"
    return Row("CPU that all policies add to a call", added, "µs", 60, note=note)


async def _decisions(home: Path, people: int) -> Row:
    """Decide for many tokens about many tools, and see what the process keeps of it."""
    async with _guarded(home) as runtime:
        tools = [op for each in runtime.catalog.toolsets for op in each.operations]
        clients = [_client(number) for number in range(people)]
        gc.collect()
        before = psutil.Process().memory_info().rss
        for client in clients:
            for tool in tools:
                runtime.trust.policy.decide(client, tool, {"path": "a.ipynb"}, ("a.ipynb",))
        gc.collect()
        kept = psutil.Process().memory_info().rss - before
    note = f"{people} tokens, {len(tools)} tools"
    return Row("memory of a decision", kept / people / len(tools) / 1024, "KiB", 1, note=note)


async def _records(home: Path, seconds: int) -> list[Row]:
    """Call at a fixed rate, count what the audit has of it, and prove that nobody changed it."""
    async with _guarded(home) as runtime:
        await runtime.trust.audit.flush()
        earlier = await _kept(runtime)
        began = time.perf_counter()
        for number in range(RATE * seconds):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            await runtime.corridor.call(_call(runtime))
        took = time.perf_counter() - began
        await runtime.trust.audit.flush()
        kept = await _kept(runtime) - earlier
        began = time.perf_counter()
        verdict = await runtime.trust.audit.reader.verify()
        per_second = verdict.records / (time.perf_counter() - began)
    lost = RATE * seconds - kept
    note = f"{RATE * seconds / took:,.0f} calls/s for {took:.1f} s"
    return [
        Row("calls that the audit lost", lost, "", 0, note=note),
        Row("records that are verified", per_second, "/s"),
    ]


async def _kept(runtime: Runtime) -> int:
    count = select(func.count()).select_from(audit).where(audit.c.kind == "call")
    return int(await runtime.storage.run(lambda connection: connection.scalar(count)) or 0)


async def _share(home: Path, rounds: int, count: int) -> Row:
    """Compare what the audit costs a call with what the whole call costs a server."""
    async with _guarded(home / "state") as runtime:
        walk = [validate]
        bare = Corridor(runtime.catalog, runtime.executor, outer=[], policies=walk)
        recorded = Corridor(
            runtime.catalog,
            runtime.executor,
            outer=[Audit(runtime.trust.audit, runtime.trust.metrics)],
            policies=walk,
        )
        walks = {"bare": bare.call, "recorded": recorded.call}
        spent = await _interleaved(runtime, walks, rounds, count)
    with measured_server(home / "server") as server:
        async with Wire(f"{server.mcp_url}?toolsets=fillers", server.token) as wire:
            call = wire.prepare("tools/call", {"name": "echo", "arguments": {"text": "x"}})
            await wire.send(call)
            before = cost_of(server.pid).cpu
            for _ in range(count):
                await wire.send(call)
            whole = (cost_of(server.pid).cpu - before) / count * 1e6
    added = _added(spent["recorded"], spent["bare"])
    note = f"{added:.0f} µs, written to disk, of {whole:.0f} µs of a call over MCP"
    return Row("share of the audit in a call's CPU", 100 * added / whole, "%", 5, note=note)


async def _interleaved(
    runtime: Runtime, walks: dict[str, Walk], rounds: int, count: int
) -> dict[str, list[float]]:
    """Return µs of CPU of this whole process for each call, by walk and round."""
    spent: dict[str, list[float]] = {name: [] for name in walks}
    for _ in range(rounds):
        for name, walk in walks.items():
            calls = [_call(runtime) for _ in range(count)]
            before = time.process_time()
            for call in calls:
                await walk(call)
            await runtime.trust.audit.flush()
            spent[name].append((time.process_time() - before) / count * 1e6)
    return spent


def _added(with_it: list[float], without: list[float]) -> float:
    return statistics.median(one - other for one, other in zip(with_it, without, strict=True))


@asynccontextmanager
async def _guarded(home: Path) -> AsyncIterator[Runtime]:
    """Run a runtime under a policy of 500 rules of all kinds."""
    file = await asyncio.to_thread(_file, home, "version: 1\n")
    limits = (("*", "1000000/minute"),)
    async with running(home, Fillers, policy_file=str(file), rate_limits=limits) as runtime:
        await asyncio.to_thread(_file, home, _policy())
        await runtime.trust.policy.reload()
        assert not (await runtime.corridor.call(_call(runtime))).is_error
        yield runtime


def _file(home: Path, text: str) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    file = home / "policy.yaml"
    file.write_text(text)
    return file


def _policy() -> str:
    rules = [
        *(
            f"deny: {{tool: filler_{n % FILLERS:03}, resource: 'secret/{n}/**'}}"
            for n in range(200)
        ),
        *(f"ask: {{tool: 'filler_*', when: {{path: {{prefix: ask/{n}}}}}}}" for n in range(200)),
        *(f"deny: {{toolset: fillers, resource: 'private/{n}/**'}}" for n in range(99)),
        "allow: {scope: [read, edit, execute]}",
    ]
    assert len(rules) == RULES
    lines = "\n".join(f"      - {rule}" for rule in rules)
    subjects = "subjects:\n  - who: token:*\n    roles: [agent]\n"
    return f"version: 1\n{subjects}roles:\n  agent:\n    rules:\n{lines}\n"


def _client(number: int) -> Principal:
    return Principal(f"token:{number}", str(number), kind="client", token=str(number), maker=ANN)


def _call(runtime: Runtime) -> Call:
    tool = runtime.catalog.tool("filler_007", frozenset({"fillers"}))
    arguments = {"path": "course/a.ipynb", "count": 2}
    return Call(operation=tool, arguments=arguments, principal=AGENT, door="bench")
