from __future__ import annotations

import errno
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.search.index import watching
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options, Report
from jupyter_mcp.toolsets.search.index.watching import Watcher
from jupyter_mcp.toolsets.search.query import Query
from support.folders import notebook_of, write_many, write_project

ONE = Options(processes=1)


class Watched:
    """An index that is kept up to date, and what its watcher told."""

    def __init__(self, index: Index, poll_seconds: float) -> None:
        self.index = index
        self.reports: queue.Queue[Report] = queue.Queue()
        self.watcher = Watcher(index, self.reports.put, poll_seconds)

    def wait(self, is_done: Callable[[], bool]) -> None:
        """Wait for reports until something is so."""
        while not is_done():
            self.reports.get(timeout=20)

    def paths(self, text: str) -> set[str]:
        return {hit.path for hit in self.index.search(Query(text, mode="lexical"))}


@contextmanager
def watched(folder: Path, state: Path, poll_seconds: float = 5.0) -> Iterator[Watched]:
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
        found = Watched(index, poll_seconds)
        try:
            yield found
        finally:
            found.watcher.close()


@pytest.mark.parametrize("has_inotify", sorted({watching.HAS_INOTIFY, False}))
def test_changes_are_found_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_inotify: bool
) -> None:
    monkeypatch.setattr(watching, "HAS_INOTIFY", has_inotify)
    folder = write_project(tmp_path / "project")
    with watched(folder, tmp_path / "state") as found:
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        found.wait(lambda: found.paths("anchor") == {"new.py"})
        (folder / "new.py").rename(folder / "renamed.py")
        found.wait(lambda: found.paths("anchor") == {"renamed.py"})
        (folder / "renamed.py").unlink()
        found.wait(lambda: found.index.status().files == 4)
        (folder / "src").rename(folder / "lib")
        found.wait(lambda: found.paths("boil water") == {"lib/kitchen.py"})
        write_many(folder / "deep" / "rooms", 20)
        found.wait(lambda: found.index.status().files == 24)
        assert found.watcher.note == ""


@pytest.mark.parametrize("link", ["a", "z", ".hidden/z", "node_modules/z", "ignored/z"])
def test_a_link_to_a_folder_hides_no_change_in_it(tmp_path: Path, link: str) -> None:
    folder = write_project(tmp_path / "project")
    (folder / ".gitignore").write_text("ignored/\n")
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(folder / "src")
    with watched(folder, tmp_path / "state") as found:
        (folder / "src" / "new.py").write_text("def weigh_anchor():\n    pass\n")
        found.wait(lambda: found.paths("anchor") == {"src/new.py"})
        (folder / link).unlink()
        (folder / "src" / "new.py").write_text("def hoist_sails():\n    pass\n")
        found.wait(lambda: found.paths("sails") == {"src/new.py"})


def test_a_link_that_becomes_a_folder_is_looked_into(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "link").symlink_to(tmp_path)
    with watched(folder, tmp_path / "state") as found:
        found.index.put_notebook("link/open.ipynb", notebook_of([("a", "anchor = 1")]))
        (folder / "link").unlink()
        (folder / "src").rename(folder / "link")
        found.wait(lambda: found.paths("boil water") == {"link/kitchen.py"})
        (folder / "link").rename(folder / "src")
        (folder / "link").symlink_to("src")
        found.wait(lambda: found.paths("boil water") == {"src/kitchen.py"})


def test_a_folder_that_becomes_an_environment_is_left_out(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    with watched(folder, tmp_path / "state") as found:
        (folder / "src" / "pyvenv.cfg").touch()
        found.wait(lambda: found.paths("boil water") == set())
        (folder / "src" / "pyvenv.cfg").unlink()
        found.wait(lambda: found.paths("boil water") == {"src/kitchen.py"})


def test_a_folder_that_was_away_is_looked_through(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    with watched(folder, tmp_path / "state", poll_seconds=0.05) as found:
        folder.rename(tmp_path / "elsewhere")
        write_project(folder)
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        found.wait(lambda: found.paths("anchor") == {"new.py"})
        assert "moved or removed" in found.watcher.note


def test_a_change_of_the_ignored_files_counts_for_all(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    with watched(folder, tmp_path / "state") as found:
        (folder / ".gitignore").write_text("src/\n")
        found.wait(lambda: found.paths("boil water") == set())
        (folder / ".gitignore").unlink()
        found.wait(lambda: found.paths("boil water") == {"src/kitchen.py"})


def test_another_branch_is_few_updates(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")

    def git(*arguments: str) -> None:
        name = ("-c", "user.name=A", "-c", "user.email=a@b")
        subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)

    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "first")
    git("checkout", "-b", "rooms")
    write_many(folder / "rooms", 500)
    git("add", ".")
    git("commit", "-m", "second")
    with watched(folder, tmp_path / "state") as found:
        assert found.paths("room function 17") >= {"rooms/room_17.py"}
        git("checkout", "main")
        found.wait(lambda: found.index.status().files == 4)
        git("checkout", "rooms")
        found.wait(lambda: found.index.status().files == 504)
        assert found.paths("room function 17") >= {"rooms/room_17.py"}


def test_what_a_search_found_changed_is_read(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    with watched(folder, tmp_path / "state") as found:
        found.index._pending.add("src/ledger.py")
        deadline = time.monotonic() + 20
        while found.index.pending and time.monotonic() < deadline:
            time.sleep(0.01)
        assert found.index.pending == []


def test_closing_ends_the_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with watched(write_project(tmp_path / "project"), tmp_path / "state") as found:
        assert any(thread.name == "jupyter-mcp-search-watcher" for thread in threading.enumerate())
        found.watcher.close()
        found.watcher.close()
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "raise fs.inotify.max_user_watches"),
        (OSError("strange"), "watching it failed (strange)"),
    ],
)
def test_without_watches_the_folder_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: OSError, told: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(watching, "Inotify", refuse)
    folder = write_project(tmp_path / "project")
    with watched(folder, tmp_path / "state", poll_seconds=0.05) as found:
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        found.wait(lambda: found.paths("anchor") == {"new.py"})
        assert "looked through every 0.05 s" in found.watcher.note
        assert told in found.watcher.note


def test_a_network_folder_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "file_system", lambda _: "nfs4")
    folder = write_project(tmp_path / "project")
    with watched(folder, tmp_path / "state", poll_seconds=0.05) as found:
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        found.wait(lambda: found.paths("anchor") == {"new.py"})
        assert "nfs4" in found.watcher.note
