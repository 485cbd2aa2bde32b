"""Ports of sandboxes, as a client exposes and closes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from support.runtimes import PERSON, call
from support.sandboxes import sandbox_runtime, sandboxes_of

PORT = 8765
ECHO = (
    "import socketserver as s\n"
    "class H(s.BaseRequestHandler):\n"
    "    def handle(self):\n"
    "        while data := self.request.recv(65536): self.request.sendall(data)\n"
    f"s.ThreadingTCPServer(('127.0.0.1', {PORT}), H).serve_forever()\n"
)


async def do(runtime: Runtime, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await call(runtime, tool, PERSON, **arguments)
    assert result.error is None, result.error
    structured: dict[str, Any] = result.structured
    return structured


@asynccontextmanager
async def echoing(
    folder: Path, request: pytest.FixtureRequest, backend: str
) -> AsyncIterator[tuple[Runtime, str]]:
    """A sandbox with a program that sends back what it gets."""
    settings: dict[str, Any] = {}
    if backend == "docker":
        settings["docker_url"] = request.getfixturevalue("engine").url
    async with sandbox_runtime(folder, backend, **settings) as runtime:
        sandbox = (await do(runtime, "sandbox_create"))["sandbox_id"]
        await do(runtime, "terminal_open", sandbox_id=sandbox, command=f'exec python3 -c "{ECHO}"')
        async with asyncio.timeout(20):
            while not (await do(runtime, "port_expose", port=PORT, sandbox_id=sandbox))["listens"]:
                pass
        yield runtime, sandbox


@pytest.mark.parametrize("backend", ["bubblewrap", "docker"])
async def test_bytes_go_through_until_the_port_is_closed(
    tmp_path: Path, request: pytest.FixtureRequest, backend: str
) -> None:
    async with echoing(tmp_path, request, backend) as (runtime, sandbox):
        ports = runtime.host.neighbours.ports
        assert ports is not None
        connection = await ports.connect(sandbox, PORT, PERSON.id)
        await connection.write(b"hello")
        assert await connection.read(100) == b"hello"
        stalled = asyncio.create_task(connection.read(100))
        await asyncio.sleep(0)
        await do(runtime, "port_close", port=PORT, sandbox_id=sandbox)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(stalled, 30)
        with pytest.raises(ToolError, match="not exposed"):
            await ports.connect(sandbox, PORT, PERSON.id)


async def test_an_open_connection_is_a_use_of_the_sandbox(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with echoing(tmp_path, request, "bubblewrap") as (runtime, sandbox):
        known = sandboxes_of(runtime).ground.register.named(sandbox, None)
        ports = runtime.host.neighbours.ports
        assert known is not None
        assert ports is not None
        before = known.users
        connection = await ports.connect(sandbox, PORT, PERSON.id)
        assert known.users == before + 1, "the terminal is one, the connection another"
        await connection.close()
        await connection.close()
        assert known.users == before


async def test_ports_of_others_do_not_exist(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with echoing(tmp_path, request, "bubblewrap") as (runtime, sandbox):
        ports = runtime.host.neighbours.ports
        assert ports is not None
        for owner in ("user:eve", ""):
            with pytest.raises(ToolError) as refused:
                ports.exposure(sandbox, PORT, owner)
            assert refused.value.code == "not_found"
        first = ports.exposure(sandbox, PORT, PERSON.id)
        await do(runtime, "port_expose", port=PORT, sandbox_id=sandbox)
        assert ports.exposure(sandbox, PORT, None) == first
        await do(runtime, "sandbox_destroy", sandbox_id=sandbox)
        async with asyncio.timeout(30):
            while True:
                try:
                    ports.exposure(sandbox, PORT, PERSON.id)
                except ToolError:
                    break
                await asyncio.sleep(0)


@pytest.mark.parametrize("backend", ["landlock", "process"])
async def test_where_loopback_is_the_hosts_no_port_is_exposed(tmp_path: Path, backend: str) -> None:
    async with sandbox_runtime(tmp_path, backend) as runtime:
        sandbox = (await do(runtime, "sandbox_create"))["sandbox_id"]
        result = await call(runtime, "port_expose", PERSON, port=22, sandbox_id=sandbox)
        assert result.error is not None
        assert result.error.code == "unsupported"
        assert "bubblewrap" in result.error.remedy
        ports = runtime.host.neighbours.ports
        assert ports is not None
        with pytest.raises(ToolError):
            await ports.connect(sandbox, 22, None)


async def test_there_are_no_more_ports_than_the_limit(tmp_path: Path) -> None:
    async with sandbox_runtime(tmp_path, "bubblewrap") as runtime:
        sandbox = (await do(runtime, "sandbox_create"))["sandbox_id"]
        for port in range(5000, 5032):
            await do(runtime, "port_expose", port=port, sandbox_id=sandbox)
        refused = await call(runtime, "port_expose", PERSON, port=6000, sandbox_id=sandbox)
        assert refused.error is not None
        assert "port_close" in refused.error.remedy
        bad = await call(runtime, "port_expose", PERSON, port=70_000, sandbox_id=sandbox)
        assert bad.error is not None
        assert bad.error.code == "invalid_arguments"
