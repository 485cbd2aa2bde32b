"""Containers on a real Docker engine: made hardened, told by labels, gone when they shall be."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends import docker_containers
from jupyter_mcp.toolsets.sandboxes.backends.docker import DockerBackend
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Isolation, Limits, Mount
from support.containers import SMALL, Bench, bench, small_image
from support.engine import Engine
from support.server import wait_until


@pytest.fixture
async def table(engine: Engine) -> AsyncIterator[Bench]:
    async with bench(engine.url, engine.image) as found:
        yield found


async def test_the_probe_claims_what_a_container_found_in_its_own_cgroup(table: Bench) -> None:
    found = await table.backend.probe()

    assert found.backend == table.backend.name == "docker"
    assert found.isolation is Isolation.CONTAINER
    assert re.fullmatch(r"Docker \d+\.\d+.*", found.version)
    assert found.limits == {
        "memory": "enforced",
        "pids": "enforced",
        "cpu": "enforced",
        "nofile": "per_process",
        "disk": "polled",
    }
    fastest = 1.0
    for _ in range(5):
        started = time.monotonic()
        assert await table.backend.probe() is found
        fastest = min(fastest, time.monotonic() - started)
    assert fastest < 0.01  # the engine is not asked
    assert table.docker("ps", "-aq", "--filter", "label=jupyter-mcp.namespace=probe") == ""


async def test_without_the_image_no_limit_is_claimed(engine: Engine) -> None:
    async with bench(engine.url, "jupyter-mcp/absent") as table:
        found = await table.backend.probe()
        assert set(found.limits.values()) == {"none"}
        assert "jupyter mcp image build jupyter-mcp/absent" in found.notes[0]


async def test_a_sandbox_is_hardened(table: Bench) -> None:
    handle = await table.create()
    status = await table.sh(handle, "cat /proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert fields["Uid"].split() == fields["Gid"].split() == ["1000"] * 4
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert int(fields[f"Cap{kind}"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    assert await table.sh(handle, "ls /sys/class/net") == "lo"
    assert "Read-only file system" in await table.sh(handle, "touch /usr/x")
    assert await table.python(handle, UNSHARE) == "-1 1"
    assert await table.sh(handle, "touch f && pwd && ls -l f | cut -d' ' -f3") == (
        "/workspace\nsandbox"
    )


UNSHARE = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.unshare(0x10000000), ctypes.get_errno())
"""


