# ruff: noqa: ASYNC110, ASYNC221, ASYNC240 - files tell what processes do
from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.link import answers
from jupyter_mcp.toolsets.sandboxes.places.archives import export_archive, import_archive
from jupyter_mcp.toolsets.sandboxes.places.paths import inner_path
from jupyter_mcp.toolsets.sandboxes.places.place import SandboxPlace
from jupyter_mcp.workplace import Place, Search
from support.agents import linked


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[SandboxPlace]:
    work = tmp_path / "work"
    work.mkdir()
    async with linked(work) as link:
        yield SandboxPlace(link, "sb-1")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_it_is_a_place(place: SandboxPlace) -> None:
    as_seen: Place = place
    assert (as_seen.name, as_seen.sandbox_id) == ("sandbox sb-1", "sb-1")


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("a/b", "a/b"),
        ("./a//b/", "a/b"),
        ("/workspace/a", "a"),
        ("/workspace", ""),
        ("", ""),
        (".", ""),
        ("a/../b", "b"),
        ("/real/work/a", "a"),
    ],
)
def test_paths_are_from_the_top(path: str, inner: str) -> None:
    assert inner_path(path, "/real/work/") == inner


@pytest.mark.parametrize(
    "path", ["..", "a/../..", "/etc/passwd", "/workspacex", "/", "a\0b", "x" * 5000, "\ud800"]
)
def test_paths_that_lead_out_are_refused(path: str) -> None:
    with pytest.raises(ToolError) as error:
        inner_path(path, "/real/work")
    assert error.value.code == "invalid_arguments"
    assert error.value.remedy


@given(st.text())
def test_any_path_is_inside_or_refused(path: str) -> None:
    try:
        inner = inner_path(path)
    except ToolError:
        return
    assert not inner.startswith("/")
    assert ".." not in inner.split("/")


async def test_a_file_is_written_and_read_in_parts(place: SandboxPlace) -> None:
    written = await place.write("/workspace/new/folder/a.bin", bytes(range(256)))
    assert (written.path, written.kind, written.size) == ("new/folder/a.bin", "file", 256)
    assert written.mode == 0o644
    assert await place.read("new/folder/a.bin") == (bytes(range(256)), 256)
    assert await place.read("new/folder/a.bin", 250) == (bytes(range(250, 256)), 256)
    assert await place.read("new/folder/a.bin", 3, 2) == (b"\3\4", 256)
    assert await place.read("new/folder/a.bin", 999) == (b"", 256)
    with pytest.raises(ToolError, match="negative"):
        await place.read("new/folder/a.bin", -1)


async def test_large_files_pass_in_pieces(place: SandboxPlace, work: Path) -> None:
    data = os.urandom(5_000_000)
    await place.write("big", data)
    assert (work / "big").read_bytes() == data
    assert (await place.read("big"))[0] == data
    assert b"".join([part async for part in place.chunks("big")]) == data
    assert (await place.read("big", 1_000_000, 2_000_000))[0] == data[1_000_000:3_000_000]
    await place.write("copy", place.chunks("big"))
    assert (work / "copy").read_bytes() == data
    await place.write("empty", pieces())
    assert await place.read("empty") == (b"", 0)


async def test_reading_that_is_given_up_is_ended_inside(place: SandboxPlace) -> None:
    await place.write("big", b"x" * 3_000_000)
    reading = place.chunks("big")
    await anext(reading)
    await reading.aclose()  # type: ignore[attr-defined]
    await place._link.ping()
    async with asyncio.timeout(30):
        while place._link._exchanges:
            await asyncio.sleep(0.005)


async def test_half_a_write_leaves_nothing(place: SandboxPlace, work: Path) -> None:
    await place.write("f", b"before")

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 1_000_000
        assert len(list(work.iterdir())) == 2  # the file and the one beside it
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        await place.write("f", broken())
    async with asyncio.timeout(30):
        while len(list(work.iterdir())) > 1:
            await asyncio.sleep(0.005)
    assert (work / "f").read_bytes() == b"before"


