"""The Jupyter root as a place: hidden files, links, whole writes, managers of all kinds."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.filemanager import AsyncFileContentsManager
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.contents_jupyter import ContentsRoot
from jupyter_mcp.toolsets.files.host_jupyter import JupyterRoot, jupyter_root
from jupyter_mcp.workplace import Search
from support.notebooks import until

LARGEST = 100_000


class Paired(AsyncFileContentsManager):
    """A manager that does more when it saves, as Jupytext's does."""

    async def save(self, model: Any, path: str = "") -> Any:
        saved = await super().save(model, path)
        if model["type"] == "file" and not path.endswith(".twin"):
            twin = {"type": "file", "format": "text", "content": "twin"}
            await super().save(twin, f"{path}.twin")
        return saved


MANAGERS = [LargeFileManager, AsyncLargeFileManager, Paired]


@pytest.fixture
def threads() -> Iterator[Executor]:
    executor = Executor(2)
    yield executor
    executor.stop()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def root_of(top: Path, threads: Executor, kind: Any = AsyncLargeFileManager, **traits: Any) -> Any:
    manager = kind(root_dir=str(top), delete_to_trash=False, **traits)
    return jupyter_root(manager, threads, (top / "state",), LARGEST)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(ToolError) as caught:
        yield
    assert caught.value.code == code, caught.value
    assert caught.value.remedy


@pytest.mark.parametrize("kind", MANAGERS)
async def test_every_manager_does_what_a_place_does(
    top: Path, threads: Executor, kind: Any
) -> None:
    root = root_of(top, threads, kind)
    assert isinstance(root, ContentsRoot) is (kind is Paired)
    entry = await root.write("a/b/c.txt", b"one")
    assert (entry.path, entry.size, entry.kind) == ("a/b/c.txt", 3, "file")
    assert await root.read("a/b/c.txt", 1, 1) == (b"n", 3)
    with refused("conflict"):
        await root.write("a/b/c.txt", b"two", overwrite=False)
    with refused("conflict"):
        await root.write("a/b/c.txt", b"two", revision="0" * 64)
    await root.write("a/b/c.txt", b"\xff\0", revision=hashlib.sha256(b"one").hexdigest())
    assert [piece async for piece in root.chunks("a/b/c.txt")] == [b"\xff\0"]
    await root.write("t.txt", b"find me\nnot")
    found = await root.search("", Search("find", "*.txt"))
    assert [(each.path, each.line) for each in found.matches] == [("t.txt", 1)]
    moved = await root.move("t.txt", "new/t.txt")
    assert moved.path == "new/t.txt"
    with refused("conflict"):
        await root.move("new/t.txt", "a/b/c.txt")
    with refused("conflict"):
        await root.delete("a")
    with refused("invalid_arguments"):
        await root.read("a")
    for call in (root.read("none"), root.delete("none"), root.move("none", "x"), root.list("none")):
        with refused("not_found"):
            await call
    await root.delete("a/b/c.txt")
    assert "a/b/c.txt" not in [each.path for each in await root.list("", recursive=True)]


async def test_a_manager_that_does_more_is_left_to_do_it(top: Path, threads: Executor) -> None:
    root = root_of(top, threads, Paired)
    await root.write("x.py", b"1")
    assert (top / "x.py.twin").read_text() == "twin"
    with refused("unsupported"):
        await root.run(["git", "status"])
    with refused("too_large"):
        await _large(root)


