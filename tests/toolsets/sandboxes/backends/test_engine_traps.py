"""The traps of container engines, each by its name; the numbers are those of our notes."""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
from collections.abc import AsyncIterator

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backends.docker_options import tmpfs_sizes
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Limits
from support.containers import Bench, bench
from support.engine import Engine
from support.server import wait_until


@pytest.fixture
async def table(engine: Engine) -> AsyncIterator[Bench]:
    async with bench(engine.url, engine.image) as found:
        yield found


HOG = "x = bytearray(400 << 20)"


async def test_trap_1_the_archive_api_cannot_be_used_on_a_hardened_container(table: Bench) -> None:
    """So nothing here does, and files go through a channel, to tmpfs and workspace alike."""
    handle = await table.create()
    with pytest.raises(ToolError, match="read-only"):
        await table.backend._engine.call(
            lambda api: api.put_archive(handle.ref, "/tmp", _archive("planted"))
        )
    for folder in ("/workspace", "/tmp", "/home/sandbox", "/run"):
        channel = await table.backend.channel(
            handle, ["sh", "-c", f"head -c 5 > {folder}/f; echo ."]
        )
        await channel.write(b"hello")
        assert await channel.read(10) == b".\n"
        await channel.close()
        assert await table.sh(handle, f"cat {folder}/f") == "hello"


async def test_trap_2_nothing_writes_as_root_through_a_link_of_the_user(table: Bench) -> None:
    """The archive API would; a channel writes as the session's user, whom the kernel refuses."""
    handle = await table.create()
    await table.sh(handle, "ln -s /etc /workspace/uploads; ln -s /etc /tmp/uploads")
    for folder in ("/workspace", "/tmp"):
        said = await table.sh(handle, f"echo evil > {folder}/uploads/planted")
        assert "Read-only file system" in said or "Permission denied" in said
    assert "planted" not in await table.sh(handle, "ls /etc")


async def test_trap_3_an_oom_kill_that_the_engine_denies_is_counted(table: Bench) -> None:
    handle = await table.create()
    keeper = await table.backend.channel(handle, ["cat"])
    before = await table.backend.usage(handle)
    assert before.oom_kills == 0

    said = await table.sh(handle, f"python3 -c '{HOG}'; echo exit $?")

    assert "exit 137" in said
    assert not table.inspect(handle)["State"]["OOMKilled"]
    after = await table.backend.usage(handle)
    assert after.oom_kills == 1
    await keeper.write(b"alive")
    assert await keeper.read(9) == b"alive"
    await keeper.close()


async def test_trap_4_a_full_tmpfs_is_enospc_and_not_the_end(table: Bench) -> None:
    handle = await table.create(limits=Limits(memory=64 * MIB, tmp=512 * MIB))
    for folder in ("/tmp", "/home/sandbox", "/run", "/dev/shm"):
        said = await table.sh(handle, f"dd if=/dev/zero of={folder}/full bs=1M 2>&1")
        assert "No space left on device" in said
    assert await table.sh(handle, "python3 -c 'print(40 + 2)'") == "42"
    assert (await table.backend.usage(handle)).oom_kills == 0


@pytest.mark.parametrize("memory", [16, 64, 512, 4096])
@pytest.mark.parametrize("tmp", [1, 64, 100_000])
def test_trap_4_all_that_lies_in_memory_stays_below_its_limit(memory: int, tmp: int) -> None:
    limits = Limits(memory=memory * MIB, tmp=tmp * MIB)
    sizes = tmpfs_sizes(limits)
    assert sum(sizes.values()) <= 0.75 * limits.memory
    assert sizes["/tmp"] + sizes["/home/sandbox"] <= limits.tmp
    assert min(sizes.values()) > 0


STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE): signal.signal(number, signal.SIG_IGN)
if not os.fork(): os.setsid()
print("up", flush=True)
time.sleep(600)
"""


async def test_trap_5_a_program_that_ignores_its_closed_channel_is_ended_with_its_children(
    table: Bench,
) -> None:
    handle = await table.create()
    bystander = await table.backend.channel(handle, ["cat"])
    channel = await table.backend.channel(handle, ["python3", "-c", STUBBORN])
    assert await channel.read(9) == b"up\n"
    assert table.docker("top", handle.ref, "-eo", "pid,comm").count("python3") == 2

    await channel.close()
    await channel.close()

    await asyncio.to_thread(
        wait_until,
        lambda: "python3" not in table.docker("top", handle.ref, "-eo", "pid,comm"),
        seconds=30,
        what="both are gone",
    )
    await bystander.write(b"me?")
    assert await bystander.read(9) == b"me?"
    await bystander.close()


async def test_trap_5_what_leaves_when_its_channel_closes_is_waited_for(table: Bench) -> None:
    handle = await table.create()
    channel = await table.backend.channel(handle, ["cat"])
    await channel.close()
    assert "cat" not in table.docker("top", handle.ref, "-eo", "pid,comm")
    with pytest.raises(ConnectionError):
        await channel.write(b"x")


async def test_trap_6_figures_do_not_wait_for_the_engines_slow_ones(table: Bench) -> None:
    handle = await table.create()
    await table.sh(handle, "head -c 3000000 /dev/zero > big")
    fastest = 10.0
    for _ in range(5):
        started = time.perf_counter()
        usage = await table.backend.usage(handle)
        fastest = min(fastest, time.perf_counter() - started)
    assert fastest < 0.9
    assert usage.memory
    assert usage.memory > MIB
    assert usage.pids
    assert 3 <= usage.pids < 20
    assert usage.cpu
    assert usage.disk
    assert 3_000_000 <= usage.disk < 4_000_000


async def test_trap_7_the_limits_are_told_by_variables_since_proc_shows_the_host(
    table: Bench,
) -> None:
    handle = await table.create(limits=Limits(memory=128 * MIB, cpus=0.5, pids=50))
    total = await table.sh(handle, "grep MemTotal /proc/meminfo | tr -dc 0-9")
    assert int(total) * 1024 > 128 * MIB
    said = await table.sh(handle, "echo $MEM_LIMIT $CPU_LIMIT $PIDS_LIMIT $OMP_NUM_THREADS")
    assert said == f"{128 * MIB} 0.5 50 1"


async def test_trap_8_there_is_no_quota_of_disk_and_it_is_said(table: Bench) -> None:
    found = await table.backend.probe()
    assert found.limits["disk"] == "polled"
    assert any("quota" in note for note in found.notes)


async def test_trap_9_and_10_two_streams_are_told_apart_and_a_flood_passes_without_threads(
    table: Bench,
) -> None:
    handle = await table.create()
    script = "echo to stderr >&2; head -c 30000000 /dev/zero; echo last words >&2"
    channel = await table.backend.channel(handle, ["sh", "-c", script])
    size = 0
    while data := await channel.read(65_536):
        assert data.count(0) == len(data)
        size += len(data)
    assert size == 30_000_000
    assert channel.complaint() == "to stderr\nlast words"
    await channel.close()


FLOOD = """
import os, threading
done = 0
def flood():
    global done
    while True:
        done += os.write(1, bytes(65536))
threading.Thread(target=flood, daemon=True).start()
last = -1
while last != done:
    last = done
    threading.Event().wait(1)
with open("stuck", "w") as told:
    told.write(str(done))
threading.Event().wait()
"""


async def test_a_reader_that_stops_makes_the_program_wait(table: Bench) -> None:
    """What the engine and we hold in between is bounded."""
    handle = await table.create()
    channel = await table.backend.channel(handle, ["python3", "-c", FLOOD])
    assert await channel.read(10)
    async with asyncio.timeout(20):
        while not (held := await table.sh(handle, "cat stuck 2>/dev/null")):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert int(held) < 16 * MIB
    await channel.close()


async def test_a_program_that_is_not_there_is_named(table: Bench) -> None:
    handle = await table.create()
    channel = await table.backend.channel(handle, ["no-such-program"])
    assert await channel.read(1000) == b""
    assert "no-such-program" in channel.complaint()
    await channel.close()


async def test_a_freeze_waits_for_a_program_on_its_way_in(table: Bench) -> None:
    """Docker 20.10 gets stuck for good otherwise: neither unpause nor remove return."""
    handle = await table.create()
    for _ in range(8):
        channel = await table.backend.channel(handle, ["cat"])
        usage = asyncio.ensure_future(table.backend.usage(handle))
        async with asyncio.timeout(20):
            paused = await table.backend.pause(handle)
            await table.backend.resume(paused)
            await channel.write(b"still here")
            assert await channel.read(100) == b"still here"
            await asyncio.wait([usage])
            await channel.close()
        assert usage.exception() is None or "paused" in str(usage.exception())


BOMB = "import os\nwhile 1:\n try: os.fork()\n except OSError: pass\n"


async def test_a_fork_bomb_stays_in_its_sandbox_and_can_be_destroyed(table: Bench) -> None:
    handle, other = await asyncio.gather(table.create(), table.create())
    bomb = await table.backend.channel(handle, ["python3", "-c", BOMB])

    async def processes() -> int:
        return len(table.docker("top", handle.ref, "-eo", "pid").splitlines()) - 1

    async with asyncio.timeout(30):
        while await processes() < 60:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await processes() <= 64 + 4
    assert await table.sh(other, "echo fine") == "fine"
    usage = await table.backend.usage(handle)
    assert usage.pids is None or usage.pids <= 64 + 4
    started = time.perf_counter()
    await table.backend.destroy(handle)
    assert time.perf_counter() - started < 30
    await bomb.close()
    assert await bomb.read(10) == b""


async def test_a_quota_of_cpu_holds(table: Bench) -> None:
    handle = await table.create(limits=Limits(cpus=0.5, memory=128 * MIB))
    spin = "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass\n"
    said = await table.python(handle, spin + "print(time.process_time())")
    assert 0.1 < float(said) < 1.4


def _archive(name: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()
