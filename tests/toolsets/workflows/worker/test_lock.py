"""Who holds the lock of a state folder."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from jupyter_mcp.storage.process_marks import new_mark
from jupyter_mcp.toolsets.workflows.worker.lock import Holder, Lock

HOLDER = Holder(7, "w-one", 1.5)


def _take_and_die(state: Path) -> None:
    assert Lock(state).take(HOLDER)


def test_one_holds_it_and_everybody_sees_who(tmp_path: Path) -> None:
    mine, other = Lock(tmp_path), Lock(tmp_path)
    assert other.holder() is None
    assert mine.take(HOLDER)
    assert other.holder() == HOLDER
    assert not other.take(Holder(8, "w-two", 2.0))
    assert other.holder() == HOLDER
    mine.release()
    assert other.holder() is None
    assert other.take(Holder(8, "w", 2.0))
    assert mine.holder() == Holder(8, "w", 2.0)


def test_it_ends_with_its_process(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_take_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert (tmp_path / "worker.lock").exists()
    assert Lock(tmp_path).holder() is None


def test_what_cannot_be_read_is_held_by_somebody(tmp_path: Path) -> None:
    mine = Lock(tmp_path)
    mine.take(HOLDER)
    mine.file.write_text("{")
    found = Lock(tmp_path).holder()
    assert found is not None
    assert found.pid == 0


def test_its_file_is_private(tmp_path: Path) -> None:
    mine = Lock(tmp_path)
    mine.take(HOLDER)
    assert mine.file.stat().st_mode & 0o777 == 0o600


def test_only_an_older_server_here_is_followed_by_a_newer_one() -> None:
    mark = new_mark()
    assert Holder(1, "w", 1.0, "1.2", "1.2", mark).is_outdated("1.10")
    assert not Holder(1, "w", 1.0, "1.2", "", mark).is_outdated("1.10"), "by hand"
    assert not Holder(1, "w", 1.0, "1.2", "1.10", mark).is_outdated("1.10"), "its own"
    assert not Holder(1, "w", 1.0, "1.10", "1.2", mark).is_outdated("1.10"), "it is new already"
    assert not Holder(1, "w", 1.0, "2.0", "2.0", mark).is_outdated("1.10"), "a newer one's"
    assert not Holder(1, "w", 1.0, "?", "?", mark).is_outdated("1.10")
    elsewhere = mark.replace(mark[:4], "0000", 1)
    assert not Holder(1, "w", 1.0, "1.2", "1.2", elsewhere).is_outdated("1.10"), "another host's"
    assert not Holder(1, "w", 1.0, "1.2", "1.2", "").is_outdated("1.10")


def test_a_worker_of_another_version_is_known_by_its_process(tmp_path: Path) -> None:
    mine = Lock(tmp_path)
    mine.take(HOLDER)
    mine.file.write_text('{"pid": 9, "boot": "b", "executor": "w-old", "started": 2.5}')
    assert Lock(tmp_path).holder() == Holder(9, "w-old", 2.5)
    mine.file.write_text('{"pid": 9}')
    assert Lock(tmp_path).holder() == Holder(9, "", 0.0)
    mine.file.write_text("[]")
    found = Lock(tmp_path).holder()
    assert found is not None
    assert found.pid == 0
