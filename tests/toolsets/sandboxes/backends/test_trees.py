"""Trees of files that a hostile program left behind."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.sandboxes.backends import trees
from support.benches import Bench, on

LEVELS = 1200
ACCOUNT = 54321
MANY_FILES = 64
"""Files that may be open while such a tree is counted and removed."""


def dig(folder: Path, levels: int = LEVELS, name: str = "d" * 20) -> None:
    """Make folders in each other with a file of 64 KiB in the last."""
    here = os.open(folder, os.O_RDONLY)
    for _level in range(levels):
        os.mkdir(name, dir_fd=here)
        deeper = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    number = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(number, os.urandom(65536))
    os.close(number)
    os.close(here)


@pytest.fixture
def few_files() -> Iterator[None]:
    used = len(os.listdir("/proc/self/fd"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + MANY_FILES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
def test_however_deep_a_tree_is_it_is_counted_and_removed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    dig(tmp_path / "tree")
    assert trees.size_of(tmp_path / "tree") >= 65536 + LEVELS * trees.ENTRY
    trees.remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_empty_files_and_folders_count(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"file-{number}").touch()
        (tmp_path / f"folder-{number}").mkdir()
    assert trees.size_of(tmp_path) >= 20 * trees.ENTRY


def test_links_are_neither_counted_nor_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_bytes(os.urandom(1 << 20))
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    for name in ("link", "folder/link", ".up-0"):
        (tree / name).symlink_to(kept)
    (tree / "folder" / "inner").mkdir()
    assert trees.size_of(tree) < 1 << 20
    trees.remove_tree(tree)
    assert not tree.exists()
    assert (kept / "file").stat().st_size == 1 << 20


def test_names_that_removal_uses_itself_are_no_obstacle(tmp_path: Path) -> None:
    for path in (".up-0/.up-0/.up-1", ".up-1/.up-0", "a/.up-2/.up-3", "a/b"):
        (tmp_path / "tree" / path).mkdir(parents=True)
    trees.remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []
    trees.remove_tree(tmp_path / "tree")


def test_closed_folders_are_removed_by_an_ordinary_account() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        (tree / "a" / "b" / "c").mkdir(parents=True)
        (tree / "a" / "b" / "file").touch()
        closed = [tree / "a" / "b" / "c", tree / "a" / "b", tree / "a", tree]
        if os.getuid() == 0:
            for each in (tree / "a" / "b" / "file", *closed, folder):
                os.chown(each, ACCOUNT, ACCOUNT)
        for each in closed:
            each.chmod(0)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.getuid() == 0:  # to which nothing is closed
                    os.setgid(ACCOUNT)
                    os.setuid(ACCOUNT)
                trees.remove_tree(tree)
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not tree.exists()


@on("process", "landlock", "bubblewrap")
async def test_a_sandbox_full_of_folders_in_each_other_ends_like_any_other(bench: Bench) -> None:
    handle = await bench.create()
    code = f"import os\nfor n in range({LEVELS}):\n os.mkdir('d' * 20); os.chdir('d' * 20)\n"
    assert await bench.run(handle, code) == ""
    used = await bench.backend.usage(handle)
    assert used.disk is not None
    assert used.disk >= LEVELS * trees.ENTRY
    await bench.backend.destroy(handle)
    assert list((bench.state / "sandboxes").iterdir()) == []
