from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import jupyter_mcp
from jupyter_mcp import SearchIndex, ToolError
from jupyter_mcp.toolsets.search.index.layout import state_folder
from support.folders import write_project


def test_a_folder_is_searched_without_more_ado(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    folder = write_project(tmp_path / "project")
    with SearchIndex(folder, processes=1) as index:
        hits = index.search("where are the counts normalised")
        assert hits[0]["path"] == "src/ledger.py"
        assert {"lexical", "static"} <= set(hits[0].parts)
        assert index.status().files == 4
        assert index.search("counts", mode="lexical", path="README.md") == []
        (folder / "new.py").write_text("def weigh_anchor():\n    pass\n")
        assert index.update().added == 1
        assert index.search("anchor", limit=1, mode="literal")[0].line == 1
    assert state_folder(folder).is_relative_to(tmp_path / "data" / "jupyter_mcp" / "search")
    assert state_folder(folder).stat().st_mode & 0o777 == 0o700


def test_its_state_may_be_told_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    with SearchIndex("project", state="told-from-here", processes=1) as index:
        index.update()
        monkeypatch.chdir("/")
        assert index.search("where are the counts normalised")[0].path == "src/ledger.py"
    assert (tmp_path / "told-from-here/vectors").is_dir()


def test_a_language_is_also_called_as_its_files_end(tmp_path: Path) -> None:
    with SearchIndex(write_project(tmp_path / "project"), state=tmp_path / "state") as index:
        for name, end in (("py", ".py"), ("md", ".md"), ("ipynb", ".ipynb")):
            found = {Path(hit.path).suffix for hit in index.search("counts", language=name)}
            assert end in found, name
            assert found <= {end, ".ipynb"}, name  # cells are in Python or in Markdown, too


def test_documents_are_found_by_their_ids(tmp_path: Path) -> None:
    with SearchIndex(tmp_path, state=tmp_path / ".state", processes=1) as index:
        documents = [
            {"id": "7", "text": "def read_lines(path):\n    return path.read_text().splitlines()"},
            {"id": "8", "text": "def add(a, b):\n    return a + b"},
        ]
        assert index.add_documents(documents) == 2
        (first, *_) = index.search("read the lines of a file")
        assert first.id == "7"
        assert {"lexical", "static"} <= set(first.parts)
        index.drop()
        assert index.search("lines") == []


def test_a_second_one_reads_what_the_first_has(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with SearchIndex(folder, state=state, processes=1) as first:
        first.search("counts", mode="lexical")
        with SearchIndex(folder, state=state, processes=1) as second:
            assert second.search("normalise counts")[0].path == "src/ledger.py"
            with pytest.raises(ToolError, match="kept by this process"):
                second.update()


def test_one_that_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    index = SearchIndex(folder, state=state, processes=1)
    index.update()
    assert index.search("normalise counts", mode="dense")
    index = SearchIndex(folder, state=state, processes=1)  # a cell that is run again
    index.update()
    assert index.search("normalise counts", mode="dense")
    index.close()


def test_an_embedder_that_is_not_there_is_told_and_the_table_finds(tmp_path: Path) -> None:
    folder, spec = write_project(tmp_path / "project"), f"onnx:{tmp_path / 'no-model'}"
    with SearchIndex(folder, state=tmp_path / "state", embedder=spec, processes=1) as index:
        with pytest.warns(UserWarning, match="no-model"):
            index.update()
        assert "static" in index.search("where are the counts normalised")[0].parts


@pytest.mark.parametrize("wrong", ["nobody-knows-it", "", None, 5])
def test_a_wrong_embedder_is_told_at_once(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ToolError, match=f"There is no embedder {wrong!r}") as caught:
        SearchIndex(tmp_path, embedder=wrong)
    assert caught.value.code == "invalid_arguments"


@pytest.mark.parametrize(
    "wrong",
    [
        {"query": 5},
        {"query": None},
        {"limit": 0},
        {"limit": "5"},
        {"limit": 1.5},
        {"mode": "fuzzy"},
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with SearchIndex(tmp_path, state=tmp_path / ".state", processes=1) as index:
        with pytest.raises(ToolError) as told:
            index.search(**{"query": "counts", **wrong})
        assert told.value.code == "invalid_arguments"


def test_documents_that_are_none_are_told_and_broken_letters_kept(tmp_path: Path) -> None:
    with SearchIndex(tmp_path, state=tmp_path / ".state", processes=1) as index:
        with pytest.raises(ToolError, match="'id' and a 'text'"):
            index.add_documents(["words"])  # type: ignore[list-item]
        index.add_documents([{"id": "half \ud83d", "text": "walrus \ud83d \0"}])
        assert index.search("walrus", mode="lexical")[0].id == "half ?"


def test_a_full_path_below_the_folder_is_understood(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    with SearchIndex(folder, state=tmp_path / "state", processes=1) as index:
        paths = {
            hit.path for hit in index.search("counts", mode="lexical", path=str(folder / "src"))
        }
        assert paths
        assert {path.split("/")[0] for path in paths} == {"src"}


def test_damaged_vectors_keep_no_answer_back(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with SearchIndex(folder, state=state, processes=1) as index:
        index.update()
    for file in (state / "vectors").rglob("*.sqlite3"):
        file.write_bytes(b"no database at all" * 1000)
    with SearchIndex(folder, state=state, processes=1) as index:
        assert index.search("where are the counts normalised")[0].path == "src/ledger.py"
        assert "vectors could not be read" in " ".join(index.status().notes)


def test_it_is_public() -> None:
    assert jupyter_mcp.SearchIndex is SearchIndex


def test_an_index_below_its_folder_does_not_find_itself(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def only_here():\n    pass\n")
    with SearchIndex(tmp_path, state=tmp_path / "its own [index]") as index:
        assert index.update().added == 1
        assert index.update().added == 0
        assert index.status().files == 1


def test_a_search_after_a_cancelled_update_does_not_begin_another(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def only_here():\n    pass\n")
    with SearchIndex(tmp_path, state=tmp_path.with_name("state")) as index:
        assert index.update(is_cancelled=lambda: True).is_cancelled
        assert index.search("only_here") == []
