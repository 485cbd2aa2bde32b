"""What a workflow costs above the durable steps that it is made of."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from benchmarks import workflow_engine
from benchmarks.table import Row


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Run the engine in a process of its own, in turns with bare steps of DBOS."""
    rounds, runs = (1, 10) if smoke else (7, 100)
    command = [sys.executable, str(Path(workflow_engine.__file__)), str(home)]
    process = await asyncio.create_subprocess_exec(
        *command, str(rounds), str(runs), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    told = json.loads(printed)
    of = f"{told['floor_ms']:.1f} ms a step, SQLite, records in their tables"
    raw = f"bare steps {told['raw_rate']:.0f}/s in the same turns"
    memory = f"{told['threads']:.0f} threads, stopped in {told['stop']:.2f} s"
    return [
        Row("node that does nothing / bare durable step", told["ratio"], "", 1.3, note=of),
        Row(f"{runs} workflows of 10 nodes", told["rate"], "nodes/s", 250, least=True, note=raw),
        Row("begin to first node, warm", told["first_ms"], "ms", 100, note="without the queue"),
        Row("cancelled in the table to ended in it", told["cancel"], "s", 1, note="a tool at work"),
        Row("memory of the worker after all that", told["memory"], "MiB", 150, note=memory),
    ]
