from __future__ import annotations

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp.toolsets.search.index import inotify as module
from jupyter_mcp.toolsets.search.index.inotify import Inotify
from support.accounts import ordinary_account

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("outside", "project/m/deep", "project/n"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def inotify(folder: Path) -> Iterator[Inotify]:
    with Inotify(folder) as opened:
        yield opened


def told_until(inotify: Inotify, path: str) -> set[str]:
    """Return what was told until a path was."""
    found: set[str] = set()
    deadline = time.monotonic() + 30
    while path not in found:
        assert time.monotonic() < deadline, found
        found |= inotify.burst(100, 10, 20)
    return found


def told_after_writing(inotify: Inotify, folder: Path, *paths: str) -> set[str]:
    """Return what is told of changed files, and not of what was before."""
    (folder / "before").touch()
    told_until(inotify, "before")
    for path in (*paths, "after"):
        (folder / path).write_text(f"{path} {time.monotonic_ns()}")
    return told_until(inotify, "after") - {"before", "after"}


def test_links_are_not_followed(folder: Path) -> None:
    links = {"a": "m", "z": "m", "m/loop": "..", "n/out": "../../outside", "n/all": "/"}
    for link, target in links.items():
        (folder / link).symlink_to(target)
    with Inotify(folder) as inotify:
        paths = ["n/out/x.py", "z/x.py", "m/deep/y.py"]
        assert told_after_writing(inotify, folder, *paths) == {"m/x.py", "m/deep/y.py"}
        (folder / "a").unlink()
        (folder / "z").unlink()
        assert told_after_writing(inotify, folder, "m/x.py") == {"m/x.py"}


def test_links_that_come_and_go_change_nothing(folder: Path, inotify: Inotify) -> None:
    (folder / "z").symlink_to("m")
    (folder / "draft").symlink_to("../outside")
    (folder / "draft").replace(folder / "z")
    paths = ["m/x.py", "z/y.py"]
    assert told_after_writing(inotify, folder, *paths) == {"m/x.py"}
    (folder / "z").unlink()
    (folder / "z" / "deep").mkdir(parents=True)
    assert told_after_writing(inotify, folder, "z/deep/x.py") == {"z/deep/x.py"}
    shutil.rmtree(folder / "z")
    (folder / "z").symlink_to("m")
    assert told_after_writing(inotify, folder, "z/deep/x.py") == {"m/deep/x.py"}


def test_folders_that_nobody_looks_into_are_not_watched(folder: Path) -> None:
    for name in (".venv/lib", "node_modules/x", ".git/objects", ".git/info", "n/.git/info"):
        (folder / name).mkdir(parents=True)
    with Inotify(folder) as inotify:
        (folder / "m" / ".cache" / "x").mkdir(parents=True)
        rules = {".git/info/exclude", "n/.git/info/exclude"}
        left_out = {".venv/lib/x", "node_modules/x/x", ".git/objects/x", "m/.cache/x/x"}
        assert told_after_writing(inotify, folder, *left_out, *rules) == rules


def test_new_folders_are_watched(folder: Path, inotify: Inotify) -> None:
    (folder / "m" / "new" / "one" / "two").mkdir(parents=True)
    shutil.copytree(folder / "m", folder.parent / "outside" / "copy")
    (folder.parent / "outside" / "copy").rename(folder / "copy")
    paths = {"m/new/one/two/x", "copy/new/one/two/x"}
    assert told_after_writing(inotify, folder, *paths) == paths
    shutil.rmtree(folder / "copy")
    (folder / "copy" / "new").mkdir(parents=True)
    assert told_after_writing(inotify, folder, "copy/new/x") == {"copy/new/x"}


def test_folders_that_move_are_told_by_their_new_names(folder: Path, inotify: Inotify) -> None:
    (folder / "m").rename(folder / "n")  # which was empty
    assert told_after_writing(inotify, folder, "n/deep/x") == {"n/deep/x"}
    (folder / "m" / "other").mkdir(parents=True)
    (folder / "n").rename(folder / "draft")
    (folder / "m").rename(folder / "n")
    (folder / "draft").rename(folder / "m")
    paths = {"m/deep/x", "n/other/x"}
    assert told_after_writing(inotify, folder, *paths) == paths
    (folder / "m").rename(folder.parent / "outside" / "m")
    (folder / "n").rename(folder / ".hidden")
    away = {"../outside/m/deep/x", ".hidden/other/x"}
    assert told_after_writing(inotify, folder, *away) == set()


def test_folders_that_change_places_are_watched(
    folder: Path, inotify: Inotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "n" / "other").mkdir()
    told_until(inotify, "n/other")
    monkeypatch.setattr(module, "_BUFFER", 32)  # each event of a short name is read by itself
    here, exchange = -100, 2
    one, other = os.fsencode(folder / "m"), os.fsencode(folder / "n")
    assert ctypes.CDLL(None).renameat2(here, one, here, other, exchange) == 0
    paths = {"m/other/x", "n/deep/x"}
    assert told_after_writing(inotify, folder, *paths) == paths


def test_a_folder_is_watched_as_soon_as_it_may_be_read() -> None:
    with ordinary_account() as folder:
        (folder / "m" / "deep").mkdir(parents=True)
        (folder / "m").chmod(0)
        with Inotify(folder) as inotify:
            (folder / "m").chmod(0o700)
            assert told_after_writing(inotify, folder, "m/deep/x") == {"m/deep/x"}


def test_too_much_at_once_may_be_anything(folder: Path, inotify: Inotify) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    files = [folder / "a", folder / "b"]
    for file in files:
        file.touch()
    for number in range(limit + 10):  # the same one twice would be one
        os.utime(files[number % 2])
    (folder / "m").rename(folder / "moved")
    told_until(inotify, "")
    assert told_after_writing(inotify, folder, "moved/deep/x") == {"moved/deep/x"}


def test_the_folder_itself_may_not_go(folder: Path, inotify: Inotify) -> None:
    folder.rename(folder.parent / "moved")
    with pytest.raises(FileNotFoundError, match="moved or removed"):
        inotify.burst(30_000, 10, 20)
    with pytest.raises(FileNotFoundError):
        Inotify(folder)
