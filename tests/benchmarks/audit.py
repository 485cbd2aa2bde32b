"""What the audit and the metrics cost a call, and whether a stream of records loses one."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp.calls import Call, Result, Text
from jupyter_mcp.calls.chain import chain
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.policies import Audit as AuditPolicy
from jupyter_mcp.security.audit.audit import Audit
from jupyter_mcp.security.audit.metrics import Metrics
from jupyter_mcp.security.secrets.redaction import Redactor
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.storage import Storage
from support.audits import a_tool
from support.runtimes import OWNER

TICK = 0.01
ARGUMENTS = {"path": "course/week-1.ipynb", "cell_id": "a1b2c3d4", "source": "import x\nx.y()"}
_OK = Result((Text("ok"),))


@dataclass(frozen=True, slots=True)
class AuditCost:
    """Figures of the audit.

    Args:
        loop_us: CPU that a call costs on the event loop's thread, in µs.
        all_us: CPU that it costs in all threads, in µs: redaction, hashing and SQL too.
        flush_us: Of that, in the database's thread.
        calls: How many calls were made.
        lost: How many of them have no record; the opening of the audit has one too.
        verify_per_s: Records that are verified in a second.
    """

    loop_us: float
    all_us: float
    flush_us: float
    calls: int
    lost: int
    verify_per_s: float


async def audit_cost(rate: int = 2000, seconds: float = 5.0) -> AuditCost:
    """Feed the audit at the corridor with `rate` calls a second."""
    with tempfile.TemporaryDirectory() as folder:
        storage, tasks, signals = Storage(Path(folder)), Supervisor(), Signals()
        audit = Audit(storage, tasks, signals, cleaner=Redactor())
        metrics = Metrics(signals)
        metrics.start(audit)
        await audit.start()
        try:
            return await _measure(audit, metrics, rate, seconds)
        finally:
            await audit.stop()
            await tasks.stop()
            storage.stop()


async def _measure(audit: Audit, metrics: Metrics, rate: int, seconds: float) -> AuditCost:
    async def run(_call: Call) -> Result:
        return _OK

    audited = chain([AuditPolicy(audit, metrics)], run)
    await audited(_a_call())
    await audit.flush()
    bare_loop, bare_all, _calls = await _feed(chain([], run), rate, seconds)
    with_loop, with_all, calls = await _feed(audited, rate, seconds)
    await audit.flush()
    began = time.perf_counter()
    verdict = await audit.reader.verify()
    verifying = time.perf_counter() - began
    return AuditCost(
        loop_us=(with_loop - bare_loop) / calls * 1e6,
        all_us=(with_all - bare_all) / calls * 1e6,
        flush_us=((with_all - with_loop) - (bare_all - bare_loop)) / calls * 1e6,
        calls=calls,
        lost=calls + 2 - verdict.records,
        verify_per_s=verdict.records / verifying,
    )


async def _feed(walk: object, rate: int, seconds: float) -> tuple[float, float, int]:
    """Return the CPU seconds of this thread and of all, and how many calls were made."""
    assert callable(walk)
    calls, began = 0, time.perf_counter()
    loop, everything = time.thread_time(), time.process_time()
    while (passed := time.perf_counter() - began) < seconds:
        while calls < passed * rate:
            await walk(_a_call())
            calls += 1
        await asyncio.sleep(TICK)
    return time.thread_time() - loop, time.process_time() - everything, calls


def _a_call() -> Call:
    return Call(_TOOL, ARGUMENTS, OWNER, "mcp", client="bench 1.0")


_TOOL = a_tool("cell_edit", "edit")

if __name__ == "__main__":
    print(asyncio.run(audit_cost()))  # noqa: T201 - a figure for a terminal
