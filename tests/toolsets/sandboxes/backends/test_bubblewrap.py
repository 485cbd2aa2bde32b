"""What the view inside bubblewrap shows, and what it does as an ordinary account."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.spec import Mount
from support.benches import Bench, on


@on("bubblewrap")
async def test_the_view_inside_holds_nothing_that_was_not_put_there(bench: Bench) -> None:
    handle = await bench.create()
    code = (
        "import os, socket\n"
        "print(sorted(os.listdir('/etc')), os.listdir('/home'), os.listdir('/tmp'))\n"
        "print(os.getcwd(), os.getuid(), os.getgid(), socket.gethostname())\n"
        "print([p for p in os.listdir('/proc') if p.isdigit()].__len__() < 5)\n"
        "print(sorted(os.listdir('/sys')) if os.path.exists('/sys') else 'no sys')\n"
        "print(open('/etc/passwd').read())\n"
    )
    said = (await bench.run(handle, code)).splitlines()
    assert "'shadow'" not in said[0]
    assert "'hostname'" not in said[0]
    parts = Path(sys.prefix).parts  # an interpreter that lives in /tmp is lent from there
    lent = [parts[2]] if parts[1] == "tmp" else []
    assert said[0].endswith(f"['sandbox'] {lent}")
    assert said[1] == "/workspace 1000 1000 sandbox"
    assert said[2] == "True"
    assert said[3] == "no sys"
    assert len(said) == 6


@on("bubblewrap")
async def test_loopback_inside_is_the_sandboxes_own(bench: Bench) -> None:
    handle = await bench.create()
    code = "import socket\ns = socket.create_server(('127.0.0.1', 22))\n"
    assert "Permission" in await bench.run(handle, code)
    code = (
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 2222))\n"
        "c = socket.create_connection(s.getsockname())\n"
        "c.send(b'hi'); print(s.accept()[0].recv(9))\n"
    )
    assert await bench.run(handle, code) == "b'hi'"


@on("bubblewrap")
async def test_mounts_are_as_writable_as_they_were_lent(bench: Bench, tmp_path: Path) -> None:
    mounts = []
    for name in ("fixed", "free"):
        (tmp_path / name).mkdir()
        mounts.append(Mount(str(tmp_path / name), f"/mnt/{name}", read_only=name == "fixed"))
    handle = await bench.create(mounts=tuple(mounts))
    code = (
        "for name in ('fixed', 'free'):\n"
        "    try: open(f'/mnt/{name}/new', 'w'); print('DONE')\n"
        "    except OSError as error: print(error.errno)\n"
    )
    assert (await bench.run(handle, code)).split() == ["30", "DONE"]


@on("bubblewrap")
async def test_a_machine_without_bubblewrap_is_told_how_to_get_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="apt-get install bubblewrap") as refused:
        await bench.can()
    assert refused.value.code == "unavailable"


@on("bubblewrap")
async def test_a_machine_that_lets_nobody_make_namespaces_is_told_what_to_use(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container: there bwrap is installed and the kernel refuses."""
    program = tmp_path / "bwrap"
    text = "[ $1 = --version ] && { echo bubblewrap 0.8.0; exit; }; echo No permissions >&2; exit 1"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="landlock") as refused:
        await bench.can()
    assert "No permissions" in refused.value.message


@pytest.mark.skipif(os.getuid() != 0, reason="all tests run as an ordinary account already")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="it needs /usr/bin/python3")
async def test_an_ordinary_account_has_its_processes_counted() -> None:
    """Root is exempt from RLIMIT_NPROC; others are not, and the kernel counts each namespace."""
    script = Path(__file__).parent / "ordinary.py"
    running = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=PIPE)
    said, _none = await asyncio.wait_for(running.communicate(), 60)
    pids, forked, memory, capabilities = said.decode().split()
    assert pids == "enforced"
    assert 5 < int(forked) <= 40
    assert memory == "bounded"
    assert int(capabilities, 16) == 0
