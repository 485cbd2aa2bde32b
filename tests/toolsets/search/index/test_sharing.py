"""Two processes, or two indexes in one, on the same folder."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError
from jupyter_mcp.toolsets.search.query import Query
from support.folders import write_project

ONE = Options(processes=1)

HOLD = """
import sys, pathlib
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options
folder, state = map(pathlib.Path, sys.argv[1:])
index = Index(folder, state, Options(processes=1))
index.update(embed=False)
print("ready", flush=True)
for line in sys.stdin:
    index.update(embed=False)
    print("updated", flush=True)
"""


def test_a_second_process_reads_until_the_owner_is_gone(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    command = [sys.executable, "-c", HOLD, str(folder), str(state)]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as owner,
        Index(folder, state, ONE) as index,
    ):
        assert owner.stdin
        assert owner.stdout
        assert owner.stdout.readline() == "ready\n"
        assert index.search(Query("boil water"))[0].path == "src/kitchen.py"
        assert all(0 < hit.score <= 1 for hit in index.similar("src/kitchen.py"))
        status = index.status()
        assert not status.is_owner
        assert any(f"rocess {owner.pid} keeps this index" in note for note in status.notes)
        with pytest.raises(ToolError, match=f"kept by process {owner.pid}"):
            index.update()
        (folder / "src" / "ledger.py").write_text("def weigh_anchor():\n    pass\n")
        print("again", file=owner.stdin, flush=True)
        assert owner.stdout.readline() == "updated\n"
        assert index.search(Query("weigh anchor"))[0].path == "src/ledger.py"
        owner.kill()
        owner.wait()
        (folder / "src" / "ledger.py").write_text("def hoist_sail():\n    pass\n")
        assert index.update().changed == 1
        assert index.status().is_owner
        assert index.status().notes == []
        assert index.search(Query("hoist sail"))[0].path == "src/ledger.py"


@pytest.mark.parametrize("how", ["dropped", "damaged"])
def test_a_reader_follows_when_the_owner_begins_anew(tmp_path: Path, how: str) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as owner, Index(folder, state, ONE) as reader:
        owner.update(embed=False)
        assert reader.search(Query("boil water"))[0].path == "src/kitchen.py"
        if how == "dropped":
            owner.drop()
        else:
            error = CorruptStoreError(state / "index.db", "damaged")
            owner._opening.rebuild(error)
        assert reader.search(Query("boil water")) == []
        assert reader.status().files == 0
        (folder / "src" / "anchor.py").write_text("def weigh_anchor():\n    pass\n")
        owner.update(embed=False)
        assert reader.search(Query("weigh anchor"))[0].path == "src/anchor.py"
        assert reader.search(Query("boil water"))[0].path == "src/kitchen.py"
        assert (reader.status().files, reader.status().is_owner) == (5, False)


def test_a_reader_of_nothing_finds_nothing(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as owner, Index(folder, state, ONE) as reader:
        state.mkdir()
        assert owner._opening._take()
        assert reader.search(Query("boil water")) == []
        assert reader.status().chunks == 0
        assert not reader.status().is_owner


def test_two_that_begin_at_once_do_not_see_half_an_index(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    for turn in range(25):  # one of two turns failed
        both = [Index(folder, tmp_path / f"state {turn}", ONE) for _ in range(2)]
        start, told = threading.Barrier(2), []

        def begin(index: Index, start: threading.Barrier, told: list[object]) -> None:
            start.wait()
            try:
                told.append(index.status().is_owner)
            except ToolError as error:
                told.append(error)

        threads = [threading.Thread(target=begin, args=(index, start, told)) for index in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for index in both:
            index.close()
        assert sorted(told, key=str) == [False, True]
