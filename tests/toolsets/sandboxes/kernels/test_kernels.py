"""The way to a kernel in a sandbox, by a real link to a real agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.kernels.bridges import Bridges
from jupyter_mcp.toolsets.sandboxes.kernels.kernel_specs import KernelSpecs
from jupyter_mcp.toolsets.sandboxes.kernels.kernel_start import CHANNELS
from jupyter_mcp.toolsets.sandboxes.kernels.kernels import _ports_of
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish
from support.sandboxes import ANN, sandbox_runtime, sandboxes_of

SERVER = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    peer, _ = listener.accept()
    data = peer.recv(65536)
    while data:
        peer.sendall(data.upper())
        data = peer.recv(65536)
    peer.close()
"""


class Inside:
    """A sandbox with its link."""

    def __init__(self, link: Any, tasks: Any) -> None:
        self.link = link
        self.tasks = tasks


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with sandbox_runtime(tmp_path / "home", "bubblewrap") as runtime:
        service = sandboxes_of(runtime)
        session = await service.create(ANN, Wish())
        yield Inside(await service.link(session.id, ANN), runtime.tasks)


async def test_bytes_pass_both_ways_and_an_end_ends_both(inside: Inside, tmp_path: Path) -> None:
    process = await inside.link.start(["python3", "-c", SERVER])
    output = process.output()
    _, first = await anext(output)
    bridges = Bridges(inside.link.dial, inside.tasks)
    path = str(tmp_path / "socket")
    await bridges.open({path: int(first)})
    reader, writer = await asyncio.open_unix_connection(path)
    data = b"abc" * 100_000
    writer.write(data)
    assert await reader.readexactly(len(data)) == data.upper()
    other, other_writer = await asyncio.open_unix_connection(path)
    writer.close()
    other_writer.write(b"second")
    assert await other.readexactly(6) == b"SECOND"
    await process.kill()
    assert await other.read() == b""
    other_writer.close()
    await bridges.close()
    with pytest.raises(OSError):  # noqa: PT011 - the socket refuses, or is gone
        await asyncio.open_unix_connection(path)
    assert not [name for name in inside.tasks.names if "bridge" in name]


async def test_where_nothing_listens_the_connection_ends(inside: Inside, tmp_path: Path) -> None:
    bridges = Bridges(inside.link.dial, inside.tasks)
    path = str(tmp_path / "socket")
    await bridges.open({path: 9})
    reader, writer = await asyncio.open_unix_connection(path)
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()
    await bridges.close()


@given(
    st.text()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
    | st.dictionaries(st.sampled_from(["ports", "missing"]), st.integers() | st.text()).map(
        json.dumps
    )
    | st.dictionaries(
        st.sampled_from([f"{each}_port" for each in CHANNELS]),
        st.integers() | st.floats() | st.text() | st.none(),
        min_size=5,
    ).map(lambda ports: json.dumps({"ports": ports}))
)
def test_whatever_a_hostile_kernel_answers_only_ports_are_dialled(line: str) -> None:
    try:
        ports = _ports_of(line)
    except ToolError as error:
        assert error.code == "unavailable"  # noqa: PT017 - either is right
    else:
        assert set(ports) == set(CHANNELS)
        assert all(0 < port < 65536 for port in ports.values())


def test_only_kernelspecs_of_our_own_are_swept(tmp_path: Path) -> None:
    ours, others = KernelSpecs(tmp_path, "here"), KernelSpecs(tmp_path, "elsewhere")
    kept, gone = ours.write("sb-1", "One"), ours.write("sb-2", "Two")
    foreign = others.write("sb-3", "Three")
    (tmp_path / "jupyter-mcp-broken").mkdir()
    (tmp_path / "jupyter-mcp-broken" / "kernel.json").write_text("{")
    (tmp_path / "python3").mkdir()
    assert ours.sweep({"sb-1"}) == ["sb-2"]
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {kept, foreign, "jupyter-mcp-broken", "python3"}
    assert gone not in left
    spec = json.loads((tmp_path / kept / "kernel.json").read_text())
    assert spec["metadata"]["kernel_provisioner"]["config"] == {"sandbox_id": "sb-1"}


@pytest.mark.parametrize("name", ["../evil", "", "a/b", "x" * 100])
def test_no_identifier_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it names the identifier
        KernelSpecs(tmp_path / "kernels", "here").write(name, "x")
    assert not (tmp_path / "kernels").exists()
