"""What is left of an index after the worst: killed writers, damaged files, a full disk."""

from __future__ import annotations

import contextlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.vectors.remote import RemoteVectors
from support.folders import overwrite, write_many, write_project
from support.lexical import damage_table

ONE = Options(processes=1)

UPDATE = """
import sys, pathlib
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options
if __name__ == "__main__":
    index = Index(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), Options(processes=2))
    print("begun", flush=True)
    index.update()
    print("updated", flush=True)
    index.embed()
    print("embedded", flush=True)
    sys.stdin.read()
"""


def first(index: Index, text: str, mode: str = "hybrid") -> str:
    hits = index.search(Query(text, mode=mode))  # type: ignore[arg-type]
    return hits[0].path if hits else ""


def test_a_killed_update_leaves_an_index_that_goes_on(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    write_many(folder / "rooms", 1000)
    chance = random.Random(5)
    program = tmp_path / "update.py"
    program.write_text(UPDATE)
    for _ in range(4):
        command = [sys.executable, str(program), str(folder), str(state)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == b"begun\n"
            time.sleep(chance.uniform(0.1, 2.0))  # the moment is what is tried
            process.send_signal(signal.SIGKILL)
        with Index(folder, state, ONE) as index:
            index.search(Query("boil water"))
            assert index.status().is_owner
    with Index(folder, state, ONE) as index:
        index.update()
        index.embed()
        assert first(index, "room function 934") == "rooms/room_934.py"
        assert first(index, "room function 934", "dense")
        status = index.status()
        assert (status.files, status.unembedded) == (1004, 0)
        assert index.update().chunks == 0


def test_what_is_done_is_not_read_again_after_a_kill(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    program = tmp_path / "update.py"
    program.write_text(UPDATE)
    command = [sys.executable, str(program), str(folder), str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == [b"begun\n", b"updated\n"]
        process.kill()
    with Index(folder, state, ONE) as index:
        report = index.update()
        assert (report.added, report.chunks) == (0, 0)
        index.embed()
        assert index.status().unembedded == 0
        assert first(index, "divide by the total sum of values", "dense") == "src/ledger.py"


def test_a_damaged_database_is_put_aside(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update()
    (state / "index.db").write_bytes(b"no database at all" * 1000)
    with Index(folder, state, ONE) as index:
        assert index.search(Query("boil water")) == []
        assert index.is_new
        index.update()
        assert first(index, "boil water") == "src/kitchen.py"
        (note,) = [note for note in index.status().notes if "could not be read" in note]
        (aside,) = state.glob("index.db.corrupt-*")
        assert aside.name in note


def test_a_database_that_is_damaged_while_it_is_open_is_put_aside(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    write_many(folder / "rooms", 300)
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
    with Index(folder, state, ONE) as index:
        index.status()
        overwrite(state / "index.db", 8192)
        index.search(Query("room function 17", mode="lexical"))
        index.update(embed=False)
        assert first(index, "room function 17", "lexical") == "rooms/room_17.py"
        assert any("could not be read" in note for note in index.status().notes)


@pytest.mark.parametrize("is_asked", ["status", "counts", "languages", "similar"])
def test_whatever_finds_the_damage_leaves_it_to_an_update_of_all(
    tmp_path: Path, is_asked: str
) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    asks: dict[str, Callable[[Index], object]] = {
        "status": Index.status,
        "counts": lambda index: index.counts(lambda _: True),
        "languages": Index.languages,
        "similar": lambda index: index.similar("src/kitchen.py"),
    }
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
    with Index(folder, state, ONE) as index:
        assert not index.is_new
        overwrite(state / "index.db", 8192)
        asks[is_asked](index)
        assert index.wants_update
        assert any("is built anew" in note for note in index.status().notes)
        index.update(["src/kitchen.py"], embed=False)
        assert index.wants_update
        index.update(embed=False)
        assert not index.wants_update
        assert index.status().files == 4


def test_damaged_words_are_not_taken_for_damaged_vectors(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
    with Index(folder, state, ONE) as index:
        index.status()
        overwrite(state / "index.db", 8192)
        with pytest.raises(CorruptStoreError):
            index.embed()
        assert not index.wants_vectors


def test_damage_that_several_find_is_put_aside_once(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
        stores = index._opening.owned()
        for _ in range(2):
            index._opening.rebuild(CorruptStoreError(state / "index.db", "damaged"), stores)
            index.update(embed=False)
    assert len(list(state.glob("index.db.corrupt-*"))) == 1


@pytest.mark.parametrize("table", ["words_config", "words_data", "sqlite_sequence"])
def test_an_index_with_a_damaged_table_is_built_anew_or_dropped(tmp_path: Path, table: str) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
    damage_table(state / "index.db", table)
    with Index(folder, state, ONE) as index:
        index.search(Query("boil water", mode="lexical"))
        index.update(embed=False)
        assert first(index, "boil water", "lexical") == "src/kitchen.py"
    damage_table(state / "index.db", table)
    with Index(folder, state, ONE) as index:
        index.drop()
        assert not list(state.glob("index.db*"))


def damaged(place: Path) -> tuple[Path, Path]:
    """Return a folder and the state of its index, whose vectors cannot be read."""
    folder, state = write_project(place / "project"), place / "state"
    with Index(folder, state, ONE) as index:
        index.update()
        index.embed()
    for file in (state / "vectors").rglob("*.sqlite3"):
        file.write_bytes(b"no database at all" * 1000)
    return folder, state


def test_damaged_vectors_are_put_aside_and_made_again(tmp_path: Path) -> None:
    folder, state = damaged(tmp_path)
    with Index(folder, state, ONE) as index:
        index.search(Query("boil water"))
        with pytest.raises(ToolError):
            index.search(Query("the total sum", mode="dense"))
        index.embed()
        assert first(index, "divide by the total sum of values", "dense") == "src/ledger.py"
        assert any("vectors could not be read" in note for note in index.status().notes)
        assert list(state.glob("vectors.corrupt-*"))


def test_vectors_are_made_whoever_finds_the_damage_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, state = damaged(tmp_path)
    asked = RemoteVectors.known

    def known(vectors: RemoteVectors, digests: Sequence[str]) -> set[str]:
        try:
            return asked(vectors, digests)
        except ToolError:
            with contextlib.suppress(ToolError):  # it puts the damaged ones aside
                index.warm()
            raise

    (folder / "src" / "new.py").write_text("def melt(ice):\n    return ice.warmed()\n")
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
        monkeypatch.setattr(RemoteVectors, "known", known)
        index.embed()
        assert first(index, "divide by the total sum of values", "dense") == "src/ledger.py"
        assert list(state.glob("vectors.corrupt-*"))


def test_vectors_that_somebody_deleted_are_made_again(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update()
        index.embed()
    shutil.rmtree(state / "vectors")
    with Index(folder, state, ONE) as index:
        index.warm()
        index.embed()
        assert first(index, "divide by the total sum of values", "dense") == "src/ledger.py"


@contextmanager
def little_room(room: int) -> Iterator[None]:
    """Let no file of this process get larger than `room`: what a full disk is like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_told_and_the_old_index_answers(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
        write_many(folder / "rooms", 1000)
        with little_room((state / "index.db").stat().st_size + 10_000):
            with pytest.raises(ToolError, match="failed"):
                index.update(embed=False)
            assert first(index, "boil water", "lexical") == "src/kitchen.py"
        assert any("index.db" in note for note in index.status().notes)
        index.update(embed=False)
        assert index.status().notes == []
        assert first(index, "room function 17", "lexical") == "rooms/room_17.py"


def test_a_full_disk_keeps_no_process_busy(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, Options(processes=2)) as index:
        index.update(embed=False)
        write_many(folder / "rooms", 1000)
        room = (state / "index.db").stat().st_size + 10_000
        # The error is kept on purpose: its traceback holds what the update was doing.
        with little_room(room), pytest.raises(ToolError) as kept:
            index.update(embed=False)
        again = threading.Thread(target=index.update, kwargs={"embed": False}, daemon=True)
        again.start()
        again.join(30)
        assert not again.is_alive(), kept
        assert index.status().files == 1004


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        Index(write_project(tmp_path / "project"), tmp_path / "file" / "state", ONE) as index,
        pytest.raises(ToolError, match="cannot lie in"),
    ):
        index.update()


def test_a_deleted_database_is_built_again(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update(embed=False)
    shutil.rmtree(state)
    with Index(folder, state, ONE) as index:
        assert index.is_new
        assert index.update(embed=False).added == 4
