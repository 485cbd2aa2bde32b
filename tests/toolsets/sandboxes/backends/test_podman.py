"""The Docker backend on a real Podman service: what most of the suite holds there, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Limits
from support.containers import SMALL, Bench, bench, small_image
from support.podman import Podman, need_podman
from support.server import wait_until


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    need_podman()
    with Podman() as running:
        small_image(running.url)
        yield running


@pytest.fixture
async def table(podman: Podman) -> AsyncIterator[Bench]:
    async with bench(podman.url, SMALL) as found:
        yield found


async def test_the_probe_knows_podman_and_claims_what_it_found(table: Bench) -> None:
    found = await table.backend.probe()
    assert found.backend == table.backend.name == "podman"
    assert found.version.startswith("Podman ")
    assert found.limits["memory"] == found.limits["pids"] == found.limits["cpu"] == "enforced"
    assert found.limits["nofile"] == "per_process"


async def test_a_sandbox_is_hardened_there_too(table: Bench) -> None:
    handle = await table.create()
    status = await table.sh(handle, "cat /proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["1000"] * 4
    assert {int(fields[f"Cap{kind}"], 16) for kind in ("Prm", "Eff", "Bnd", "Amb")} == {0}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    assert await table.sh(handle, "ls /sys/class/net") == "lo"
    assert "Read-only file system" in await table.sh(handle, "touch /bin/x")
    for folder in ("/workspace", "/tmp", "/home/sandbox", "/run"):
        assert await table.sh(handle, f"echo fine > {folder}/f && cat {folder}/f") == "fine"


async def test_ulimits_are_valid_since_nofile_and_nproc_are_both_sent(table: Bench) -> None:
    handle = await table.create(limits=Limits(nofile=99))
    said = await table.sh(handle, "cat /proc/self/limits")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in said.splitlines()}
    assert limits["Max open files"] == ["99", "99"]
    assert limits["Max processes"] == ["16384", "16384"]
    assert limits["Max core file size"] == ["0", "0"]


async def test_memory_holds_and_its_kills_are_counted(table: Bench) -> None:
    handle = await table.create(limits=Limits(memory=64 * MIB))
    said = await table.sh(handle, "head -c 300000000 /dev/zero | tail -n 1 > /dev/null; echo $?")
    assert "137" in said
    assert (await table.backend.usage(handle)).oom_kills == 1
    assert await table.sh(handle, "echo alive") == "alive"


async def test_labels_claim_pause_and_resume(table: Bench) -> None:
    made = await table.create(name="fred")
    assert await table.backend.list(table.namespace) == [made]
    member = await table.backend.pause(await table.create(owner="", is_member=True))
    claimed = await table.backend.claim(member, table.spec(owner="user:ben"))
    with pytest.raises(ToolError, match="taken or gone"):
        await table.backend.claim(member, table.spec(owner="user:eve"))
    with pytest.raises(ToolError, match="sandbox_resume"):
        await table.backend.channel(claimed, ["true"])
    claimed = await table.backend.resume(claimed)
    listed = await table.backend.list(table.namespace)
    assert {(each.spec.id, each.spec.owner) for each in listed} == {
        (made.spec.id, "user:ann"),
        (member.spec.id, "user:ben"),
    }
    assert await table.sh(claimed, "echo on") == "on"


async def test_a_closed_channel_ends_what_ignores_it(table: Bench) -> None:
    handle = await table.create()
    stubborn = "trap '' TERM HUP PIPE; echo up; sleep 600 & sleep 601"
    channel = await table.backend.channel(handle, ["sh", "-c", stubborn])
    assert await channel.read(9) == b"up\n"
    await channel.close()
    assert await table.sh(handle, "grep -al 'slee[p].60' /proc/[0-9]*/cmdline") == ""


async def test_it_ends_by_itself_and_its_files_stay(table: Bench) -> None:
    await table.create(seconds=4)
    await asyncio.to_thread(
        wait_until, lambda: not table.containers(), seconds=60, what="the container is gone"
    )
    (lost,) = await table.backend.list(table.namespace)
    assert lost.is_lost
    await table.backend.destroy(lost)
    assert table.volumes() == []


async def test_without_catatonit_it_goes_without_an_init_and_says_so() -> None:
    need_podman()
    with Podman(has_init=False) as podman:
        small_image(podman.url)
        async with bench(podman.url, SMALL) as table:
            found = await table.backend.probe()
            assert any("catatonit" in note for note in found.notes), found
            handle = await table.create()
            assert await table.sh(handle, "readlink /proc/1/exe") == "/bin/sh"