async def _large(root: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (LARGEST // 2)

    await root.write("y.bin", pieces())


@pytest.mark.parametrize("kind", MANAGERS)
async def test_what_jupyter_hides_is_not_there(top: Path, threads: Executor, kind: Any) -> None:
    (top / ".ssh").mkdir()
    (top / ".ssh/key").write_text("secret")
    (top / "__pycache__").mkdir()
    root = root_of(top, threads, kind)
    for call in (
        root.read(".ssh/key"),
        root.list(".ssh"),
        root.write(".profile", b"x"),
        root.delete(".ssh", recursive=True),
        root.move(".ssh/key", "key"),
        root.search(".ssh", Search("secret")),
    ):
        with refused("forbidden"):
            await call
    assert [each.path for each in await root.list("", recursive=True)] == []
    assert (await root.search("", Search("secret"))).matches == ()
    shown = root_of(top, threads, kind, allow_hidden=True)
    assert await shown.read(".ssh/key") == (b"secret", 6)


async def test_no_link_leads_out_and_none_is_written_through(top: Path, threads: Executor) -> None:
    outside = top.parent / "outside"
    outside.mkdir()
    (outside / "f.txt").write_text("theirs")
    (top / "out").symlink_to(outside)
    (top / "file.txt").symlink_to(outside / "f.txt")
    (top / "in.txt").write_text("ours")
    (top / "link.txt").symlink_to("in.txt")
    root = root_of(top, threads)
    for call in (
        root.read("out/f.txt"),
        root.read("file.txt"),
        root.list("out"),
        root.write("out/new.txt", b"x"),
        root.delete("out/f.txt"),
        root.move("out/f.txt", "mine.txt"),
        root.move("in.txt", "out/f.txt"),
    ):
        with refused("invalid_arguments"):
            await call
    assert await root.read("link.txt") == (b"ours", 4)
    await root.write("link.txt", b"new")  # takes the link's place
    await root.write("file.txt", b"new")
    assert (top / "in.txt").read_text() == "ours"
    assert (outside / "f.txt").read_text() == "theirs"
    await root.delete("out")
    assert sorted(os.listdir(outside)) == ["f.txt"]
    assert (await root.search("", Search("theirs"))).matches == ()


async def test_links_are_told_and_not_followed(top: Path, threads: Executor) -> None:
    (top / "d").mkdir()
    (top / "d/loop").symlink_to("..")
    root = root_of(top, threads)
    entries = await root.list("", recursive=True)
    assert [(each.path, each.kind, each.target) for each in entries] == [
        ("d", "directory", ""),
        ("d/loop", "symlink", ".."),
    ]


async def test_gits_data_and_the_servers_own_stay_shut(top: Path, threads: Executor) -> None:
    for folder in (".git/hooks", "state", "repo/.GIT"):
        (top / folder).mkdir(parents=True)
    (top / "state/token-key").write_text("secret")
    (top / "way").symlink_to("state")
    root = root_of(top, threads, allow_hidden=True)
    for call in (
        root.write(".git/hooks/pre-commit", b"x"),
        root.write("repo/.GIT/config", b"x"),
        root.move("state", ".git/x"),
        root.read("state/token-key"),
        root.read("way/token-key"),
        root.write("state/x", b"x"),
        root.delete("state", recursive=True),
    ):
        with refused("forbidden"):
            await call
    assert (await root.search("", Search("secret"))).matches == ()
    assert "state" not in [each.path for each in await root.list("", recursive=True)]


async def test_a_pipe_is_not_waited_for(top: Path, threads: Executor) -> None:
    os.mkfifo(top / "pipe")
    root = root_of(top, threads)
    with refused("invalid_arguments"):
        await asyncio.wait_for(root.read("pipe"), 30)


async def test_nothing_is_written_half(top: Path, threads: Executor) -> None:
    (top / "f.bin").write_bytes(b"old")
    root = root_of(top, threads)

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise ToolError("unavailable", "The sandbox went away.", "Create another.")

    with refused("unavailable"):
        await root.write("f.bin", broken())
    with refused("unavailable"):
        await root.write("new.bin", broken())
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(root.write("f.bin", endless()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(top) == ["f.bin"]
    assert (top / "f.bin").read_bytes() == b"old"


async def test_a_full_disk_leaves_what_was_there(top: Path, threads: Executor) -> None:
    """A limit of file sizes stands for the disk: the system refuses in the middle of a write."""
    (top / "f.bin").write_bytes(b"old")
    root = root_of(top, threads)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with refused("unavailable"):
            await root.write("f.bin", b"x" * 10_000)
        with refused("unavailable"):
            await root.write("new.bin", b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(top) == ["f.bin"]
    assert (top / "f.bin").read_bytes() == b"old"


async def test_permissions_of_a_file_are_kept(top: Path, threads: Executor) -> None:
    (top / "run.sh").write_text("old")
    (top / "run.sh").chmod(0o755)
    root = root_of(top, threads)
    entry = await root.write("run.sh", b"new")
    assert entry.mode == 0o755


async def test_hooks_see_and_change_what_is_saved_and_others_are_told(
    top: Path, threads: Executor
) -> None:
    manager = AsyncLargeFileManager(root_dir=str(top))
    saved: list[str] = []

    def upper(model: Any, **_: Any) -> None:
        model["content"] = model["content"].upper()

    manager.register_pre_save_hook(upper)
    manager.register_post_save_hook(lambda os_path, **_: saved.append(os_path))
    heard: list[Any] = []

    async def listen(logger: Any, schema_id: str, data: Any) -> None:
        del logger, schema_id
        heard.append((data["action"], data["path"]))

    manager.event_logger.add_listener(schema_id=manager.event_schema_id, listener=listen)
    root: Any = jupyter_root(manager, threads, (), LARGEST)
    await root.write("d/f.txt", b"loud")
    assert (top / "d/f.txt").read_text() == "LOUD"
    assert saved == [str(top / "d/f.txt")]
    await manager.event_logger.gather_listeners()
    assert ("save", "d/f.txt") in heard


async def test_checkpoints_follow_a_file_and_go_with_it(top: Path, threads: Executor) -> None:
    manager = LargeFileManager(root_dir=str(top), delete_to_trash=False)
    root: Any = JupyterRoot(manager, threads)
    await root.write("f.txt", b"x")
    manager.create_checkpoint("f.txt")
    await root.move("f.txt", "g.txt")
    assert manager.list_checkpoints("g.txt")
    await root.delete("g.txt")
    assert not list((top / ".ipynb_checkpoints").iterdir())


async def test_a_search_that_never_ends_is_killed(
    top: Path, threads: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp.toolsets.files.searching.SECONDS", 0.5)
    (top / "f.txt").write_text("a" * 60 + "!")
    root = root_of(top, threads)
    with refused("timeout"):
        await root.search("", Search("(a+)+$", is_regex=True))
    found = await root.search("", Search("a!"))
    assert len(found.matches) == 1


async def test_a_command_is_ended_with_its_children(top: Path, threads: Executor) -> None:
    root = root_of(top, threads)
    done = await root.run(["sh", "-c", "sleep 60 & echo $!; wait"], seconds=0.3)
    assert done.timed_out
    child = int(done.stdout)
    await until(lambda: not lives(child))
    done = await root.run(["cat"], stdin=b"x" * 500_000, limit=1000)
    assert len(done.stdout) == 1000
    assert done.is_cut
    with refused("unavailable"):
        await root.run(["no-such-program"])


def lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and ") Z " not in status.read_text()
