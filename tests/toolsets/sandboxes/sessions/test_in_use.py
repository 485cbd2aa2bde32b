"""What runs in a sandbox keeps it from ending for want of use, and no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.ports import Ports
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from jupyter_mcp.toolsets.sandboxes.terminals.commands import Command, Commands, Shells
from jupyter_mcp.toolsets.sandboxes.terminals.terminals import Opening, Terminals
from support.clock import Clock
from support.sandboxes import ANN, sandbox_runtime, serving, until

SERVE = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8000, bind='127.0.0.1')"


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with sandbox_runtime(tmp_path, "bubblewrap") as started:
        yield started


@pytest_asyncio.fixture
async def service(runtime: Runtime, clock: Clock) -> AsyncIterator[Sandboxes]:
    async with serving(runtime, clock) as started:
        yield started


async def stays(service: Sandboxes, clock: Clock) -> bool:
    """Whether a sandbox is there long after it would have ended unused."""
    clock.now += 1000
    await service.reaper.look()
    return bool(await service.list(ANN))


async def test_a_command_keeps_its_sandbox(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=60))
    commands = Commands(service, runtime.tasks, runtime.executor.run, 1000)
    begun = asyncio.Event()
    running = asyncio.ensure_future(
        commands.run(made.id, ANN, Command("echo on; exec sleep 600"), lambda _: begun.set())
    )
    await asyncio.wait_for(begun.wait(), 30)
    assert await stays(service, clock)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await service.get(made.id, ANN)).expires == clock.now + 60
    assert not await stays(service, clock)


async def test_a_terminal_keeps_its_sandbox(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=60))
    terminals = Terminals(service, runtime.tasks, Shells())
    terminal = await terminals.open(made.id, ANN, Opening(command="echo on; exec sleep 600"))
    await terminals.read(terminal, 0, wait=10, limit=100, is_plain=True)
    assert await stays(service, clock)
    await terminals.close(terminal)
    assert not await stays(service, clock)


async def test_a_connection_to_a_port_keeps_its_sandbox_and_an_open_port_alone_does_not(
    runtime: Runtime, service: Sandboxes, clock: Clock
) -> None:
    made = await service.create(ANN, Wish(timeout=60))
    link = await service.link(made.id, ANN)
    await link.start(["python3", "-c", SERVE])
    ports = Ports(service, runtime.tasks)
    async with asyncio.timeout(20):
        while not (await ports.expose(made.id, 8000, ANN)).listens:
            pass
    connection = await ports.connect(made.id, 8000, ANN)
    assert await stays(service, clock)
    await connection.close()
    assert not await stays(service, clock)
    await until(lambda: ports.of(made.id) == [])
