# ruff: noqa: ASYNC110, ASYNC240 - files tell what processes do
"""Files and commands without python3 inside: by a plain shell on this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.places.fallback import FallbackPlace
from jupyter_mcp.toolsets.sandboxes.spec import SandboxSpec
from jupyter_mcp.workplace import Place, Search
from support.pipes import PipeChannel


class Shells:
    """Starts programs in a folder, as a backend would in a sandbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[str] = []

    async def channel(self, handle: Handle, argv: Sequence[str]) -> PipeChannel:
        assert handle.ref == "here"
        self.seen += argv
        return await PipeChannel.open(argv, cwd=self.folder, env={"PATH": "/usr/bin:/bin"})


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def shells(work: Path) -> Shells:
    return Shells(work)


@pytest.fixture
def place(shells: Shells) -> FallbackPlace:
    spec = SandboxSpec("sb-1", "ann", "test", expires=0, created=0)
    return FallbackPlace(cast("Backend", shells), Handle(spec, "here"))


def runs(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_files_are_written_and_read(place: FallbackPlace, work: Path) -> None:
    as_seen: Place = place
    assert as_seen.name == "sandbox sb-1"
    data = bytes(range(256)) * 4000 + b"\n\nok"
    entry = await place.write("/workspace/a b/$(touch x)'\".bin", data)
    assert (entry.kind, entry.size, entry.mode) == ("file", len(data), 0o644)
    assert (work / "a b" / "$(touch x)'\".bin").read_bytes() == data
    assert await place.read("a b/$(touch x)'\".bin") == (data, len(data))
    assert await place.read("a b/$(touch x)'\".bin", 3, 2) == (b"\3\4", len(data))
    await place.write("copy", place.chunks("a b/$(touch x)'\".bin"))
    assert (work / "copy").read_bytes() == data
    await place.write("empty", b"")
    assert await place.read("empty") == (b"", 0)
    assert sorted(each.name for each in work.iterdir()) == ["a b", "copy", "empty"]


async def test_guards_hold(place: FallbackPlace, work: Path) -> None:
    await place.write("f", b"one", overwrite=False)
    with pytest.raises(ToolError, match="already") as error:
        await place.write("f", b"two", overwrite=False)
    assert error.value.code == "conflict"
    await place.write("f", pieces(b"tw", b"o"), revision=hashlib.sha256(b"one").hexdigest())
    with pytest.raises(ToolError, match="changed"):
        await place.write("f", b"three", revision=hashlib.sha256(b"one").hexdigest())
    assert (work / "f").read_bytes() == b"two"
    await place.make_folder("d/e")
    with pytest.raises(ToolError, match="is a folder"):
        await place.write("d", b"x")
    with pytest.raises(ToolError, match="is a folder"):
        await place.read("d")
    assert [each.name for each in sorted(work.iterdir())] == ["d", "f"]


async def test_listing_moving_deleting(place: FallbackPlace, work: Path) -> None:
    await place.write("b/two", b"22")
    await place.write("a\nb", b"1")
    (work / "link").symlink_to("b")
    found = await place.list("")
    assert [(each.path, each.kind) for each in found] == [
        ("a\nb", "file"),
        ("b", "directory"),
        ("link", "symlink"),
    ]
    assert [each.path for each in await place.list("", recursive=True)] == [
        "a\nb",
        "b",
        "b/two",
        "link",
    ]
    assert [each.path for each in await place.list("b")] == ["b/two"]
    assert (await place.stat("link")).target == "b"
    assert (await place.move("b/two", "c/three")).size == 2
    await place.write("four", b"4")
    with pytest.raises(ToolError, match="already"):
        await place.move("four", "c/three")
    await place.move("four", "c/three", overwrite=True)
    with pytest.raises(ToolError, match="not empty"):
        await place.delete("c")
    await place.delete("c", recursive=True)
    await place.delete("link")
    assert sorted(each.name for each in work.iterdir()) == ["a\nb", "b"]
    for question in (place.stat("no"), place.read("no"), place.list("no"), place.delete("no")):
        with pytest.raises(ToolError) as error:
            await question
        assert error.value.code == "not_found"


async def test_no_link_leads_out(place: FallbackPlace, work: Path) -> None:
    outside = work.parent / "outside"
    outside.mkdir()
    (outside / "f").write_text("secret")
    (work / "bad").symlink_to(outside)
    (work / "file").symlink_to(outside / "f")
    for question in (
        place.read("file"),
        place.read("bad/f"),
        place.list("bad"),
        place.write("bad/g", b"x"),
        place.delete("bad/f"),
        place.read("../outside/f"),
    ):
        with pytest.raises(ToolError, match="leads out") as error:
            await question
        assert error.value.code == "invalid_arguments"
    await place.write("file", b"mine")
    await place.delete("bad", recursive=True)
    assert (outside / "f").read_text() == "secret"
    assert [each.name for each in outside.iterdir()] == ["f"]


async def test_commands(place: FallbackPlace, shells: Shells) -> None:
    done = await place.run(
        ["sh", "-c", "cat; echo $TOKEN >&2; exit 7"], stdin=b"in\n\nok", env={"TOKEN": "s3cret"}
    )
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"in\n\nok", b"s3cret\n")
    assert "s3cret" not in " ".join(shells.seen)
    done = await place.run(["head", "-c", "5000", "/dev/zero"], limit=100)
    assert (len(done.stdout), done.is_cut) == (100, True)
    done = await place.run(["sleep", "99"], seconds=0.2)
    assert (done.exit_code, done.timed_out) == (137, True)
    with pytest.raises(ToolError, match="Command not found: 'nope'"):
        await place.run(["nope"])
    with pytest.raises(ToolError, match="python3") as error:
        await place.search("", Search("x"))
    assert error.value.code == "unsupported"
    assert error.value.remedy


async def test_cancelling_kills_the_group(place: FallbackPlace, work: Path) -> None:
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
        while runs(pid):
            await asyncio.sleep(0.005)
    assert os.listdir(work) == ["pid"]


async def test_an_image_without_a_shell_says_what_is_missing(
    place: FallbackPlace, shells: Shells, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_asked: object) -> PipeChannel:
        return await PipeChannel.open(["sh", "-c", "echo sh: not found >&2"], cwd=shells.folder)

    monkeypatch.setattr(shells, "channel", broken)
    with pytest.raises(ToolError, match="no shell") as error:
        await place.stat("x")
    assert error.value.code == "unsupported"
