"""Vectors: on their way to the disk, of a second embedder, of another one."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder
from jupyter_mcp.toolsets.search.index import stores
from jupyter_mcp.toolsets.search.index.index import Index
from jupyter_mcp.toolsets.search.index.layout import Layout
from jupyter_mcp.toolsets.search.index.meaning import Meaning
from jupyter_mcp.toolsets.search.index.model import Options, Progress
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError
from jupyter_mcp.toolsets.search.query import Query
from jupyter_mcp.toolsets.search.vectors.client import close, open_server
from jupyter_mcp.toolsets.search.vectors.remote import RemoteVectors
from support.chroma import ChromaServer
from support.folders import write_many, write_project

ONE = Options(processes=1)


class Letters:
    """An embedder that counts letters."""

    def __init__(self, name: str = "letters-1") -> None:
        self.name, self.dimensions = name, 26
        self.texts: list[str] = []
        self.is_broken = False

    def embed_documents(self, texts: Sequence[str]) -> np.ndarray:
        if self.is_broken:
            raise ToolError("unavailable", "The letters are gone.", "Find them.")
        self.texts += texts
        found = np.zeros((len(texts), 26), np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                if "a" <= letter <= "z":
                    found[row, ord(letter) - ord("a")] += 1
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        return self.embed_documents(texts)


def with_second(embedder: Letters) -> Options:
    return Options(processes=1, second=lambda: embedder)


def asked(index: Index) -> set[str]:
    """Return the engines that answered."""
    hits = index.search(Query("divide each count by the sum"))
    return {part for hit in hits for part in hit.parts} & {"lexical", "static", "second"}


def test_vectors_answer_before_chroma_has_them_and_in_the_next_process(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update()
        assert asked(index) == {"lexical", "static"}
        assert not (state / "vectors").exists()
    with Index(folder, state, ONE) as index:
        assert asked(index) == {"lexical", "static"}
        assert index.status().unembedded == 0
        index.embed()
        assert (state / "vectors").exists()
        assert not list(state.glob("waiting-*"))
    with Index(folder, state, ONE) as index:
        index.warm()
        assert asked(index) == {"lexical", "static"}, index.status()


def test_words_answer_until_there_are_vectors(tmp_path: Path) -> None:
    with Index(write_project(tmp_path / "project"), tmp_path / "state", ONE) as index:
        index.update(embed=False)
        assert asked(index) == {"lexical"}
        assert index.status().unembedded > 0
        assert index.embed() == index.status().chunks
        assert asked(index) == {"lexical", "static"}
        assert index.status().unembedded == 0
        assert index.embed() == 0


def test_the_first_bytes_of_a_new_index_get_their_vectors_later(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    write_many(folder / "rooms", 120)
    options = Options(processes=1, words_first=2000)
    with Index(folder, tmp_path / "state", options) as index:
        index.update()
        assert 0 < index.status().unembedded < index.status().chunks
        assert index.embed() > 0
        (folder / "later.py").write_text("def divide_later(counts):\n    return counts / 2\n")
        index.update()
        assert index.status().unembedded == 0


def test_vectors_of_what_moved_are_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_project(tmp_path / "project")
    with Index(folder, tmp_path / "state", ONE) as index:
        index.update()
        added: list[str] = []
        static = index._opening.owned().static
        monkeypatch.setattr(static, "add", lambda digests, *_: added.extend(digests))
        (folder / "src").rename(folder / "lib")
        index.update()
        assert added == []


def test_a_second_embedder_looks_at_the_best_until_it_has_seen_all(tmp_path: Path) -> None:
    folder, letters = write_project(tmp_path / "project"), Letters()
    write_many(folder / "rooms", 120)
    with Index(folder, tmp_path / "state", with_second(letters)) as index:
        index.update()
        index.warm()
        assert asked(index) == {"lexical", "static", "second"}
        assert 2 < len(letters.texts) <= 51
        before = len(letters.texts)
        asked(index)
        assert len(letters.texts) == before + 1  # only the question
        index.embed()
        assert len(letters.texts) >= 120
        assert index.status().embedders == [StaticEmbedder.name, "letters-1"]
        done = len(letters.texts)
        (folder / "new.py").write_text("def weigh_anchor():\n    return 'anchor'\n")
        index.update()
        assert index.embed() == 1
        assert len(letters.texts) == done + 1


def test_vectors_that_outlive_their_words_are_all_searched(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    write_many(folder / "rooms", 60)
    letters = Letters()
    for _ in range(2):
        with Index(folder, state, with_second(letters)) as index:
            index.update()
            index.embed()
            index.warm()
            hits = index.search(Query("divide each count by the sum", limit=100))
            # Of vectors as like as these, Chroma's graph does not reach a few on a busy machine.
            assert sum("second" in hit.parts for hit in hits) > 0.8 * index.status().chunks > 50
            made = len(letters.texts)
        (state / "index.db").unlink()  # as a new version of it does
    assert made < 2 * 60 + 10


def test_filling_can_be_ended_and_goes_on(tmp_path: Path) -> None:
    folder, letters = write_project(tmp_path / "project"), Letters()
    write_many(folder / "rooms", 60)
    told: list[Progress] = []
    with Index(folder, tmp_path / "state", with_second(letters)) as index:
        index.update()
        made = index.embed(
            told.append, lambda: sum(each.stage == "embedding" for each in told) >= 2
        )
        assert 0 < made < 60
    with Index(folder, tmp_path / "state", with_second(letters)) as index:
        assert made + index.embed() == index.status().chunks
        assert len(letters.texts) == index.status().chunks


def test_a_second_embedder_that_fails_is_told_and_the_others_answer(tmp_path: Path) -> None:
    letters = Letters()
    letters.is_broken = True
    folder = write_project(tmp_path / "project")
    with Index(folder, tmp_path / "state", with_second(letters)) as index:
        index.update()
        index.warm()
        assert asked(index) == {"lexical", "static"}
        assert any("letters are gone" in note for note in index.status().notes)
        with pytest.raises(ToolError, match="letters are gone"):
            index.embed()


class Fetching(Letters):
    """An embedder that is being fetched."""

    note = "The letters are fetched from the internet."

    def __init__(self) -> None:
        super().__init__()
        self.go, self.is_asked = threading.Event(), threading.Event()

    @property
    def dimensions(self) -> int:
        self.is_asked.set()
        self.go.wait(30)
        return 26

    @dimensions.setter
    def dimensions(self, _: int) -> None:
        """Take what the others are given."""


def test_an_embedder_that_is_fetched_says_so_meanwhile(tmp_path: Path) -> None:
    letters = Fetching()
    with Index(
        write_project(tmp_path / "project"), tmp_path / "state", with_second(letters)
    ) as index:
        index.update()
        filling = threading.Thread(target=index.embed)
        filling.start()
        assert letters.is_asked.wait(30)
        assert letters.note in index.status().notes
        letters.go.set()
        filling.join()
        assert letters.note not in index.status().notes
        assert asked(index) == {"lexical", "static", "second"}


def test_writing_tells_how_far_it_is(tmp_path: Path) -> None:
    write_many(tmp_path / "project", 40)
    told: list[Progress] = []
    with Index(tmp_path / "project", tmp_path / "state", ONE) as index:
        index.update()
        index.embed(told.append)
        chunks = index.status().chunks
    assert told
    assert {each.stage for each in told} == {"writing"}
    assert {each.total for each in told} == {chunks}


def test_another_embedder_replaces_the_vectors_when_it_has_seen_all(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, with_second(Letters())) as index:
        index.update()
        index.embed()
        assert (state / "vectors" / "letters-1").exists()
    with Index(folder, state, with_second(Letters("letters-2"))) as index:
        index.warm()
        asked(index)
        assert (state / "vectors" / "letters-1").exists()
        index.embed()
        assert not (state / "vectors" / "letters-1").exists()
        assert (state / "vectors" / "letters-2").exists()


@contextmanager
def late_notes() -> Iterator[None]:
    """Let the threads that write vectors note it only afterwards, as on a loaded machine."""
    is_over, settle = threading.Event(), Meaning._settle

    def settle_late(meaning: Meaning) -> None:
        if threading.current_thread() is meaning._thread:
            is_over.wait(30)
        settle(meaning)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Meaning, "_settle", settle_late)
        try:
            yield
        finally:
            is_over.set()


def test_a_new_table_makes_new_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with Index(folder, state, ONE) as index:
        index.update()
        with late_notes():
            index.embed()
    monkeypatch.setattr(StaticEmbedder, "name", "static-9")
    with Index(folder, state, ONE) as index:
        assert asked(index) == {"lexical"}
        assert index.embed() == index.status().chunks
        assert asked(index) == {"lexical", "static"}
        assert [path.name for path in (state / "vectors").iterdir()] == ["static-9"]


def test_a_chroma_server_that_is_not_there_is_told_and_words_answer(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "state"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with Index(folder, state, Options(processes=1, chroma_url=url)) as index:
            index.update()
            with pytest.raises(ToolError, match="does not answer"):
                index.embed()
            assert any("does not answer" in note for note in index.status().notes)
            assert asked(index) == {"lexical"}


def test_an_index_on_a_chroma_server_can_be_dropped_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores.importlib.util, "find_spec", lambda _: None)
    options = Options(processes=1, chroma_url="http://127.0.0.1:1")
    with Index(write_project(tmp_path / "project"), tmp_path / "state", options) as index:
        index.update()
        noted = json.dumps({"name": "static-1", "dimensions": 256})
        index._opening.owned().words.set("embedder static", noted)
        index.drop()
        assert index.is_new


def collections(server: ChromaServer) -> set[str]:
    """Return the names of what a Chroma server keeps."""
    client = open_server(server.url)
    try:
        return {each.name for each in client.list_collections()}
    finally:
        close(client)


def test_indexes_that_share_a_chroma_server_have_vectors_of_their_own(tmp_path: Path) -> None:
    folder, state = write_project(tmp_path / "project"), tmp_path / "one" / "state"
    with ChromaServer(tmp_path) as server:
        options = replace(with_second(Letters()), chroma_url=server.url)
        with Index(folder, state, options) as one:
            one.update()
            one.embed()
            own = collections(server)
            assert len(own) == 2
            with Index(folder, tmp_path / "two" / "state", options) as two:
                two.update()
                two.embed()
                assert len(collections(server)) == 4
                two.drop()
            assert collections(server) == own
            assert one.search(Query("heat water", mode="dense"))[0].path == "src/kitchen.py"
            with Index(folder, state, options) as reader:
                reader.warm()
                assert reader.search(Query("heat water", mode="dense"))[0].path == "src/kitchen.py"
                assert not reader.status().is_owner
            one._opening.rebuild(CorruptStoreError(state / "index.db", "damaged"))
            one.update(embed=False)
            assert one.embed() == 0
            assert collections(server) == own
        with Index(folder, state, replace(options, second=None)) as one:
            one.drop()
            assert collections(server) == set()


@pytest.mark.parametrize("content", [None, b"", b"no id at all"])
def test_an_id_on_a_chroma_server_that_cannot_be_read_is_made_again(
    tmp_path: Path, content: bytes | None
) -> None:
    layout = Layout(tmp_path)
    assert layout.id(is_made=False) == ""
    before = layout.id(is_made=True)
    assert layout.id(is_made=False) == before
    layout.own.unlink()
    if content is None:
        layout.own.mkdir()
    else:
        layout.own.write_bytes(content)
    assert layout.id(is_made=False) == ""
    assert layout.id(is_made=True) == layout.id(is_made=False) != before


def test_vectors_that_cannot_be_written_are_told_as_long_as_they_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ToolError("unavailable", "The disk is full.", "Make room.")

    with Index(write_project(tmp_path / "project"), tmp_path / "state", ONE) as index:
        index.update()
        with monkeypatch.context() as full:
            full.setattr(RemoteVectors, "upsert", refuse)
            index.embed()
            assert "The disk is full. Make room." in index.status().notes
        index.embed()
        assert index.status().notes == []
        assert index.status().unembedded == 0


def test_without_the_extra_words_answer_and_the_status_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores.importlib.util, "find_spec", lambda _: None)
    with Index(write_project(tmp_path / "project"), tmp_path / "state", ONE) as index:
        index.update()
        assert asked(index) == {"lexical"}
        assert any("pip install" in note for note in index.status().notes)
        with pytest.raises(ToolError, match="pip install"):
            index.search(Query("sum", mode="dense"))
        assert index.similar("src/ledger.py")


def test_updates_and_filling_go_on_at_once(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    write_many(folder / "rooms", 100)
    with Index(folder, tmp_path / "state", with_second(Letters())) as index:
        index.update()
        filling = threading.Thread(target=index.embed)
        filling.start()
        write_many(folder / "halls", 50, "hall")
        index.update()
        filling.join()
        index.embed()
        assert index.status().unembedded == 0
        assert index.embed() == 0
