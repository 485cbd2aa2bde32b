"""Execution: how near to the bare kernel, how right the outputs, how quickly a cancel frees it."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from pathlib import Path

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient

from benchmarks.bench import late_p99, measured_server
from benchmarks.table import Row
from support.server import JupyterServer
from support.wire import Wire, last_message

LONG_CELLS = {
    "sleep": "import time; time.sleep(25)",
    "loop": "import time\nend = time.time() + 25\nwhile time.time() < end: pass",
    "await": "import asyncio; await asyncio.sleep(25)",
    "subprocess": "import subprocess; subprocess.run(['sleep', '25'])",
}


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Measure execution through the door on one server."""
    with measured_server(home) as server:
        rows = [await _round_trip(server, 10 if smoke else 200)]
        await late_p99(server)
        rows += await _interleaved(server, 40 if smoke else 1000)
        rows.append(Row("event-loop lag p99 during those runs", await late_p99(server), "ms", 20))
        for kind in ("sleep",) if smoke else LONG_CELLS:
            rows.append(await _after_cancel(server, kind, 0.5 if smoke else 2.0))
        rows.append(Row("event-loop lag p99 during the cancels", await late_p99(server), "ms", 20))
    return rows


async def _round_trip(server: JupyterServer, count: int) -> Row:
    async with Wire(server.mcp_url, server.token) as wire:
        kernel_id = await _start_kernel(wire)
        request = _execute(wire, kernel_id, "1+1")
        await wire.send(request)
        bare_client = _connect(server, kernel_id)
        ours, bare = [], []
        for _ in range(count):
            bare.append(await asyncio.to_thread(_bare, bare_client))
            begin = time.perf_counter()
            answer = last_message(await wire.send(request))
            ours.append(time.perf_counter() - begin)
            assert answer["result"]["content"][0]["text"].strip().endswith("2"), answer
        bare_client.stop_channels()
        await asyncio.to_thread(server.request, "DELETE", f"api/kernels/{kernel_id}")
    floor, mine = statistics.median(bare) * 1000, statistics.median(ours) * 1000
    note = f"p50 {mine:.1f} ms through the door, {floor:.1f} ms bare, {count} runs each"
    return Row("kernel_execute('1+1') above the bare kernel", mine - floor, "ms", 5, note=note)


def _connect(server: JupyterServer, kernel_id: str) -> BlockingKernelClient:
    client = BlockingKernelClient()
    client.load_connection_file(str(server.home / "runtime" / f"kernel-{kernel_id}.json"))
    client.start_channels()
    client.wait_for_ready(timeout=30)
    return client


def _bare(client: BlockingKernelClient) -> float:
    begin = time.perf_counter()
    asked = client.execute("1+1")
    while True:
        message = client.get_iopub_msg(timeout=10)
        mine = message["parent_header"].get("msg_id") == asked
        if mine and message["content"].get("execution_state") == "idle":
            break
    client.get_shell_msg(timeout=10)
    return time.perf_counter() - begin


async def _interleaved(server: JupyterServer, runs: int) -> list[Row]:
    """Let four clients run cells in two notebooks at once and count outputs that are not theirs."""
    async with Wire(server.mcp_url, server.token) as wire:
        for name in ("a.ipynb", "b.ipynb"):
            await wire.call("notebook_create", path=name)
    each = runs // 4
    jobs = [_client(server, f"{'ab'[n % 2]}.ipynb", n, each) for n in range(4)]
    wrong, cells = 0, {}
    for bad, mine in await asyncio.gather(*jobs):
        wrong += bad
        cells |= mine
    saved = _saved_outputs(server.root)
    stale = sum(saved.get(cell_id) != text for cell_id, text in cells.items())
    return [
        Row(f"wrong outputs in {each * 4} interleaved runs", wrong, "", 0),
        Row("of them wrong in the saved notebooks", stale, "", 0, note=f"{len(cells)} cells"),
    ]


async def _client(
    server: JupyterServer, path: str, number: int, runs: int
) -> tuple[int, dict[str, str]]:
    wrong, text = 0, ""
    async with Wire(server.mcp_url, server.token) as wire:
        made = await wire.call("cell_insert", path=path, source="0")
        cell_id = made["structuredContent"]["cell_id"]
        for run in range(runs):
            text = f"client {number} run {run}"
            source = f"print({text!r})"
            await wire.call("cell_edit", path=path, cell_id=cell_id, source=source)
            result = await wire.call("cell_run", path=path, cell_ids=[cell_id])
            (ran,) = result["structuredContent"]["cells"]
            wrong += ran["text"].strip() != text or ran["cell_id"] != cell_id
    return wrong, {cell_id: text}


def _saved_outputs(root: Path) -> dict[str, str]:
    outputs = {}
    for name in ("a.ipynb", "b.ipynb"):
        for cell in nbformat.read(root / name, as_version=4).cells:
            text = "".join(output.get("text", "") for output in cell.get("outputs", []))
            outputs[cell.id] = text.strip()
    return outputs


async def _after_cancel(server: JupyterServer, kind: str, wait: float) -> Row:
    async with Wire(server.mcp_url, server.token) as wire:
        kernel_id = await _start_kernel(wire)
        async with Wire(server.mcp_url, server.token) as doomed:
            doomed.begin(_execute(wire, kernel_id, LONG_CELLS[kind]))
            await asyncio.sleep(wait)
        begin = time.perf_counter()
        answer = last_message(await wire.send(_execute(wire, kernel_id, "1+1")))
        seconds = time.perf_counter() - begin
        assert "2" in json.dumps(answer["result"]["content"]), answer
        await asyncio.to_thread(server.request, "DELETE", f"api/kernels/{kernel_id}")
    return Row(f"next 1+1 after a cancelled {kind}", seconds, "s", 0.3, note="goal 0.1")


async def _start_kernel(wire: Wire) -> str:
    started = await wire.call("kernel_start")
    kernel_id: str = started["structuredContent"]["kernel_id"]
    await wire.call("kernel_execute", code="1", kernel_id=kernel_id)
    return kernel_id


def _execute(wire: Wire, kernel_id: str, code: str) -> bytes:
    arguments = {"code": code, "kernel_id": kernel_id}
    return wire.prepare("tools/call", {"name": "kernel_execute", "arguments": arguments})
