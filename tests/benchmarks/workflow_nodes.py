"""What a node that calls a tool costs, above a bare durable step and the call itself.

Run as a program it measures the bare step in a process of its own and prints milliseconds.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.table import Row
from benchmarks.workflow_engine import Measured
from jupyter_mcp.commands.worker_reach import ServerDoor
from jupyter_mcp.toolsets.workflows.worker.tools import KEY
from support.server import JupyterServer
from support.wire import Wire

NODES = 10
TOOL = "job_list"
ARGUMENTS = {"limit": 1}
STEPS = 50


async def measure(wire: Wire, server: JupyterServer, home: Path, smoke: bool) -> Row:
    """Call the tool by nodes and directly, by the worker's own client, in turns.

    The tool tells of the newest run, and has more to tell of one that goes on: while it is called
    directly one does, as one does while nodes call it.
    """
    rounds = 1 if smoke else 10
    door = ServerDoor(server.mcp_url.removesuffix("mcp"), server.token)
    try:
        await _direct(wire, door)
        await _by_nodes(wire)
        turns = [
            (await _floor(home / f"floor-{n}"), await _direct(wire, door), await _by_nodes(wire))
            for n in range(rounds)
        ]
    finally:
        await door.close()
    floor, call, node = (statistics.median(each) for each in zip(*turns, strict=True))
    ratio = statistics.median(node / (floor + call) for floor, call, node in turns)
    note = f"{node:.1f} ms / ({floor:.1f} + {call:.1f} ms), {rounds} runs of {NODES} nodes"
    return Row("tool node / (bare durable step + direct call)", ratio, "", 1.3, note=note)


async def _floor(home: Path) -> float:
    """Return the milliseconds of a bare step, from another process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(home), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    return float(printed)


async def _direct(wire: Wire, door: ServerDoor) -> float:
    """Return the milliseconds of a call, each with a key of its own as nodes have it."""
    nodes = [{"id": "n", "kind": "wait", "seconds": 600}]
    result = await wire.call("workflow_start", spec={"name": "beside", "nodes": nodes})
    run = result["structuredContent"]["workflow_id"]
    while True:
        if (await _get(wire, run))["nodes"][0]["status"] != "pending":
            break
        await asyncio.sleep(0.05)
    began = time.perf_counter()
    for _ in range(NODES):
        result = await door.call(TOOL, ARGUMENTS, {KEY: uuid.uuid4().hex}, None)
        if result["isError"] or run not in str(result["structuredContent"]):
            raise RuntimeError(f"the direct call told something else: {result['content']}")
    seconds = time.perf_counter() - began
    await wire.call("workflow_cancel", workflow_id=run)
    await _get(wire, run, wait=60)
    return seconds / NODES * 1000


async def _get(wire: Wire, run: str, **more: Any) -> dict[str, Any]:
    result = await wire.call("workflow_get", workflow_id=run, **more)
    state: dict[str, Any] = result["structuredContent"]
    return state


async def _by_nodes(wire: Wire) -> float:
    """Return the milliseconds from the begin of a node to that of the next."""
    nodes: list[dict[str, Any]] = [
        {
            "id": f"n{number}",
            "kind": "action",
            "tool": TOOL,
            "arguments": ARGUMENTS,
            "needs": [f"n{number - 1}"] if number else [],
        }
        for number in range(NODES + 1)
    ]
    result = await wire.call("workflow_start", spec={"name": "bench", "nodes": nodes})
    run = result["structuredContent"]["workflow_id"]
    state = await _get(wire, run, wait=60)
    if state["status"] != "succeeded":
        raise RuntimeError(f"the run failed: {state.get('error')}")
    begun = [datetime.fromisoformat(each["started_at"]).timestamp() for each in state["nodes"]]
    return (max(begun) - min(begun)) / NODES * 1000


async def _bare(home: Path) -> float:
    measured = Measured(home)
    await measured.start()
    await measured.bare(STEPS)
    took = [await measured.bare(STEPS) for _ in range(3)]
    await measured.book.stop()
    await measured.engine.stop()
    return statistics.median(took) / STEPS * 1000


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir()
    sys.stdout.write(str(asyncio.run(_bare(place))))
