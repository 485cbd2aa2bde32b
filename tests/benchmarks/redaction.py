"""What it costs to take secrets out of results: of a small one, and of one that is big."""

from __future__ import annotations

import asyncio
import json
import secrets
import time

from benchmarks.table import Row
from jupyter_mcp.calls import Call, Result, Text
from jupyter_mcp.calls.chain import Following, chain
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.policies import Redact
from jupyter_mcp.security.secrets.redaction import Redactor
from support.policies import a_call, done

KNOWN = 20
"""How many secrets the server knows."""
ITEMS = 25_000
TICK = 0.001


async def measure(smoke: bool) -> list[Row]:
    """Redact small results for the CPU, and big ones for how long others wait meanwhile."""
    redactor, executor = Redactor(), Executor(1)
    for _ in range(KNOWN):
        redactor.learn(secrets.token_urlsafe(24))
    redact = Redact(redactor, executor)
    try:
        return [
            await _small(chain([redact], done), 200 if smoke else 20_000),
            await _big(redact, 2 if smoke else 20),
        ]
    finally:
        executor.stop()


async def _small(walk: Following, count: int) -> Row:
    spent = await _spend(walk, count) - await _spend(done, count)
    note = f"{KNOWN} secrets known"
    return Row("CPU to redact a small result", spent / count * 1e6, "µs", 10, note=note)


async def _spend(walk: Following, count: int) -> float:
    calls = [a_call() for _ in range(count)]
    began = time.process_time()
    for call in calls:
        await walk(call)
    return time.process_time() - began


async def _big(redact: Redact, count: int) -> Row:
    rows = [{"id": number, "name": f"n{number}", "value": number / 3} for number in range(ITEMS)]
    text = json.dumps(rows)
    big = Result((Text(text),), {"rows": rows})

    async def answer(_call: Call) -> Result:
        return big

    walk = chain([redact], answer)
    late: list[float] = []
    ticking = asyncio.create_task(_tick(late))
    for _ in range(count):
        await walk(a_call())
    ticking.cancel()
    note = f"{len(text) / 2**20:.1f} MiB of JSON, {count} times"
    worst = max(late, default=0.0) * 1000
    return Row("longest wait while a big result is redacted", worst, "ms", 20, note=note)


async def _tick(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append(time.perf_counter() - due)
