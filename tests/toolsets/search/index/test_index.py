from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from string import ascii_letters

import psutil
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.model import Options, Progress
from jupyter_mcp.toolsets.search.query import Query
from support.accounts import ordinary_account
from support.folders import KITCHEN, notebook_of, write_many, write_notebook, write_project

ONE = Options(processes=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def index(folder: Path, tmp_path: Path) -> Iterator[Index]:
    with Index(folder, tmp_path / "state", ONE) as opened:
        yield opened


def words(text: str, **more: object) -> Query:
    return Query(text, mode="lexical", **more)  # type: ignore[arg-type]


def ids(index: Index, text: str) -> list[str]:
    return [hit.id for hit in index.search(words(text))]


def test_a_folder_is_found_by_words_and_by_meaning(index: Index) -> None:
    report = index.update()
    assert (report.added, report.changed, report.removed) == (4, 0, 0)
    hit = index.search(Query("where are the counts normalised"))[0]
    assert (hit.path, hit.symbol) == ("src/ledger.py", "normalise_counts")
    assert {"lexical", "static"} <= set(hit.parts)
    assert (
        index.search(Query("divide by the total sum of values", mode="dense"))[0].path
        == "src/ledger.py"
    )
    assert index.search(words("tomato soup"))[0].id == "menu.ipynb#soup"


def test_nothing_is_read_again_when_nothing_changed(index: Index) -> None:
    index.update()
    again = index.update()
    assert (again.added, again.changed, again.removed, again.chunks) == (0, 0, 0, 0)
    os.utime(index.folder / "src" / "ledger.py")
    touched = index.update()
    assert (touched.changed, touched.chunks) == (0, 0)


def test_only_what_changed_is_written(index: Index) -> None:
    index.update()
    source = KITCHEN.replace("100.0", "99.0")
    (index.folder / "src" / "kitchen.py").write_text(source)
    report = index.update(["src/kitchen.py"])
    assert (report.changed, report.chunks) == (1, 1)


def test_files_that_go_leave_and_come_back(index: Index) -> None:
    index.update()
    ledger = index.folder / "src" / "ledger.py"
    ledger.rename(index.folder / "book.py")
    report = index.update(["src/ledger.py", "book.py"])
    assert (report.added, report.removed) == (1, 1)
    assert ids(index, "normalise counts")[0].startswith("book.py:")


def test_a_folder_that_goes_takes_its_files_along(index: Index) -> None:
    index.update()
    (index.folder / "src").rename(index.folder.parent / "elsewhere")
    assert index.update(["src"]).removed == 2
    (index.folder.parent / "elsewhere").rename(index.folder / "back")
    assert index.update(["back"]).added == 2
    assert ids(index, "normalise counts")[0].startswith("back/ledger.py:")


def test_ignored_and_secret_files_stay_out(index: Index) -> None:
    (index.folder / ".gitignore").write_text("src/\n")
    (index.folder / ".env").write_text("TOKEN=normalise\n")
    index.update()
    assert ids(index, "normalise counts") == []
    status = index.status()
    assert status.skipped["ignored by .gitignore"] == 1
    assert status.skipped["may hold secrets"] == 1
    (index.folder / ".gitignore").write_text("")
    index.update()
    assert ids(index, "normalise counts")


def test_a_hit_follows_its_lines(index: Index) -> None:
    index.update()
    path = index.folder / "src" / "ledger.py"
    line = index.search(words("normalise counts"))[0].line
    path.write_text("# new\n# lines\n" + path.read_text())
    moved = index.search(words("normalise counts"))[0]
    assert moved.line == line + 2
    assert path.read_text().splitlines()[moved.line - 1].startswith("def normalise_counts")
    assert index.pending == ["src/ledger.py"]
    assert index.status().pending == 1
    index.update(index.pending)
    assert index.pending == []


def test_a_hit_cites_the_definition_and_not_the_neighbours_it_is_kept_with(index: Index) -> None:
    text = "def first():\n    return 1\n\n\ndef wax_floor(room):\n    return room.shine()\n"
    (index.folder / "house.py").write_text(text)
    index.update()
    hit = index.search(words("wax the floor"))[0]
    assert (hit.id, hit.line, hit.end_line) == ("house.py:5", 5, 6)
    assert (hit.symbol, hit.snippet) == (
        "wax_floor",
        "def wax_floor(room):\n    return room.shine()",
    )
    piece = index.piece("house.py", line=5)
    assert piece is not None
    assert piece.text == hit.snippet
    (line,) = index.search(Query("room.shine", mode="literal"))
    assert (line.id, line.symbol) == ("house.py:6", "wax_floor")


def test_what_has_no_name_is_cited_where_it_is_shown(index: Index) -> None:
    lines = [*(f"value_{number} = {number}" for number in range(30)), "rhubarb = stew(sugar)"]
    (index.folder / "constants.py").write_text("\n".join(lines))
    index.update()
    hit = index.search(words("rhubarb"))[0]
    shown = lines[hit.line - 1 : hit.end_line]
    assert hit.snippet == "\n".join(shown)
    assert 1 < hit.line < 31


def test_a_hit_that_is_gone_is_not_shown(index: Index) -> None:
    index.update()
    path = index.folder / "src" / "ledger.py"
    path.write_text("def other():\n    pass\n")
    assert "src/ledger.py" not in {hit.path for hit in index.search(words("normalise counts"))}
    path.unlink()
    assert "src/ledger.py" not in {hit.path for hit in index.search(words("normalise counts"))}


def test_a_file_whose_time_was_set_back_is_not_taken_for_the_same(index: Index) -> None:
    path, text = index.folder / "jam.py", "plum = stew(1)\npear = 2\n"
    path.write_text(text)
    os.utime(path, (1, 1))
    index.update()
    assert ids(index, "plum stew") == ["jam.py:1"]
    path.write_text("pear = 2\nplum = stew(1)\n")
    os.utime(path, (1, 1))
    assert path.stat().st_size == len(text)
    assert ids(index, "plum stew") == []
    index.update()
    (hit,) = index.search(words("plum stew"))
    assert path.read_text().splitlines()[hit.line - 1 : hit.end_line] == hit.snippet.splitlines()


def test_a_cell_that_moved_is_cited_and_one_that_changed_is_not(index: Index) -> None:
    index.update()
    write_notebook(
        index.folder / "menu.ipynb",
        [("bread", "bread = bake()"), ("soup", "tomato_soup = cook('tomatoes')")],
    )
    assert ids(index, "tomato soup") == ["menu.ipynb#soup"]
    write_notebook(index.folder / "menu.ipynb", [("soup", "salad = 1")])
    assert ids(index, "tomato soup") == []


def test_an_open_notebook_counts_until_its_file_is_newer(index: Index) -> None:
    index.update()
    index.put_notebook("menu.ipynb", notebook_of([("soup", "mushroom_soup = 1")]))
    assert ids(index, "mushroom soup") == ["menu.ipynb#soup"]
    assert ids(index, "tomato") == []
    index.update()
    assert ids(index, "mushroom soup") == ["menu.ipynb#soup"]
    write_notebook(index.folder / "menu.ipynb", [("soup", "pumpkin_soup = 1")])
    index.update()
    assert ids(index, "pumpkin soup") == ["menu.ipynb#soup"]
    assert ids(index, "mushroom") == []


@pytest.mark.parametrize("stage", ["looking", "reading"])
def test_an_open_notebook_does_not_wait_for_an_update(
    folder: Path, tmp_path: Path, stage: str
) -> None:
    write_many(folder / "rooms", 50)
    found = []

    def edit(progress: Progress) -> None:
        if progress.stage == stage and not found:
            index.put_notebook("menu.ipynb", notebook_of([("soup", "mushroom_soup = 1")]))
            found.extend(ids(index, "mushroom soup"))

    with Index(folder, tmp_path / "state", ONE) as index:
        index.update(None, edit)
        assert found[0] == "menu.ipynb#soup"
        assert ids(index, "mushroom soup")[0] == "menu.ipynb#soup"
        assert ids(index, "tomato") == []
        index.close_notebook("menu.ipynb")
        assert ids(index, "tomato soup")[0] == "menu.ipynb#soup"


def test_an_open_notebook_with_a_token_stays_out(index: Index) -> None:
    index.update()
    output = {"output_type": "stream", "name": "stdout", "text": ["ghp_" + ascii_letters[:36]]}
    cell = {"id": "soup", "cell_type": "code", "source": "show_token()", "outputs": [output]}
    index.put_notebook("menu.ipynb", {"cells": [cell]})
    assert ids(index, "show_token") == []
    assert index.status().skipped["may hold secrets"] == 1


def test_a_notebook_that_was_never_saved_goes_when_it_is_closed(index: Index) -> None:
    index.update()
    index.put_notebook("Untitled.ipynb", notebook_of([("a", "leek_soup = 1")]))
    index.update()
    assert ids(index, "leek soup")[0] == "Untitled.ipynb#a"
    index.close_notebook("Untitled.ipynb")
    assert ids(index, "leek") == []


def test_an_open_notebook_is_forgotten_by_the_next_process(folder: Path, tmp_path: Path) -> None:
    with Index(folder, tmp_path / "state", ONE) as index:
        index.update()
        index.put_notebook("menu.ipynb", notebook_of([("soup", "mushroom_soup = 1")]))
    with Index(folder, tmp_path / "state", ONE) as index:
        index.update()
        assert ids(index, "mushroom") == []
        assert ids(index, "tomato soup") == ["menu.ipynb#soup"]


def test_documents_stay_and_are_replaced_by_id(folder: Path, tmp_path: Path) -> None:
    with Index(folder, tmp_path / "state", ONE) as index:
        index.add_documents([{"id": "a", "text": "wax the floor"}, {"id": "b", "text": "x"}])
        index.add_documents([{"id": "a", "text": "polish the floor", "path": "house/floor.txt"}])
        index.update()
    with Index(folder, tmp_path / "state", ONE) as index:
        hit = index.search(words("floor"))[0]
        assert (hit.id, hit.path, hit.kind) == ("a", "house/floor.txt", "document")
        assert hit.snippet == "polish the floor"
        assert ids(index, "wax") == []
        with pytest.raises(ToolError, match="needs an 'id'"):
            index.add_documents([{"text": "no id"}])


@pytest.mark.parametrize(
    ("path", "language", "below"),
    [
        ("https://ex.org/a b.R", "r", "https://ex.org"),
        ("https://ex.org//a/b.jl/", "", "https://ex.org"),
        ("/home/me/lib.rs", "rust", "/home/me"),
        ("s3://bucket/Makefile", "make", "Make*"),
        ("notes.md", "markdown", "*.md"),
    ],
)
def test_a_document_keeps_its_path_and_is_in_the_language_of_that(
    index: Index, path: str, language: str, below: str
) -> None:
    index.add_documents([{"id": "a", "text": "wax the floor", "path": path}])
    index.add_documents([{"id": "a", "text": "polish the floor", "path": path}])
    [hit] = index.search(words("floor", path=below, language=language))
    assert (hit.id, hit.path, hit.language) == ("a", path, language)
    assert hit.snippet == "polish the floor"


def test_what_is_like_a_piece_is_found_without_itself(index: Index) -> None:
    index.update()
    (line,) = [hit.line for hit in index.search(words("boil water"))[:1]]
    hits = index.similar("src/kitchen.py", line=line)
    assert hits
    assert all((hit.path, hit.line) != ("src/kitchen.py", line) for hit in hits)
    assert index.similar("menu.ipynb", cell_id="soup")
    with pytest.raises(ToolError, match="not in the index"):
        index.similar("nothing.py")


def test_what_is_like_a_range_is_like_its_lines_and_none_of_its_pieces(
    index: Index, folder: Path
) -> None:
    head = "\n".join(f"HEAD_{number} = 'a heading of the page'" for number in range(80))
    tail = "\n".join(f"OVEN_{number} = 'bake the bread'" for number in range(80))
    (folder / "mixed.py").write_text(f"{head}\n{tail}\n")
    (folder / "one.txt").write_text("A heading of the page.\n")
    (folder / "two.txt").write_text("Bake the bread in the oven.\n")
    index.update()
    for lines, best in (((1, 80), "one.txt"), ((81, 160), "two.txt")):
        hits = index.similar("mixed.py", lines[0], end_line=lines[1])
        assert hits[0].path == best
        inside = [hit for hit in hits if hit.path == "mixed.py"]
        assert all(hit.end_line < lines[0] or lines[1] < hit.line for hit in inside)
    assert "mixed.py" not in {hit.path for hit in index.similar("mixed.py", 1, end_line=160)}


def test_patterns_find_lines(index: Index) -> None:
    index.update()
    (hit,) = index.search(Query("def boil_\\w+", mode="regex"))
    lines = KITCHEN.splitlines()
    assert (hit.path, hit.snippet.strip()) == ("src/kitchen.py", lines[hit.line - 1].strip())
    with pytest.raises(ToolError, match="no regular expression"):
        index.search(Query("(", mode="regex"))


@pytest.mark.parametrize("closed", ["drive", "drive/project"])
def test_a_folder_that_may_not_be_read_any_more_keeps_what_was_indexed(closed: str) -> None:
    with ordinary_account() as home:
        folder = write_project(home / "drive" / "project")
        with Index(folder, home / "state", ONE) as index:
            index.update()
            (home / closed).chmod(0)
            try:
                with pytest.raises(ToolError, match="cannot be read"):
                    index.update()
                assert index.concerns("src/ledger.py")
                assert index.status().files == 4
                assert any("cannot be read" in note for note in index.status().notes)
            finally:
                (home / closed).chmod(0o700)
            assert index.update().removed == 0
            assert index.status().notes == []


def test_a_folder_that_is_not_there_keeps_what_was_indexed(index: Index) -> None:
    index.update()
    index.folder.rename(index.folder.with_name("away"))
    with pytest.raises(ToolError, match="is not there"):
        index.update()
    assert index.status().files == 4
    assert any("is not there" in note for note in index.status().notes)
    index.folder.with_name("away").rename(index.folder)
    assert index.update().removed == 0
    assert index.status().notes == []


def test_files_with_faults_are_told(index: Index) -> None:
    (index.folder / "broken.ipynb").write_text("{")
    (index.folder / "picture.txt").write_bytes(b"\0\1")
    (index.folder / "latin.py").write_bytes("# größe_der_stühle = 1\n".encode("latin-1"))
    index.update()
    status = index.status()
    assert [problem.path for problem in status.problems] == ["broken.ipynb"]
    assert status.skipped["binary"] == 1
    assert ids(index, "größe der stühle") == ["latin.py:1"]
    assert index.update().changed == 0


def test_an_update_can_be_ended_and_goes_on_later(folder: Path, tmp_path: Path) -> None:
    write_many(folder / "rooms", 400)
    done: list[Progress] = []
    with Index(folder, tmp_path / "state", ONE) as index:
        report = index.update(None, done.append, lambda: len(done) > 100)
        assert report.is_cancelled
        assert 0 <= report.added < 400
        assert index.is_new
        report = index.update()
        assert not report.is_cancelled
        assert index.status().files == 404
        assert not index.is_new


def test_no_more_files_than_allowed_are_indexed_and_that_is_told(
    folder: Path, tmp_path: Path
) -> None:
    two = Options(processes=1, most_files=2)
    with Index(folder, tmp_path / "state", two) as index:
        assert index.update().added == 2
        assert index.update().added == 0
        assert ids(index, "tomato soup") == ["menu.ipynb#soup"]
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        assert index.update(["new.py"]).added == 0
        (note,) = index.status().notes
        assert note.startswith("Only the first 2 files are indexed: leave folders out")
        index.add_documents([{"id": "1", "text": "documents are no files"}])
        (folder / "README.md").write_text("# Changed\n")
        assert index.update(["README.md"]).changed == 1
        assert index.status().files == 3
    with Index(folder, tmp_path / "state", ONE) as index:
        assert index.update().added == 3
        assert index.status().notes == []
    with Index(folder, tmp_path / "state", two) as index:
        assert index.update().removed == 3


def test_a_look_at_a_tree_of_nothing_can_be_ended(folder: Path, tmp_path: Path) -> None:
    for number in range(50):
        (folder / "rooms" / str(number)).mkdir(parents=True)
    looks: list[bool] = []

    def is_cancelled() -> bool:
        looks.append(True)
        return len(looks) > 10

    with Index(folder, tmp_path / "state", ONE) as index:
        assert index.update(None, None, is_cancelled).is_cancelled
        assert len(looks) < 20
        assert index.is_new
        assert index.update().added == 4


def test_searches_go_on_while_an_update_runs(folder: Path, tmp_path: Path) -> None:
    with Index(folder, tmp_path / "state", ONE) as index:
        index.update()
        write_many(folder / "rooms", 300)
        is_done = threading.Event()
        failed: list[BaseException] = []

        def search() -> None:
            try:
                while not is_done.is_set():
                    assert index.search(Query("boil water"))[0].path == "src/kitchen.py"
            except BaseException as error:  # noqa: BLE001 - asserted on below
                failed.append(error)

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        index.update()
        is_done.set()
        for thread in threads:
            thread.join()
        assert failed == []
        assert ids(index, "room_function_17")[0] == "rooms/room_17.py:1"


def test_closing_ends_what_runs_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    write_many(folder / "rooms", 600)
    process = psutil.Process()
    threads, files = set(threading.enumerate()), process.num_fds()
    children = set(process.children(recursive=True))  # such as an engine of other tests
    index = Index(folder, tmp_path / "state", Options(processes=2))
    worker = threading.Thread(target=index.update)
    worker.start()
    while index.status().files < 10 and worker.is_alive():
        time.sleep(0.01)
    index.close()
    worker.join()
    assert set(threading.enumerate()) == threads
    assert set(process.children(recursive=True)) <= children
    assert process.num_fds() <= files + 1
    with pytest.raises(ToolError, match="closed"):
        index.search(words("room"))


def test_a_dropped_index_is_empty_and_can_be_built_again(index: Index) -> None:
    index.update()
    index.drop()
    assert index.status().chunks == 0
    assert index.is_new
    assert index.update().added == 4


def test_a_corrupt_notebook_that_is_only_touched_stays_an_error(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "broken.ipynb").write_text('{"cells": [')
    with Index(folder, tmp_path / "state", Options(processes=1)) as index:
        index.update()
        files = index.status().files
        os.utime(folder / "broken.ipynb", (1, 1))
        index.update()
        assert [each.path for each in index.status().problems] == ["broken.ipynb"]
        assert index.status().files == files
