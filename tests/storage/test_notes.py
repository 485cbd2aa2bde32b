from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from jupyter_mcp.storage.notes import FOLDER, KEPT_SECONDS, RENEWED_BYTES, Notes


def files(state: Path) -> list[Path]:
    return sorted((state / FOLDER).iterdir())


def test_a_note_is_there_for_whoever_shares_the_folder_until_it_is_taken_back(
    tmp_path: Path,
) -> None:
    mine, theirs = Notes(tmp_path / "state"), Notes(tmp_path / "state")
    assert (mine.get("a"), mine.all(), theirs.all()) == (None, [], [])
    mine.put("a", b"long before")
    mine.put("a", b"now")
    assert (mine.get("a"), theirs.get("a"), theirs.get("b")) == (b"now", b"now", None)
    theirs.put("b", b"here too")
    assert (mine.all(), mine.get("b")) == (["a", "b"], b"here too")
    mine.drop("a")
    assert (mine.all(), theirs.all()) == (["b"], ["b"])
    mine.close()
    theirs.close()


def test_what_a_killed_server_has_left_is_found_and_removed_when_it_is_known(
    tmp_path: Path,
) -> None:
    killed = Notes(tmp_path)
    killed.put("a", b"1")
    killed.put("b", b"2")
    killed.drop("b")
    heir = Notes(tmp_path, is_gone=lambda _: True)
    assert (heir.all(), heir.get("a"), len(files(tmp_path))) == (["a"], b"1", 1)
    heir.drop("a")
    assert (heir.all(), files(tmp_path)) == ([], [])
    killed.close()


def test_what_another_server_still_needs_is_not_removed(tmp_path: Path) -> None:
    other = Notes(tmp_path)
    other.put("a", b"1")
    mine = Notes(tmp_path)
    mine.all()
    mine.drop("a")
    assert (mine.all(), len(files(tmp_path))) == ([], 1)
    other.put("b", b"2")
    assert mine.all() == ["b"]
    other.close()


def test_a_server_that_ends_leaves_what_is_not_known_and_nothing_else(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    notes.put("a", b"1")
    notes.close()
    assert len(files(tmp_path)) == 1
    notes.put("b", b"2")
    notes.drop("a")
    notes.drop("b")
    notes.close()
    assert files(tmp_path) == []


def test_notes_are_nobody_elses(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    notes.put("a", b"x")
    (file,) = files(tmp_path)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file.parent, file)] == [0o700, 0o600]
    notes.close()


def test_a_file_in_which_little_is_wanted_is_left_for_a_new_one(tmp_path: Path) -> None:
    notes, other = Notes(tmp_path), Notes(tmp_path)
    notes.put("a", b"x" * RENEWED_BYTES)
    notes.put("b", b"y")
    assert other.all() == ["a", "b"]
    notes.drop("a")
    (file,) = files(tmp_path)
    assert file.stat().st_size < 20
    assert (other.all(), other.get("b"), notes.get("b")) == (["b"], b"y", b"y")
    notes.close()


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    notes.put("a", b"1")
    (file,) = files(tmp_path)
    with file.open("ab") as cut:
        cut.write(b"\nb 2-of")
    notes.put("c", b"3")
    other = Notes(tmp_path)
    assert [other.get(key) for key in ("a", "b", "c")] == [b"1", b"2-of", b"3"]
    notes.close()


def test_what_nobody_wanted_for_a_day_is_thrown_away(tmp_path: Path) -> None:
    killed = Notes(tmp_path)
    killed.put("a", b"x")
    heir = Notes(tmp_path, is_gone=lambda _: True)
    assert heir.all() == ["a"]
    long_ago = time.time() - KEPT_SECONDS - 1
    os.utime(files(tmp_path)[0], (long_ago, long_ago))
    assert (heir.all(), files(tmp_path)) == ([], [])
    killed.close()


def test_what_another_host_has_left_is_thrown_away_by_its_age(tmp_path: Path) -> None:
    there = Notes(tmp_path)
    there.put("a", b"x")
    there.put("b", b"y")
    there.drop("b")
    (file,) = files(tmp_path)
    file = file.rename(file.with_name("0123456789ab.7.12345.00000000"))
    here = Notes(tmp_path)
    assert (here.all(), file.exists()) == (["a"], True)
    long_ago = time.time() - KEPT_SECONDS - 1
    os.utime(file, (long_ago, long_ago))
    assert (here.all(), file.exists()) == ([], False)
    there.put("c", b"z")  # it ran all the time, and did nothing for a day
    assert (Notes(tmp_path).get("c"), Notes(tmp_path).get("a")) == (b"z", b"x")
    there.close()


def test_what_this_host_still_writes_is_not_removed_by_its_age(tmp_path: Path) -> None:
    other, mine = Notes(tmp_path), Notes(tmp_path)
    other.put("a", b"x")
    long_ago = time.time() - KEPT_SECONDS - 1
    os.utime(files(tmp_path)[0], (long_ago, long_ago))
    assert (mine.all(), len(files(tmp_path))) == (["a"], 1)
    other.close()


def test_without_a_folder_notes_are_kept_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FOLDER).touch()
    notes = Notes(tmp_path)
    notes.put("a", b"1")
    assert (notes.get("a"), notes.all()) == (b"1", ["a"])
    notes.drop("a")
    assert notes.get("a") is None
    assert "kept in memory" in caplog.text


def test_what_cannot_be_removed_keeps_no_server_from_its_start(tmp_path: Path) -> None:
    (tmp_path / FOLDER / "odd").mkdir(parents=True)
    notes = Notes(tmp_path, is_gone=lambda _: True)
    assert notes.all() == []
    notes.put("a", b"1")
    assert notes.all() == ["a"]
    notes.close()
