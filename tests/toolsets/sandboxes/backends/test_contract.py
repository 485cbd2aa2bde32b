"""What every backend has to do, asked of each: plain processes, Landlock, bubblewrap, Docker.

Programs inside tell what they can reach; what a backend claims in its capabilities has to hold.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from asyncio.subprocess import PIPE
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backends import processes
from jupyter_mcp.toolsets.sandboxes.channel import ByteChannel
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Isolation
from support.benches import ALL, ISOLATED, LOCAL, SMALL, Bench, on

HEART = "import time\nwhile True: print('.', end='', flush=True); time.sleep(0.01)"
TRY = """
import sys
def attempt(what, do):
    try: do()
    except OSError as error: print(what, 'refused', error.errno)
    except LookupError: print(what, 'refused, nothing there')
    else: print(what, 'DONE')
"""


async def beat(channel: ByteChannel) -> None:
    assert await asyncio.wait_for(channel.read(100), 30)


async def silence(channel: ByteChannel) -> None:
    """Return when a heart has not beaten for a tenth of a second."""
    while True:
        try:
            assert await asyncio.wait_for(channel.read(100), 0.1)
        except TimeoutError:
            return


# --- the life of a sandbox


@on(*ALL)
async def test_a_sandbox_is_listed_as_it_was_made_until_it_is_destroyed(bench: Bench) -> None:
    made = await bench.create(name="mine")
    (found,) = await bench.backend.list(bench.namespace)
    assert replace(found.spec, image="") == replace(made.spec, image="")
    assert (found.spec.owner, found.spec.name, found.spec.expires) == ("ann", "mine", 2e9)
    assert await bench.backend.list("another") == []
    await bench.backend.destroy(made)
    await bench.backend.destroy(made)
    assert await bench.backend.list(bench.namespace) == []


@on(*ALL)
async def test_bytes_go_both_ways_and_the_workspace_outlives_the_channel(bench: Bench) -> None:
    handle = await bench.create()
    echo = "import sys; d=sys.stdin.buffer.read(300000); open('kept','wb').write(d); print(len(d))"
    channel = await bench.start(handle, echo)
    await channel.write(bytes(range(256)) * 1200)
    assert await channel.read(100) == b"300000\n"
    assert await channel.read(100) == b""
    await channel.close()
    await channel.close()
    with pytest.raises(ConnectionError):
        await channel.write(b"more")
    count = "d=open('kept','rb').read(); print(len(d), set(d[i] == i % 256 for i in range(len(d))))"
    assert await bench.run(handle, count) == "300000 {True}"


@on(*ALL)
async def test_what_goes_wrong_inside_is_told(bench: Bench) -> None:
    handle = await bench.create()
    channel = await bench.start(handle, "raise SystemExit('no luck')")
    assert await channel.read(100) == b""
    await channel.close()
    assert "no luck" in channel.complaint()


@on(*ALL)
async def test_a_paused_sandbox_stands_still_and_goes_on_later(bench: Bench) -> None:
    handle = await bench.create()
    channel = await bench.start(handle, HEART)
    await beat(channel)
    handle = await bench.backend.pause(handle)
    assert handle.is_paused
    await silence(channel)
    (found,) = await bench.backend.list(bench.namespace)
    assert found.is_paused
    handle = await bench.backend.resume(found)
    assert not handle.is_paused
    await beat(channel)
    await channel.close()


@on(*ALL)
async def test_destroying_ends_what_runs_paused_or_not(bench: Bench) -> None:
    for number, pauses in enumerate((False, True)):
        handle = await bench.create(number)
        channel = await bench.start(handle, HEART)
        await beat(channel)
        if pauses:
            handle = await bench.backend.pause(handle)
        await bench.backend.destroy(handle)
        async with asyncio.timeout(30):
            while await channel.read(65536):
                pass
        await channel.close()


@on(*ALL)
async def test_a_member_of_the_pool_gets_its_owner_once(bench: Bench) -> None:
    member = await bench.create(owner="", is_member=True)
    claimed = replace(member.spec, owner="bob", name="his", expires=1.5e9, is_member=False)
    handle = await bench.backend.claim(member, claimed)
    bench.made.append(handle)
    assert handle.spec.owner == "bob"
    (found,) = await bench.backend.list(bench.namespace)
    assert (found.spec.owner, found.spec.name, found.spec.expires) == ("bob", "his", 1.5e9)
    assert not found.spec.is_member
    with pytest.raises(ToolError) as refused:
        await bench.backend.claim(member, replace(claimed, owner="eve"))
    assert refused.value.code == "conflict"


@on(*ALL)
async def test_usage_is_counted(bench: Bench) -> None:
    handle = await bench.create()
    work = "open('f','wb').write(bytes(3_000_000)); print(sum(range(3_000_000)), flush=True)"
    channel = await bench.start(handle, work + "; input()")
    await channel.read(10)
    usage = await bench.backend.usage(handle)
    assert usage.memory
    assert MIB < usage.memory < SMALL.memory
    assert usage.pids
    assert 1 <= usage.pids <= 10
    assert usage.cpu is not None
    assert usage.disk is None or 3_000_000 <= usage.disk < 10 * MIB
    await channel.close()


@on(*ALL)
async def test_many_sandboxes_at_once_are_as_many(bench: Bench) -> None:
    many = 10 if (await bench.can()).has_images else 20
    handles = await asyncio.gather(*(bench.create(number) for number in range(many)))
    code = "import os,sys; open('who','w').write(sys.argv[1]); print(open('who').read())"
    said = await asyncio.gather(*(bench.run(each, code, each.spec.id) for each in handles))
    assert said == [each.spec.id for each in handles]
    assert len(await bench.backend.list(bench.namespace)) == many


# --- what a program inside can reach


@on(*ALL)
async def test_nothing_of_the_servers_environment_comes_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "hush")
    handle = await bench.create()
    said = await bench.run(
        handle, "import os; print(dict(os.environ)); print(os.environ['MEM_LIMIT'])"
    )
    assert "hush" not in said
    assert said.endswith(str(SMALL.memory))


@on(*LOCAL)
async def test_no_open_file_of_the_server_comes_in(bench: Bench, tmp_path: Path) -> None:
    handle = await bench.create()
    kept = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(kept, True)
    said = await bench.run(handle, "import os; print(os.listdir('/proc/self/fd'))")
    os.close(kept)
    assert said == "['0', '1', '2', '3']"  # the last is the folder that is listed


@on(*ISOLATED)
async def test_files_of_the_host_can_be_neither_read_nor_written(
    bench: Bench, tmp_path: Path
) -> None:
    secret = tmp_path / "state" / "secret"
    handle = await bench.create()
    neighbour = await bench.create(1)
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("hush")
    code = TRY + (
        "import os\n"
        "secret, home, state = sys.argv[1:4]\n"
        "attempt('read', lambda: open(secret).read())\n"
        "attempt('write', lambda: open(secret, 'w').write('x'))\n"
        "attempt('truncate', lambda: os.truncate(secret, 0))\n"
        "attempt('home', lambda: [each for each in os.scandir(home) if each.is_file()][0])\n"
        "attempt('neighbour', lambda: os.listdir(state))\n"
        "attempt('remove', lambda: os.unlink(secret))\n"
        "attempt('move', lambda: os.rename(secret, 'mine'))\n"
        "attempt('link', lambda: os.link(secret, 'mine2'))\n"
        "os.symlink(secret, 'way'); attempt('follow', lambda: open('way').read())\n"
        "attempt('shadow', lambda: open('/etc/shadow').read())\n"
        "attempt('usr', lambda: open('/usr/lib/mine', 'w'))\n"
        "attempt('etc', lambda: open('/etc/mine', 'w'))\n"
        "attempt('root', lambda: open('/mine', 'w'))\n"
        "attempt('dev', lambda: open('/dev/mine', 'w'))\n"
        "attempt('workspace', lambda: open('own', 'w').write('x'))\n"
        "attempt('own home', lambda: open(os.environ['HOME'] + '/own', 'w').write('x'))\n"
        "attempt('tmp', lambda: open(os.environ['TMPDIR'] + '/own', 'w').write('x'))\n"
    )
    state = bench.state / "sandboxes" / neighbour.spec.id
    said = await bench.run(handle, code, str(secret), str(Path.home()), str(state))
    done = [line[:-5] for line in said.splitlines() if line.endswith("DONE")]
    assert done == ["workspace", "own home", "tmp"], said
    assert len(said.splitlines()) == 17
    assert secret.read_text() == "hush"


@on(*ISOLATED)
async def test_no_port_and_no_socket_of_the_host_can_be_reached(
    bench: Bench, tmp_path: Path
) -> None:
    handle = await bench.create()
    code = TRY + (
        "import socket\n"
        "def to(family, kind, where):\n"
        "    with socket.socket(family, kind) as s:\n"
        "        s.settimeout(1); s.connect(where); s.send(b'x')\n"
        "I, U, T, D = socket.AF_INET, socket.AF_UNIX, socket.SOCK_STREAM, socket.SOCK_DGRAM\n"
        "attempt('tcp', lambda: to(I, T, ('127.0.0.1', int(sys.argv[1]))))\n"
        "attempt('file', lambda: to(U, T, sys.argv[2]))\n"
        "attempt('abstract', lambda: to(U, T, chr(0) + sys.argv[3]))\n"
        "attempt('world', lambda: to(I, T, ('192.0.2.1', 80)))\n"
        "attempt('names', lambda: to(I, D, ('192.0.2.53', 53)))\n"
    )
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as tcp,
        closing(socket.socket(socket.AF_UNIX)) as file,
        closing(socket.socket(socket.AF_UNIX)) as abstract,
    ):
        path = str(tmp_path / "s")
        for each, name in ((file, path), (abstract, f"\0{bench.namespace}")):
            each.bind(name)
            each.listen()
        port = str(tcp.getsockname()[1])
        said = await bench.run(handle, code, port, path, bench.namespace)
    assert said.count("refused") == 5, said


@on(*ISOLATED)
async def test_processes_of_the_host_are_out_of_reach(bench: Bench) -> None:
    handle = await bench.create()
    code = TRY + (
        "import os\n"
        "server = int(sys.argv[1])\n"
        "attempt('environment', lambda: open(f'/proc/{server}/environ', 'rb').read())\n"
        "attempt('memory', lambda: open(f'/proc/{server}/mem', 'rb'))\n"
        "attempt('files', lambda: os.readlink(f'/proc/{server}/fd/0'))\n"
        "attempt('folder', lambda: os.listdir(f'/proc/{server}/cwd/'))\n"
        "attempt('signal', lambda: os.kill(server, 0))\n"
    )
    said = await bench.run(handle, code, str(os.getpid()))
    assert said.count("refused") == 5, said


@on(*ALL)
async def test_powers_cannot_be_gained(bench: Bench) -> None:
    handle = await bench.create()
    said = await bench.run(handle, "print(open('/proc/self/status').read())")
    words = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    assert words["NoNewPrivs"].strip() == "1"
    if (await bench.can()).isolation is not Isolation.PROCESS:
        assert int(words["CapEff"], 16) == int(words["CapBnd"], 16) == 0
        assert words["Seccomp"].strip() == "2"


@on(*ISOLATED)
async def test_system_calls_that_reach_into_the_kernel_are_refused(bench: Bench) -> None:
    handle = await bench.create()
    code = (
        "import ctypes, platform\n"
        "c = ctypes.CDLL(None, use_errno=True)\n"
        "x = platform.machine() == 'x86_64'\n"
        "calls = {'unshare': (272 if x else 97, 0x10000000), 'keyctl': (250 if x else 219, 0, 0),\n"
        " 'mount': (165 if x else 40, b'a', b'/tmp', b'tmpfs', 0, None),\n"
        " 'bpf': (321 if x else 280, 0),\n"
        " 'perf': (298 if x else 241, None, 0, -1, -1, 0), 'uffd': (323 if x else 282, 1),\n"
        " 'clone': (56 if x else 220, 0x10000000 | 17, None, None, None, None)}\n"
        "for name, call in calls.items():\n"
        "    r = c.syscall(*call)\n"
        "    if r == 0 and name == 'clone': import os; os._exit(9)\n"
        "    print(name, 'refused' if r < 0 and ctypes.get_errno() in (1, 38) else 'DONE')\n"
    )
    said = await bench.run(handle, code)
    assert said.count("refused") == 7, said


# --- limits that are claimed


@on(*ALL)
async def test_memory_is_bounded_where_it_is_claimed(bench: Bench) -> None:
    handle = await bench.create()
    assert (await bench.can()).limits["memory"] in ("enforced", "per_process")
    bomb = "try: b = bytearray(600 << 20); b[::4096] = b'1' * len(b[::4096]); print('ALL')\n"
    said = await bench.run(handle, bomb + "except MemoryError: print('bounded')")
    assert "ALL" not in said
    assert await bench.run(handle, "print(6*7)") == "42"


@on(*ALL)
async def test_a_fork_bomb_is_bounded_where_it_is_claimed(bench: Bench) -> None:
    if (await bench.can()).limits["pids"] != "enforced":
        pytest.skip("processes are not bounded here, and the capabilities say so")
    handle = await bench.create()
    bomb = (
        "import os, time\n"
        "n = 0\n"
        "try:\n"
        "    while n < 500:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        n += 1\n"
        "except OSError: pass\n"
        "print(n, flush=True); time.sleep(1000)\n"
    )
    channel = await bench.start(handle, bomb)
    assert 5 < int(await asyncio.wait_for(channel.read(100), 20)) <= SMALL.pids
    async with asyncio.timeout(30):
        await bench.backend.destroy(handle)
    await channel.close()


@on(*ALL)
async def test_open_files_are_bounded(bench: Bench) -> None:
    handle = await bench.create()
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    assert await bench.run(handle, code) == f"({SMALL.nofile}, {SMALL.nofile})"


@on("bubblewrap", "docker")
async def test_folders_in_memory_are_bounded_below_the_memory(bench: Bench) -> None:
    handle = await bench.create()
    code = TRY + (
        "import os\n"
        "for at in ('/tmp', os.environ['HOME'], '/dev/shm'):\n"
        "    attempt(at, lambda: open(at + '/full', 'wb').write(bytes(100 << 20)))\n"
        "print(sum(os.path.getsize(at + '/full') for at in ('/tmp', os.environ['HOME'])))\n"
    )
    said = (await bench.run(handle, code)).split()
    assert said.count("28") == 3, said  # ENOSPC
    assert int(said[-1]) <= SMALL.tmp
    assert await bench.run(handle, "print(6*7)") == "42"


@on(*ALL)
async def test_git_works_and_finds_no_repository_above_the_workspace(bench: Bench) -> None:
    handle = await bench.create()
    code = (
        "import subprocess\n"
        "def git(*words):\n"
        "    who = ['-c', 'user.name=a', '-c', 'user.email=a@b']\n"
        "    r = subprocess.run(['git', *who, *words], capture_output=True, text=True)\n"
        "    return r.returncode, r.stdout + r.stderr\n"
        "print(git('status'))\n"
        "git('init'); open('f', 'w'); git('add', '.'); print(git('commit', '-m', 'one'))\n"
    )
    (bench.state / "sandboxes").mkdir(parents=True, exist_ok=True)
    init = await asyncio.create_subprocess_exec("git", "init", "-q", str(bench.state))
    await init.wait()
    before, after = (await bench.run(handle, code)).splitlines()
    assert before.startswith("(128,")
    assert "not a git repository" in before
    assert after.startswith("(0,"), after


# --- nothing is left


@on(*LOCAL)
async def test_closing_the_channel_ends_those_too_that_left_their_session(bench: Bench) -> None:
    handle = await bench.create()
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        while True: open('alive', 'a').write('x'); time.sleep(0.01)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "while not os.path.exists('alive'): pass\n"
        "print('up', flush=True)\n"
    )
    channel = await bench.start(handle, code + "input()")
    assert await channel.read(100) == b"up\n"
    assert (await bench.backend.usage(handle)).pids
    await channel.close()
    assert (await bench.backend.usage(handle)).pids == 0
    look = (
        "import os, time; a = os.path.getsize('alive'); time.sleep(0.1)\n"
        "print(os.path.getsize('alive') - a)"
    )
    assert await bench.run(handle, look) == "0"


@on(*ALL)
async def test_a_program_whose_words_nobody_reads_is_ended_all_the_same(bench: Bench) -> None:
    handle = await bench.create()
    channel = await bench.start(handle, "while True: print('x' * 9999)")
    await beat(channel)
    async with asyncio.timeout(9):  # after ten seconds it would be killed
        await channel.close()


@on(*LOCAL)
async def test_a_program_that_ends_leaves_no_child_behind(bench: Bench) -> None:
    handle = await bench.create()
    await bench.run(
        handle, "import os, time\nif os.fork() == 0: os.setsid(); os.close(1); time.sleep(99)"
    )
    assert (await bench.backend.usage(handle)).pids == 0


@on(*LOCAL)
async def test_a_workspace_full_of_traps_is_removed_and_nothing_else(
    bench: Bench, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    handle = await bench.create()
    code = (
        "import os, sys\n"
        "os.symlink(sys.argv[1], 'out'); os.makedirs('a/b/c'); open('a/b/c/f', 'w')\n"
        "os.chmod('a/b/c', 0); os.chmod('a/b', 0); os.chmod('a', 0); os.mkfifo('pipe')\n"
    )
    await bench.run(handle, code, str(kept))
    await bench.backend.destroy(handle)
    assert (kept / "file").read_text() == "mine"
    assert [each.name for each in (bench.state / "sandboxes").iterdir()] == []


@on(*LOCAL)
async def test_a_server_that_is_killed_leaves_no_process_paused_ones_neither(
    bench: Bench, tmp_path: Path
) -> None:
    """``kill -9`` of a server with a running and a paused sandbox; the next server finds both."""
    await bench.can()
    state = tmp_path / "state"
    line = [sys.executable, str(Path(__file__).parent / "owner.py"), bench.backend.name, str(state)]
    owner = await asyncio.create_subprocess_exec(*line, bench.namespace, stdout=PIPE)
    assert owner.stdout
    assert await asyncio.wait_for(owner.stdout.readline(), 30) == b"up\n"
    found = await bench.backend.list(bench.namespace)
    bench.made += found
    assert [each.is_paused for each in found] == [False, True]
    local: Any = bench.backend
    family = processes.descendants([pid for each in found for pid in local._keepers(each.ref)])
    assert len(family) >= 6
    owner.kill()
    await owner.wait()
    async with asyncio.timeout(30):
        while [each for each in family if _lives(each)]:  # noqa: ASYNC110 - nobody sets an event
            await asyncio.sleep(0.01)
    assert processes.holders(state) == []
    owner._transport.close()  # type: ignore[attr-defined]
    resumed = await bench.backend.resume(found[1])
    assert await bench.run(resumed, "print(open('who').read())") == "1"


def _lives(earlier: processes.Process) -> bool:
    now = processes.process(earlier.pid)
    return now is not None and now.started == earlier.started and now.state != "Z"


@on(*LOCAL)
async def test_no_thread_is_started(bench: Bench) -> None:
    handle = await bench.create()
    before = {each.name for each in threading.enumerate()}
    channel = await bench.start(handle, HEART)
    await beat(channel)
    after = {each.name for each in threading.enumerate()} - before
    await channel.close()
    assert not [name for name in after if "jupyter-mcp" not in name and "waitpid" not in name]


@on("landlock", "bubblewrap")
async def test_the_kernels_settings_cannot_be_written(bench: Bench) -> None:
    """Where root runs the server, its sandboxes by bubblewrap are the owner of ``/proc/sys``."""
    handle = await bench.create()
    code = (
        "import os\n"
        "count = 0\n"
        "for top, folders, names in os.walk('/proc'):\n"
        "    if top == '/proc': folders[:] = [f for f in folders if not f.isdigit()]\n"
        "    for name in names:\n"
        "        path = os.path.join(top, name)\n"
        "        if path.startswith(('/proc/self', '/proc/thread-self')): continue\n"
        "        count += 1\n"
        "        try: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)); print(path)\n"
        "        except OSError: pass\n"
        "print(count > 100)\n"
    )
    assert await bench.run(handle, code) == "True"
