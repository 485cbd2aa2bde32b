"""A server that is told to stop stops, whatever is going on."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from mcp.shared.exceptions import MCPError

from support.clients import MODERN, connected
from support.plugins import plugin_environment
from support.server import JupyterServer


async def test_stops_in_the_middle_of_everything(tmp_path: Path) -> None:
    environment = plugin_environment(tmp_path, probe="support.probe:Probe")
    server = JupyterServer(
        tmp_path,
        collaboration=False,
        env=environment,
        args=("--JupyterMCP.call_seconds=3600",),
    )
    await asyncio.to_thread(server.start)
    try:
        tasks = [
            asyncio.create_task(_wait(server, MODERN, "modern")),
            asyncio.create_task(_wait(server, "legacy", "legacy")),
            asyncio.create_task(_listen(server)),
        ]
        async with connected(server) as client:
            for mark in ("modern", "legacy"):
                await client.call_tool("probe_began", {"mark": mark})
        begin = time.monotonic()
        await asyncio.to_thread(server.stop)
        assert time.monotonic() - begin < 20
    finally:
        await asyncio.to_thread(server.kill)
    async with asyncio.timeout(20):
        await asyncio.gather(*tasks, return_exceptions=True)
    for trace in ("Traceback", "ExceptionGroup", "was never awaited", "was destroyed"):
        assert trace not in server.log


def test_stops_also_after_a_kernel_that_could_not_start(tmp_path: Path) -> None:
    spec = tmp_path / "data" / "kernels" / "broken" / "kernel.json"
    spec.parent.mkdir(parents=True)
    told = {"argv": ["/nowhere/python"], "display_name": "Broken", "language": "python"}
    spec.write_text(json.dumps(told))
    with JupyterServer(tmp_path, collaboration=False) as server:
        assert server.request("POST", "api/kernels", {"name": "broken"}).status == 500
        assert server.request("POST", "api/kernels", {"name": "python3"}).status == 201


async def _wait(server: JupyterServer, era: str, mark: str) -> None:
    try:
        async with connected(server, era, read_timeout_seconds=15) as client:
            await client.call_tool("probe_wait", {"mark": mark})
    except (MCPError, OSError):
        return


async def _listen(server: JupyterServer) -> None:
    async with connected(server) as client, client.listen(tools_list_changed=True) as events:
        async for _ in events:
            continue