async def test_what_the_engine_shows_holds_no_port_no_secret_and_no_shared_namespace(
    table: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    proxies = '{"proxies": {"default": {"httpProxy": "http://me:hunter2@proxy:1"}}}'
    (tmp_path / "config.json").write_text(proxies)
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")

    shown = table.inspect(await table.create())

    assert "hunter2" not in str(shown)
    host = shown["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["IpcMode"] == "private"
    assert not host["PortBindings"]
    assert not host["Privileged"]
    assert host["MemorySwap"] == host["Memory"] == 128 * MIB
    assert host["PidsLimit"] == 64
    assert host["Init"]
    assert {limit["Name"] for limit in host["Ulimits"]} == {"nofile", "nproc", "core"}
    assert shown["Config"]["Healthcheck"] == {"Test": ["NONE"]}


async def test_nofile_is_as_asked(table: Bench) -> None:
    handle = await table.create(limits=Limits(nofile=77))
    assert await table.sh(handle, "ulimit -n") == "77"


async def test_the_labels_tell_all_to_a_server_that_knows_nothing(
    table: Bench, engine: Engine, tmp_path: Path
) -> None:
    lent = Mount(str(tmp_path), "/lent")
    made = await table.create(name="fred", mounts=(lent,), limits=Limits(memory=100 * MIB))

    threads, tasks = Executor(2), Supervisor()
    other = DockerBackend(Settings(docker_url=engine.url), threads, tasks)
    try:
        assert await other.list(table.namespace) == [made]
        assert await other.list("somebody-else") == []
    finally:
        await other.stop()
        await tasks.stop()
        threads.stop()


async def test_a_lent_folder_is_read_only_unless_it_is_said(table: Bench, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)  # noqa: ASYNC240
    (tmp_path / "data").write_text("lent")
    ways = (Mount(str(tmp_path), "/lent"), Mount(str(tmp_path), "/open", read_only=False))
    handle = await table.create(mounts=ways)

    assert await table.sh(handle, "cat /lent/data") == "lent"
    assert "Read-only file system" in await table.sh(handle, "touch /lent/x")
    await table.sh(handle, "echo new > /open/data2")
    assert (tmp_path / "data2").read_text() == "new\n"


async def test_a_claim_is_seen_by_others_and_happens_once(table: Bench) -> None:
    member = await table.backend.pause(await table.create(owner="", is_member=True))
    asked = table.spec(owner="user:bén", name="fröd", seconds=99)

    claimed = await table.backend.claim(member, asked)
    claimed = await table.backend.resume(claimed)

    assert claimed.spec == replace(
        member.spec,
        owner="user:bén",
        name="fröd",
        created=asked.created,
        expires=asked.expires,
        is_member=False,
    )
    assert await table.backend.list(table.namespace) == [claimed]
    with pytest.raises(ToolError, match="taken or gone") as told:
        await table.backend.claim(member, table.spec(owner="user:eve"))
    assert told.value.code == "conflict"
    later = await table.backend.claim(
        claimed, replace(claimed.spec, expires=claimed.spec.expires + 9)
    )
    assert await table.backend.list(table.namespace) == [later]


async def test_a_paused_sandbox_says_how_to_go_on_and_keeps_what_runs(table: Bench) -> None:
    handle = await table.create()
    channel = await table.backend.channel(handle, ["cat"])
    await channel.write(b"up")
    assert await channel.read(9) == b"up"
    paused = await table.backend.pause(handle)
    assert paused.is_paused
    assert (await table.backend.pause(handle)).is_paused
    assert [each.is_paused for each in await table.backend.list(table.namespace)] == [True]

    for asked in (handle, paused):  # also by one who does not know yet
        with pytest.raises(ToolError, match="sandbox_resume"):
            await table.backend.channel(asked, ["true"])
    frozen = await table.backend.usage(paused)
    assert frozen.memory
    assert frozen.pids

    assert not (await table.backend.resume(paused)).is_paused
    assert not (await table.backend.resume(paused)).is_paused
    await channel.write(b"still here")
    assert await channel.read(100) == b"still here"
    await channel.close()


async def test_a_missing_image_is_named_with_what_builds_it_and_never_pulled(table: Bench) -> None:
    with pytest.raises(ToolError, match="jupyter mcp image build jupyter-mcp/none") as told:
        await table.create(image="jupyter-mcp/none")
    assert told.value.code == "not_found"
    assert table.tasks.names == []


async def test_a_create_that_fails_leaves_nothing(table: Bench) -> None:
    with pytest.raises(ToolError):
        await table.create(mounts=(Mount("/there/is/no/such/folder", "/lent"),))
    with pytest.raises(ToolError):
        await table.create(mounts=(Mount("/etc/hostname", "/proc/lent"),))
    assert table.containers() == []
    assert table.volumes() == []


async def test_a_create_that_nobody_waits_for_leaves_nothing(table: Bench) -> None:
    creating = asyncio.ensure_future(table.create())
    await asyncio.to_thread(
        wait_until, table.containers, seconds=30, what="the container is there", interval=0.005
    )
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    await _until_gone(table)


async def test_the_image_in_use_is_pinned_by_its_digest(table: Bench, engine: Engine) -> None:
    small_image(engine.url)
    tag = f"{table.namespace}:latest"
    table.docker("tag", SMALL, tag)
    try:
        handle = await table.create(image=tag)
        table.docker("tag", engine.image, tag)
        assert handle.image_digest == table.docker("image", "inspect", "-f", "{{.Id}}", SMALL)
        assert (await table.backend.list(table.namespace))[0].image_digest == handle.image_digest
        assert table.inspect(handle)["Config"]["Image"] == handle.image_digest
    finally:
        table.docker("rmi", tag)


async def test_an_image_without_a_workspace_gets_one_that_its_user_can_write(
    table: Bench, engine: Engine
) -> None:
    for _ in range(2):
        handle = await table.create(image=small_image(engine.url))
        assert await table.sh(handle, "pwd; id -u; mkdir a && touch a/b && echo fine") == (
            "/workspace\n1000\nfine"
        )


async def test_it_ends_by_itself_when_no_server_comes_back_and_its_files_stay(
    table: Bench,
) -> None:
    handle = await table.create(seconds=6)
    await table.sh(handle, "echo x > kept")
    await asyncio.to_thread(
        wait_until, lambda: not table.containers(), seconds=60, what="the container is gone"
    )
    (lost,) = await table.backend.list(table.namespace)
    assert lost.is_lost
    assert lost.spec == handle.spec
    await table.backend.destroy(lost)
    assert table.volumes() == []


async def test_frozen_time_does_not_count_for_its_end(table: Bench) -> None:
    handle = await table.backend.pause(await table.create(seconds=30))
    script = table.inspect(handle)["Config"]["Cmd"]
    assert script[-1] == "31"
    assert "sleep" in script[1]
    resumed = await table.backend.resume(handle)
    assert await table.sh(resumed, "echo on") == "on"


async def test_its_end_comes_though_a_fork_bomb_leaves_no_room(table: Bench) -> None:
    """The main process sleeps in short pieces, each a process; without room it takes one long."""
    started = time.monotonic()
    handle = await table.create(seconds=21, limits=Limits(pids=16, memory=128 * MIB))
    bomb = await table.backend.channel(
        handle, ["python3", "-c", "import os\nwhile 1:\n try: os.fork()\n except OSError: pass"]
    )
    await asyncio.to_thread(
        wait_until, lambda: not table.containers(), seconds=60, what="the container is gone"
    )
    assert time.monotonic() - started > 21  # and not when the next short sleep did not start
    await bomb.close()


async def test_destroy_takes_all_and_may_come_twice(table: Bench) -> None:
    for handle in (await table.create(), await table.backend.pause(await table.create())):
        await table.backend.destroy(handle)
        await table.backend.destroy(handle)
        with pytest.raises(ToolError, match="gone") as told:
            await table.backend.channel(handle, ["true"])
        assert told.value.code == "not_found"
        with pytest.raises(ToolError, match="gone"):
            await table.backend.pause(handle)
        with pytest.raises(ToolError, match="gone"):
            await table.backend.usage(handle)
    assert table.containers() == []
    assert table.volumes() == []


async def test_ten_creates_at_once_take_seconds_and_twenty_are_fine(table: Bench) -> None:
    started = time.perf_counter()
    await asyncio.to_thread(table.docker, "run", "--rm", "--network=none", table.image, "true")
    bare = time.perf_counter() - started
    started = time.perf_counter()
    handles = await asyncio.gather(*[table.create() for _ in range(10)])
    assert time.perf_counter() - started < max(6, 10 * bare)  # others use the machine, too
    handles += await asyncio.gather(*[table.create() for _ in range(10)])
    said = await asyncio.gather(*[table.sh(each, "echo $JUPYTER_MCP_SANDBOX") for each in handles])
    assert said == [each.spec.id for each in handles]
    assert len(await table.backend.list(table.namespace)) == 20
    await asyncio.gather(*[table.backend.destroy(each) for each in handles])
    assert table.containers() == []


async def test_what_a_crash_left_half_made_is_swept(
    table: Bench, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_containers, "ABANDONED", -5)
    label = f"jupyter-mcp.namespace={table.namespace}"
    table.docker("create", "--label", label, small_image(engine.url), "true")
    table.docker("volume", "create", "--label", label)
    alive = await table.create()

    assert [each.ref for each in await table.backend.list(table.namespace)] == [alive.ref]
    await asyncio.to_thread(
        wait_until,
        lambda: len(table.containers()) == len(table.volumes()) == 1,
        seconds=30,
        what="only the living one is left",
    )


HOLDER = """
import asyncio, sys
from support.containers import bench, Bench
async def main():
    async with bench(sys.argv[1], sys.argv[2]) as table:
        handle = await table.create()
        channel = await table.backend.channel(handle, ["cat"])
        await channel.write(b"up"); assert await channel.read(9) == b"up"
        print(handle.ref, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_after_kill_9_of_a_server_nothing_runs_in_its_sandboxes(
    table: Bench, engine: Engine
) -> None:
    support = str(Path(__file__).parents[3])
    holder = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", HOLDER, engine.url, engine.image],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": support, "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    assert holder.stdout is not None
    ref = await asyncio.to_thread(holder.stdout.readline)
    ref = ref.strip()
    try:
        assert "cat" in table.docker("top", ref, "-eo", "pid,comm")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
        await asyncio.to_thread(
            wait_until,
            lambda: "cat" not in table.docker("top", ref, "-eo", "pid,comm"),
            seconds=30,
            what="the program that held the channel is gone",
        )
    finally:
        table.docker("rm", "-fv", ref)


async def test_after_a_crash_of_the_engine_calls_say_so_and_work_again_when_it_is_back(
    own_engine: Engine,
) -> None:
    async with bench(own_engine.url, SMALL) as table:
        handle = await table.create()
        channel = await table.backend.channel(handle, ["cat"])
        await channel.write(b"up")
        assert await channel.read(9) == b"up"
        await asyncio.to_thread(own_engine.kill)

        async with asyncio.timeout(30):
            assert await channel.read(9) == b""
            await channel.close()
        for refused in (table.backend.list("x"), table.backend.usage(handle), table.create()):
            with pytest.raises(ToolError, match="No container engine answers") as told:
                await refused
            assert told.value.code == "unavailable"

        await asyncio.to_thread(own_engine.start)
        with pytest.raises(ToolError, match="gone"):
            await _gone(table, handle)
        again = await table.create()
        assert await table.sh(again, "echo back") == "back"


async def test_an_engine_started_anew_has_lost_containers_but_no_file(
    own_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker 20.10 removes the containers then; their volumes, and what they tell, stay."""
    monkeypatch.setattr(docker_containers, "ABANDONED", -5)
    async with bench(own_engine.url, SMALL) as table:
        made = await table.create(name="mine", timeout=77, has_network=True)
        member = await table.create(owner="", is_member=True)
        claimed = await table.backend.claim(member, table.spec(owner="user:ben", timeout=5))
        waiting = await table.create(owner="", is_member=True)
        await table.sh(made, "echo one > file; chmod 600 file")
        await table.sh(claimed, "echo two > file")
        for end in (own_engine.kill, own_engine.stop):
            await asyncio.to_thread(end)
            await asyncio.to_thread(own_engine.start)
            with pytest.raises(ToolError, match="gone"):
                await _gone(table, made)
            found = {each.spec: each for each in await table.backend.list(table.namespace)}
            assert all(each.is_lost for each in found.values())
            assert found.keys() - {waiting.spec} == {made.spec, claimed.spec}
            lost = found[made.spec]
            both = [table.backend.revive(lost, replace(lost.spec, expires=2e9)) for _ in range(3)]
            first, *others = await asyncio.gather(*both)
            assert [each.ref for each in others] == [first.ref] * 2
            assert await table.sh(first, "cat file") == "one"
            told = table.inspect(first)
            assert told["HostConfig"]["Memory"] == made.spec.limits.memory
            assert told["Image"] == made.image_digest
            made = await table.backend.revive(lost, lost.spec)
            assert made.spec.expires == 2e9, "as it was made again, which stands in its labels"
            second = found[claimed.spec]
            claimed = await table.backend.revive(second, second.spec)
            assert await table.sh(claimed, "cat file") == "two"
            made = replace(made, spec=lost.spec)
        await table.backend._containers.sweep(table.namespace)
        assert {each.spec.id for each in await table.backend.list(table.namespace)} == {
            made.spec.id,
            claimed.spec.id,
        }


async def _gone(table: Bench, handle: Handle) -> None:
    """Ask until the engine has ended what ran before, as it does when it is back."""
    async with asyncio.timeout(20):
        while True:
            await table.backend.usage(handle)


async def test_a_sandbox_whose_container_is_just_made_again_is_not_gone(table: Bench) -> None:
    made = await table.create()
    table.docker("rm", "-f", made.ref)
    told = {"namespace": table.namespace, "id": made.spec.id}
    labels = [word for key in told for word in ("--label", f"jupyter-mcp.{key}={told[key]}")]
    begun = table.docker("create", *labels, table.image, "true")
    (lost,) = await table.backend.list(table.namespace)
    assert (lost.is_lost, lost.spec) == (True, made.spec)
    table.docker("rm", begun)
    again = await table.backend.revive(lost, lost.spec)
    assert await table.backend.list(table.namespace) == [again]


async def test_what_goes_on_after_the_stop_leaves_no_connection(table: Bench) -> None:
    handle = await table.create()
    await table.backend.stop()
    listing = asyncio.ensure_future(table.backend.list(table.namespace))  # sweeps as well
    assert [each.ref for each in await listing] == [handle.ref]
    await asyncio.to_thread(
        wait_until, lambda: not table.tasks.names, seconds=30, what="the sweep is over"
    )
    assert table.backend._engine._client is None


async def test_no_engine_is_told_with_what_to_do(tmp_path: Path) -> None:
    threads, tasks = Executor(2), Supervisor()
    backend = DockerBackend(Settings(docker_url=f"unix://{tmp_path}/none"), threads, tasks)
    try:
        with pytest.raises(ToolError, match="docker_url") as told:
            await backend.probe()
        assert told.value.code == "unavailable"
    finally:
        await backend.stop()
        await tasks.stop()
        threads.stop()


async def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "docker.errors", None)
    threads, tasks = Executor(2), Supervisor()
    backend = DockerBackend(Settings(docker_url=f"unix://{tmp_path}/none"), threads, tasks)
    try:
        with pytest.raises(ToolError, match=r"pip install 'jupyter-mcp-workbench\[containers\]'"):
            await backend.list("x")
    finally:
        await backend.stop()
        await tasks.stop()
        threads.stop()


async def _until_gone(table: Bench) -> None:
    await asyncio.to_thread(
        wait_until,
        lambda: not table.containers() and not table.volumes(),
        seconds=30,
        what="container and volume are gone",
    )
