"""What becomes of a state folder that cannot be written, or in which the wrong things lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.layout import Layout
from jupyter_mcp.toolsets.search.index.model import Options
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.search_index import SearchIndex
from support.accounts import ordinary_account
from support.folders import write_project

ONE = Options(processes=1)


def paths(index: Index | SearchIndex, text: str) -> list[str]:
    found = index.search(Query(text)) if isinstance(index, Index) else index.search(text)
    return [hit.path for hit in found]


def listing(state: Path) -> list[tuple[str, int, int]]:
    found = [(path, path.stat()) for path in sorted(state.rglob("*"))]
    return [(str(path), state.st_size, state.st_mtime_ns) for path, state in found]


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a project and its state folder, which this account may read and not write."""
    with Index(write_project(tmp_path / "other"), tmp_path / "state", ONE) as index:
        index.update()  # modules are loaded that the account may not be allowed to read
        paths(index, "boil water")
    with ordinary_account() as place:
        folder, state = write_project(place / "project"), place / "state"
        with Index(folder, state, ONE) as index:
            index.update()
        seal(state, 0o555, 0o444)
        yield folder, state
        seal(state, 0o755, 0o644)


def seal(state: Path, folders: int, files: int) -> None:
    state.chmod(folders)
    for path in state.rglob("*"):
        path.chmod(folders if path.is_dir() else files)


def test_an_index_that_cannot_be_written_is_searched_as_it_is(sealed: tuple[Path, Path]) -> None:
    folder, state = sealed
    before = listing(state)
    with SearchIndex(folder, state=state, processes=1) as index:
        assert paths(index, "boil water")[0] == "src/kitchen.py"
        (note,) = index.status().notes
        assert "cannot be written (Permission denied); its words are searched" in note
        assert "make that folder writable" in note
        assert not index.status().is_owner
        assert index.status().files == 4
        with pytest.raises(ToolError, match="cannot be written"):
            index.update()
        with pytest.raises(ToolError, match="Only words can be searched here"):
            index.search("heat it", mode="dense")
        (folder / "src" / "kitchen.py").write_text("def dance():\n    pass\n")
        assert "src/kitchen.py" not in paths(index, "boil water")
    assert listing(state) == before


def test_it_is_written_again_when_that_is_possible(sealed: tuple[Path, Path]) -> None:
    folder, state = sealed
    with Index(folder, state, ONE) as index:
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        assert "new.py" not in paths(index, "weigh anchor")
        seal(state, 0o755, 0o644)
        assert index.update().added == 1
        assert paths(index, "weigh anchor")[0] == "new.py"
        assert index.status().notes == []


def test_a_reader_sees_what_others_write_into_what_it_took_for_unchanging(
    sealed: tuple[Path, Path],
) -> None:
    folder, state = sealed
    with Index(folder, state, ONE) as reader:
        assert paths(reader, "boil water")[0] == "src/kitchen.py"
        seal(state, 0o755, 0o644)
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        with Index(folder, state, ONE) as writer:
            writer.update(embed=False)
            seal(state, 0o555, 0o444)
            assert paths(reader, "weigh anchor")[0] == "new.py"
            seal(state, 0o755, 0o644)


def test_a_database_that_may_not_be_written_is_searched(sealed: tuple[Path, Path]) -> None:
    folder, state = sealed
    state.chmod(0o755)
    (state / "lock").chmod(0o644)
    with Index(folder, state, ONE) as index:
        assert paths(index, "boil water")[0] == "src/kitchen.py"
        with pytest.raises(ToolError, match="cannot be written"):
            index.update()


def test_a_database_that_may_not_be_read_is_told_in_a_line(sealed: tuple[Path, Path]) -> None:
    folder, state = sealed
    (state / "index.db").chmod(0)
    with Index(folder, state, ONE) as index, pytest.raises(ToolError, match="may not be read"):
        paths(index, "boil water")
    state.chmod(0)
    with Index(folder, state, ONE) as index, pytest.raises(ToolError, match="cannot lie in"):
        paths(index, "boil water")


@pytest.mark.parametrize("name", ["lock", "index.db", "index.db-wal", "index.db-shm"])
def test_a_folder_in_the_place_of_a_file_is_put_aside(tmp_path: Path, name: str) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update()
    (state / name).unlink(missing_ok=True)
    (state / name / "something").mkdir(parents=True)
    for _ in range(2):
        with Index(folder, state, ONE) as index:
            index.update()
            assert paths(index, "boil water")[0] == "src/kitchen.py"
    (aside,) = state.glob(f"{name.partition('-')[0]}.corrupt-*/something")
    assert aside.is_dir()
    assert not (state / name).is_dir()


@pytest.mark.parametrize("name", ["", "*/held"])
def test_vectors_that_are_something_else_are_made_again(tmp_path: Path, name: str) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with SearchIndex(folder, state=state, processes=1) as index:
        index.update()
    (path,) = (state / "vectors").glob(name) if name else [state / "vectors"]
    if path.is_dir():
        path.rename(state / "gone")
        path.write_text("this is a file")
    else:
        path.unlink()
        path.mkdir()
    with SearchIndex(folder, state=state, processes=1) as index:
        assert paths(index, "boil water")[0] == "src/kitchen.py"
        assert any("vectors could not be read" in note for note in index.status().notes)
        with pytest.raises(ToolError, match="Not all pieces have a vector yet"):
            index.search("heat water until it bubbles", mode="dense")
        index.update()
        (hit, *_) = index.search("heat water until it bubbles", mode="dense")
        assert hit.path == "src/kitchen.py"


@pytest.mark.parametrize("content", [None, b"", b"no arrays", b"PK\x03\x04 half an archive"])
def test_waiting_vectors_that_cannot_be_read_are_made_again(
    tmp_path: Path, content: bytes | None
) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update()
    (waiting,) = state.glob("waiting-*")
    waiting.unlink()
    if content is None:
        (waiting / "something").mkdir(parents=True)
    else:
        waiting.write_bytes(content)
    with Index(folder, state, ONE) as index:
        assert index.embed() == index.status().chunks


def test_dropping_deletes_all_that_is_its_own_and_nothing_else(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    others = ("thesis.docx", "photos/a.jpg", "vectors.txt", "index.db.backup", "waiting-list.npz")
    for name in others:
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("mine")
    for name in ("lock", "index.db", "index.db-wal", "index.db-shm"):
        (state / name).mkdir()
    with Index(folder, state, ONE) as index:
        index.update()
    (waiting,) = state.glob("waiting-*[0-9a-f].npz")
    waiting.unlink()
    waiting.mkdir()
    (state / "vectors").write_text("this is a file")
    with SearchIndex(folder, state=state, processes=1) as index:
        paths(index, "boil water")
        index.update()
    (state / "index.db.12-34-wal").touch()  # of a process that was killed
    own = [each for each in state.iterdir() if each.name not in {*others, "photos"}]
    assert Layout(state).bytes() == sum(each.stat().st_blocks * 512 for each in files(*own))
    with Index(folder, state, ONE) as index:
        index.embed()
        assert len({each.name.partition(".")[0] for each in state.glob("*.corrupt-*")}) == 4
        index.drop()
    left = {each.relative_to(state).as_posix() for each in files(state)}
    assert left == {"lock", *others}
    assert {each.name for each in state.iterdir() if each.is_dir()} == {"photos"}


def files(*places: Path) -> list[Path]:
    found = [path for place in places for path in (place, *place.rglob("*"))]
    return [path for path in found if path.is_file()]