async def test_a_write_under_way_leaves_nothing_when_the_channel_closes(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        exchange = link.exchange("write", {"path": "f", "streamed": True})
        await exchange.send(b"x" * 300_000)
        async with asyncio.timeout(30):
            while not list(tmp_path.iterdir()):
                await asyncio.sleep(0.005)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
async def test_a_full_disk_leaves_nothing_half(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    try:
        async with linked(tmp_path) as link:
            place = SandboxPlace(link, "sb-1")
            await place.write("f", b"before")
            for data in (b"x" * 2_000_000, pieces(*[b"x" * 100_000] * 20)):
                with pytest.raises(ToolError, match="full") as error:
                    await place.write("f", data)
                assert error.value.code == "too_large"
            assert await place.read("f") == (b"before", 6)
        assert [each.name for each in tmp_path.iterdir()] == ["f"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


async def test_a_file_over_its_limit_leaves_nothing_half(tmp_path: Path) -> None:
    async with linked(tmp_path, before=["prlimit", "--fsize=100000"]) as link:
        place = SandboxPlace(link, "sb-1")
        with pytest.raises(ToolError, match="larger than its limit") as error:
            await place.write("f", b"x" * 2_000_000)
        assert error.value.code == "too_large"
        await place.write("g", b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["g"]


async def test_a_revision_guards_what_is_there(place: SandboxPlace, work: Path) -> None:
    await place.write("f", b"one")
    revision = hashlib.sha256(b"one").hexdigest()
    await place.write("f", b"two", revision=revision)
    with pytest.raises(ToolError, match="has changed") as error:
        await place.write("f", b"three", revision=revision)
    assert error.value.code == "conflict"
    with pytest.raises(ToolError, match="has changed"):
        await place.write("none", b"x", revision=revision)
    assert (work / "f").read_bytes() == b"two"
    assert [each.name for each in work.iterdir()] == ["f"]


async def test_what_is_there_stays_unless_it_may_be_replaced(
    place: SandboxPlace, work: Path
) -> None:
    await place.write("f", b"one", overwrite=False)
    with pytest.raises(ToolError, match="already") as error:
        await place.write("f", b"two", overwrite=False)
    assert error.value.code == "conflict"
    with pytest.raises(ToolError, match="already"):
        await place.write("f", pieces(b"two"), overwrite=False)
    assert (work / "f").read_bytes() == b"one"
    await place.make_folder("d")
    with pytest.raises(ToolError, match="is a folder"):
        await place.write("d", b"x")
    (work / "run.sh").write_text("x")
    (work / "run.sh").chmod(0o755)
    assert (await place.write("run.sh", b"y")).mode == 0o755


async def test_listing(place: SandboxPlace, work: Path) -> None:
    for name in ("b/two", "b/one", "a", "c"):
        await place.write(name, b"x")
    (work / "link").symlink_to("b")
    os.mkfifo(work / "pipe")
    assert [each.path for each in await place.list("")] == ["a", "b", "c", "link", "pipe"]
    assert [each.kind for each in await place.list("")] == [
        "file",
        "directory",
        "file",
        "symlink",
        "other",
    ]
    whole = await place.list("/workspace", recursive=True)
    assert [each.path for each in whole] == ["a", "b", "b/one", "b/two", "c", "link", "pipe"]
    assert whole[5].target == "b"
    assert len(await place.list("", recursive=True, limit=3)) == 4
    assert [each.path for each in await place.list("b")] == ["b/one", "b/two"]
    with pytest.raises(ToolError, match="There is no 'no'") as error:
        await place.list("no")
    assert error.value.code == "not_found"
    with pytest.raises(ToolError, match="no folder"):
        await place.list("a")


async def test_a_pipe_or_a_folder_is_no_file(place: SandboxPlace, work: Path) -> None:
    os.mkfifo(work / "pipe")
    for path in ("pipe", ""):
        with pytest.raises(ToolError) as error:
            await asyncio.wait_for(place.read(path), 30)
        assert error.value.code == "invalid_arguments"


async def test_names_that_are_no_text_are_shown(place: SandboxPlace, work: Path) -> None:
    (Path(os.fsdecode(bytes(work) + b"/\xff"))).write_text("x")
    await place.write("Grüße 漢字\n.txt", b"x")
    names = [each.path for each in await place.list("")]
    assert names == ["Grüße 漢字\n.txt", "\\udcff"]
    assert (await place.read("Grüße 漢字\n.txt"))[0] == b"x"


async def test_deleting(place: SandboxPlace, work: Path) -> None:
    await place.write("d/e/f", b"x")
    with pytest.raises(ToolError, match="not empty") as error:
        await place.delete("d")
    assert error.value.code == "conflict"
    (work / "d" / "up").symlink_to("/etc")
    await place.delete("d", recursive=True)
    await place.write("f", b"x")
    await place.delete("f")
    assert list(work.iterdir()) == []
    assert Path("/etc/passwd").exists()
    with pytest.raises(ToolError, match="stays"):
        await place.delete("", recursive=True)
    with pytest.raises(ToolError, match="no 'f'"):
        await place.delete("f")


async def test_a_very_deep_tree_is_deleted(place: SandboxPlace, work: Path) -> None:
    descriptor = os.open(work, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    assert 100 < len(await place.list("", recursive=True)) < 300
    await place.delete("d", recursive=True)
    assert list(work.iterdir()) == []
    with pytest.raises(ToolError, match="parts"):
        await place.make_folder("d/" * 300)


async def test_moving(place: SandboxPlace, work: Path) -> None:
    await place.write("a", b"1")
    assert (await place.move("a", "new/b")).path == "new/b"
    await place.write("c", b"2")
    with pytest.raises(ToolError, match="already") as error:
        await place.move("c", "new/b")
    assert error.value.code == "conflict"
    await place.move("c", "new/b", overwrite=True)
    assert (work / "new" / "b").read_bytes() == b"2"
    with pytest.raises(ToolError, match="into itself"):
        await place.move("new", "new/inner/deep")
    assert (await place.make_folder("x/y")).kind == "directory"
    await place.make_folder("x/y")
    with pytest.raises(ToolError, match="already"):
        await place.make_folder("new/b")


async def test_searching(place: SandboxPlace, work: Path) -> None:
    await place.write("src/a.py", b"eins\nZwei (x)\n")
    await place.write("src/deep/b.py", b"zwei (x)\n")
    await place.write("c.txt", b"zwei (x)\n")
    await place.write(".git/d.py", b"zwei (x)\n")
    await place.write("binary", b"zwei\0")
    (work / "loop").symlink_to("src")

    async def where(search: Search, path: str = "") -> list[tuple[str, int]]:
        return [(each.path, each.line) for each in (await place.search(path, search)).matches]

    every = Search("zwei (x)", ignores_case=True)
    assert await where(every) == [("c.txt", 1), ("src/a.py", 2), ("src/deep/b.py", 1)]
    assert await where(Search("zwei", glob="*.py")) == [("src/deep/b.py", 1)]
    assert await where(Search("^[Zz]wei", is_regex=True), "src") == [
        ("src/a.py", 2),
        ("src/deep/b.py", 1),
    ]
    assert await where(Search("eins"), "src/a.py") == [("src/a.py", 1)]
    assert await where(Search(glob="deep/*"), "src") == [("src/deep/b.py", 0)]
    found = await place.search("", Search("zwei", limit=1))
    assert (len(found.matches), found.is_cut, found.skipped) == (1, True, 2)
    with pytest.raises(ToolError, match="regular expression is wrong") as error:
        await place.search("", Search("(", is_regex=True))
    assert error.value.code == "invalid_arguments"
    with pytest.raises(ToolError, match="There is no"):
        await place.search("no", Search("x"))


async def test_many_matches_come_whole(place: SandboxPlace) -> None:
    await place.write("f", b"word\n" * 5000)
    found = await place.search("", Search("word", limit=5000))
    assert [each.line for each in found.matches] == list(range(1, 5001))
    assert not found.is_cut


async def test_a_command_and_its_input(place: SandboxPlace) -> None:
    done = await place.run(["sh", "-c", "pwd; cat >&2"], cwd="", stdin=b"in")
    assert (done.exit_code, done.stderr) == (0, b"in")
    data = os.urandom(3_000_000)
    done = await place.run(["sha256sum"], stdin=data)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    done = await place.run(["head", "-c", "1"], stdin=data)
    assert done.stdout == data[:1]
    done = await place.run(["head", "-c", "5000", "/dev/zero"], limit=100)
    assert (len(done.stdout), done.is_cut) == (100, True)
    assert (await place.run(["pwd"], cwd="/tmp")).stdout == b"/tmp\n"
    assert (await place.run(["cat"])).stdout == b""


async def test_cancelling_a_command_kills_its_group(place: SandboxPlace, work: Path) -> None:
    running = asyncio.ensure_future(
        place.run(["sh", "-c", "sleep 99 & echo $! > p; mv p pid; wait"])
    )
    async with asyncio.timeout(30):
        while not (work / "pid").exists():
            await asyncio.sleep(0.005)
    pid = int((work / "pid").read_text())
    running.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await running
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.005)


async def test_an_archive_goes_out_and_comes_back(place: SandboxPlace, work: Path) -> None:
    await place.write("a/run.sh", b"#!/bin/sh\n" * 50_000)
    (work / "a" / "run.sh").chmod(0o755)
    (work / "a" / "link").symlink_to("run.sh")
    os.mkfifo(work / "a" / "pipe")
    packed = b"".join([part async for part in export_archive(place._link, "a")])
    assert await import_archive(place._link, pieces(packed[:1000], packed[1000:]), "b") == (2, 0)
    assert (work / "b" / "run.sh").read_bytes() == (work / "a" / "run.sh").read_bytes()
    assert (work / "b" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (work / "b" / "link").readlink() == Path("run.sh")
    with pytest.raises(ToolError, match="broken"):
        await import_archive(place._link, pieces(b"no archive" * 100), "c")


@pytest.fixture
def evil_archive(tmp_path: Path) -> Iterator[bytes]:
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:

        def add(
            name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b""
        ) -> None:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size, member.mode = kind, link, len(data), 0o6755
            archive.addfile(member, io.BytesIO(data))

        add("../up", data=b"x")
        add("/tmp/absolute", data=b"x")
        add("device", tarfile.CHRTYPE)
        add("hard", tarfile.LNKTYPE, "/etc/passwd")
        add("out", tarfile.SYMTYPE, str(tmp_path))
        add("good", data=b"good")
    yield packed.getvalue()
    shutil.rmtree(tmp_path, ignore_errors=True)


async def test_an_archive_writes_nothing_outside(
    place: SandboxPlace, work: Path, evil_archive: bytes
) -> None:
    done = await import_archive(place._link, pieces(evil_archive))
    assert done == (2, 4)
    assert sorted(each.name for each in work.iterdir()) == ["good", "out"]
    assert (work / "good").stat().st_mode & 0o7777 == 0o755
    with pytest.raises(ToolError, match="leads out"):
        await place.write("out/through", b"x")
    assert sorted(each.name for each in work.parent.iterdir()) == ["work"]


async def test_usage_counts_the_workspace(place: SandboxPlace) -> None:
    await place.write("f", b"x" * 100_000)
    found = await answers.usage(place._link)
    assert found.disk is not None
    assert 100_000 <= found.disk < 300_000
