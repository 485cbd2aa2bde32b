"""What Landlock alone has to keep: the edges of its rules on the kernel that runs the tests."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import socket
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.sandboxes.backends.landlock import handled_rights
from jupyter_mcp.toolsets.sandboxes.spec import Mount
from support.benches import Bench, on
from support.engine import Engine


@pytest.mark.parametrize(
    ("abi", "rights"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (6, 16), (7, 16), (99, 16)]
)
def test_each_abi_handles_all_the_rights_it_knows(abi: int, rights: int) -> None:
    assert handled_rights(abi) == 2**rights - 1


@on("landlock")
async def test_it_says_what_it_is_and_what_it_is_not(bench: Bench) -> None:
    can = await bench.can()
    assert can.version.startswith("Landlock ABI ")
    assert not can.has_network_namespace
    assert "no socket can be made" in can.notes[0]


@on("landlock")
async def test_the_record_of_the_sandbox_itself_is_out_of_reach(bench: Bench) -> None:
    handle = await bench.create()
    own = bench.state / "sandboxes" / handle.spec.id
    code = (
        "import os, sys\n"
        "for path in (sys.argv[1] + '/spec.json', '../spec.json', '../keepers/1'):\n"
        "    for mode in 'rw':\n"
        "        try: open(path, mode); print('DONE')\n"
        "        except OSError: print('refused')\n"
    )
    assert (await bench.run(handle, code, str(own))).split() == ["refused"] * 6


@on("landlock")
async def test_mounts_are_as_writable_as_they_were_lent(bench: Bench, tmp_path: Path) -> None:
    lent = []
    for name in ("fixed", "free"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("data")
        lent.append(Mount(str(tmp_path / name), f"/{name}", read_only=name == "fixed"))
    handle = await bench.create(mounts=tuple(lent))
    code = (
        "import sys\n"
        "for path in sys.argv[1:]:\n"
        "    print(open(path + '/file').read())\n"
        "    try: open(path + '/new', 'w'); print('DONE')\n"
        "    except OSError: print('refused')\n"
    )
    said = await bench.run(handle, code, *(mount.source for mount in lent))
    assert said.split() == ["data", "refused", "data", "DONE"]


@on("landlock")
async def test_a_child_has_no_more_than_its_parent(bench: Bench) -> None:
    handle = await bench.create()
    code = (
        "import subprocess, sys\n"
        "line = ['/bin/sh', '-c', f'cat {sys.argv[1]}; echo > {sys.argv[1]}; echo end']\n"
        "print(subprocess.run(line, capture_output=True, text=True, stdin=0).stdout)\n"
    )
    assert await bench.run(handle, code, str(Path.home() / ".bashrc")) == "end"


@on("landlock")
async def test_memory_that_others_share_is_out_of_reach(bench: Bench) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    key = 0x5EC0DE
    segment = libc.shmget(key, 4096, 0o1600)
    assert segment >= 0
    try:
        handle = await bench.create()
        code = (
            "import ctypes, os, sys\n"
            "c = ctypes.CDLL(None, use_errno=True)\n"
            "print(c.shmget(int(sys.argv[1]), 4096, 0o600), ctypes.get_errno())\n"
            "try: os.listdir('/dev/shm'); print('DONE')\n"
            "except OSError: print('refused')\n"
        )
        assert (await bench.run(handle, code, str(key))).split() == ["-1", "1", "refused"]
    finally:
        libc.shmctl(segment, 0, None)


@on("landlock")
async def test_limits_and_priorities_of_the_server_are_out_of_reach(bench: Bench) -> None:
    """A limit of CPU time that is used up already would kill it at once."""
    handle = await bench.create()
    code = (
        "import os, resource, sys\n"
        "pid = int(sys.argv[1])\n"
        "tries = (\n"
        "    lambda p: resource.prlimit(p, resource.RLIMIT_CPU, (99999, 99999)),\n"
        "    lambda p: os.sched_setaffinity(p, [0]),\n"
        "    lambda p: os.sched_setscheduler(p, os.SCHED_BATCH, os.sched_param(0)),\n"
        "    lambda p: os.setpriority(os.PRIO_PROCESS, p, 1),\n"
        ")\n"
        "for each in tries:\n"
        "    for p in (pid, 0):\n"
        "        try: each(p); print('done')\n"
        "        except PermissionError: print('refused')\n"
    )
    before = resource.getrlimit(resource.RLIMIT_CPU)
    assert (await bench.run(handle, code, str(os.getpid()))).split() == ["refused", "done"] * 4
    assert resource.getrlimit(resource.RLIMIT_CPU) == before


@on("landlock")
async def test_sockets_of_others_can_not_be_sent_to(bench: Bench, tmp_path: Path) -> None:
    """An end of a pair of datagram sockets sends to any, such as the system log's."""
    other = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(other)
        receiver.setblocking(False)
        handle = await bench.create()
        code = (
            "import socket, sys\n"
            "for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_STREAM):\n"
            "    try: socket.socketpair(socket.AF_UNIX, kind)[0].sendto(b'x', sys.argv[1])\n"
            "    except OSError as error: print('refused')\n"
        )
        assert (await bench.run(handle, code, other)).split() == ["refused"] * 3
        with pytest.raises(BlockingIOError):
            receiver.recv(1)


@on("landlock")
async def test_terminals_can_be_opened(bench: Bench) -> None:
    handle = await bench.create()
    code = (
        "import os, pty\n"
        "pid, number = pty.fork()\n"
        "if pid == 0: os.execvp('sh', ['sh', '-c', 'stty rows 40 && stty size </dev/tty'])\n"
        "print(os.read(number, 100).decode()); os.waitpid(pid, 0)\n"
    )
    assert (await bench.run(handle, code)).split() == ["40", "0"]


@on("landlock")
async def test_the_server_stays_as_it_was(bench: Bench) -> None:
    await bench.can()
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: ASYNC230, PTH123 - short
        assert "NoNewPrivs:\t0" in status.read()
    assert os.listdir(Path.home())


@pytest.mark.parametrize("user", ["0", "1000"])
def test_it_is_what_works_in_a_container_without_privileges(engine: Engine, user: str) -> None:
    """A JupyterHub pod is such a container: there bubblewrap is refused by the kernel."""
    import docker

    here = Path(__file__).parent
    sources = here.parents[3]
    with contextlib.closing(docker.DockerClient(engine.url)) as client:
        said = client.containers.run(
            engine.image,
            ["python3", "/tests/in_container.py", "/sources"],
            remove=True,
            network_mode="none",
            user=user,
            volumes={str(sources): {"bind": "/sources", "mode": "ro"}}
            | {str(here): {"bind": "/tests", "mode": "ro"}}
            | {str(shutil.which("bwrap")): {"bind": "/usr/bin/bwrap", "mode": "ro"}},
        )
    bubblewrap, landlock = said.decode().splitlines()[:2]
    assert "isolation='landlock'" in bubblewrap
    assert landlock.split()[:3] == ["landlock", "refused", user]
