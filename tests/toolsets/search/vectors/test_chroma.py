"""All kinds of store keep and find the same; each fails in its own way."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.vectors import chroma as store
from jupyter_mcp.toolsets.search.vectors.chroma import ChromaVectors, collection_name
from jupyter_mcp.toolsets.search.vectors.process import ChromaProcess
from jupyter_mcp.toolsets.search.vectors.remote import RemoteVectors
from support.chroma import ChromaServer
from support.server import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors
    from jupyter_mcp.toolsets.search.vectors.vectors import VectorStore

SIZE = 32


def some_vectors(count: int, size: int = SIZE, seed: int = 0) -> Vectors:
    """Vectors of length 1."""
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def digests(count: int, start: int = 0) -> list[str]:
    """Digests, as chunks have them."""
    return [f"{number:032x}" for number in range(start, start + count)]


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """A Chroma server, shared by all tests of the process."""
    with ChromaServer(tmp_path_factory.mktemp("chroma")) as running:
        yield running


@pytest.fixture(scope="module")
def process() -> Iterator[ChromaProcess]:
    """A process that keeps vectors, shared by all tests of the module."""
    made = ChromaProcess()
    yield made
    made.close()


@pytest.fixture(params=["folder", "server", "process"])
def vectors(
    request: pytest.FixtureRequest, tmp_path: Path, process: ChromaProcess
) -> Iterator[VectorStore]:
    """An empty store of each kind."""
    is_server = request.param == "server"
    where = request.getfixturevalue("chroma_server").url if is_server else tmp_path
    name = f"static-1 {tmp_path.name}"
    made: VectorStore = (
        RemoteVectors(process, where, name, SIZE)
        if request.param == "process"
        else ChromaVectors(where, name, SIZE)
    )
    yield made
    made.drop()
    made.close()


def test_an_empty_store_has_nothing(vectors: VectorStore) -> None:
    assert vectors.count() == 0
    assert vectors.known(digests(3)) == set()
    assert vectors.search(some_vectors(1)[0], 10) == []
    assert vectors.similarities(some_vectors(1)[0], digests(2)) == {}


def test_the_nearest_come_first_with_their_cosine(vectors: VectorStore) -> None:
    rows = some_vectors(2500)
    vectors.upsert(digests(2500), rows)
    assert vectors.count() == 2500
    exact = rows @ rows[7]
    found = vectors.search(rows[7], 10)
    assert found[0] == (digests(1, 7)[0], pytest.approx(1.0, abs=1e-5))
    assert len(found) == 10
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert all(score == pytest.approx(exact[int(digest, 16)], abs=1e-5) for digest, score in found)


def test_fewer_are_there_than_are_asked_for(vectors: VectorStore) -> None:
    vectors.upsert(digests(3), some_vectors(3))
    assert len(vectors.search(some_vectors(1)[0], 50)) == 3
    assert vectors.search(some_vectors(1)[0], 0) == []


def test_few_that_are_left_of_many_are_found(vectors: VectorStore) -> None:
    rows = some_vectors(1500)
    vectors.upsert(digests(1500), rows)
    vectors.delete(digests(1490))
    assert {digest for digest, _ in vectors.search(rows[3], 100)} == set(digests(10, 1490))


def test_what_is_there_is_replaced(vectors: VectorStore) -> None:
    rows = some_vectors(4)
    vectors.upsert(digests(2), rows[:2])
    vectors.upsert(digests(1), rows[3:])
    assert vectors.count() == 2
    assert vectors.similarities(rows[3], digests(1)) == {
        digests(1)[0]: pytest.approx(1.0, abs=1e-5)
    }


def test_a_digest_that_is_named_twice_counts_once(vectors: VectorStore) -> None:
    rows = some_vectors(2)
    vectors.upsert([digests(1)[0]] * 2, rows)
    assert vectors.count() == 1
    assert vectors.similarities(rows[1], digests(1) * 2)[digests(1)[0]] == pytest.approx(1.0)


def test_forgetting_takes_only_what_is_named(vectors: VectorStore) -> None:
    rows = some_vectors(5)
    vectors.upsert(digests(5), rows)
    vectors.delete([*digests(2), "f" * 32])
    assert vectors.known(digests(6)) == set(digests(3, 2))
    assert digests(1)[0] not in dict(vectors.search(rows[0], 5))
    vectors.delete([])
    assert vectors.count() == 3


def test_similarities_are_exact_and_of_what_is_there(vectors: VectorStore) -> None:
    rows = some_vectors(5)
    vectors.upsert(digests(4), rows[:4])
    near = vectors.similarities(rows[4], digests(5))
    expected = {digest: float(rows[4] @ rows[int(digest, 16)]) for digest in digests(4)}
    assert near == {digest: pytest.approx(score, abs=1e-5) for digest, score in expected.items()}


def test_all_is_forgotten_and_the_store_goes_on(vectors: VectorStore) -> None:
    vectors.upsert(digests(5), some_vectors(5))
    vectors.drop()
    assert vectors.count() == 0
    vectors.upsert(digests(1), some_vectors(1))
    assert vectors.count() == 1


def test_a_closed_store_opens_again_with_all_that_was_there(vectors: VectorStore) -> None:
    rows = some_vectors(1200)
    vectors.upsert(digests(1200), rows)
    vectors.close()
    vectors.close()
    assert vectors.search(rows[1150], 1)[0][0] == digests(1, 1150)[0]
    assert vectors.count() == 1200


def test_a_vector_of_another_length_is_refused(vectors: VectorStore) -> None:
    with pytest.raises(ToolError, match="A vector of 8 numbers does not fit") as refused:
        vectors.upsert(digests(1), some_vectors(1, 8))
    assert refused.value.code == "invalid_arguments"
    with pytest.raises(ToolError, match="numbers does not fit"):
        vectors.search(some_vectors(1, 8)[0], 3)


def test_many_threads_read_write_and_close_at_once(vectors: VectorStore) -> None:
    rows = some_vectors(600)
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            mine = slice(number * 100, number * 100 + 100)
            vectors.upsert(digests(600)[mine], rows[mine])
            assert vectors.known(digests(600)[mine]) == set(digests(600)[mine])
            vectors.search(rows[0], 5)
            if number == 3:
                vectors.close()
        except BaseException as error:  # noqa: BLE001 - the test fails by it
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert vectors.count() == 600


def test_names_fit_chroma_and_stay_different() -> None:
    assert collection_name("static-1") == "static-1"
    odd = ["x", "", "..", "a b", "a/b", "chroma:ollama nomic", "ü" * 600, "v" * 600, "-a-"]
    made = [collection_name(name) for name in odd]
    assert len(set(made)) == len(odd)
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    for name in made:
        assert 3 <= len(name) <= 200
        assert set(name) <= allowed
        assert name[0].isalnum()
        assert name[-1].isalnum()


def test_a_closed_folder_is_let_go_of(tmp_path: Path) -> None:
    """Chroma's runtime keeps some threads for good; nothing may come with each opening."""
    made = ChromaVectors(tmp_path, "static-1", SIZE)

    def once() -> None:
        made.upsert(digests(3), some_vectors(3))
        made.close()

    def held() -> list[str]:
        names = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
        links = [str(name.readlink()) for name in names if name.is_symlink()]
        return [link for link in links if str(tmp_path) in link]

    once()
    gc.collect()
    wait_until(lambda: not held(), seconds=30, what="the files are closed", interval=0.02)
    shutil.rmtree(tmp_path / "static-1")
    threads = len(os.listdir("/proc/self/task"))
    for _ in range(3):
        once()
    wait_until(
        lambda: not held() and len(os.listdir("/proc/self/task")) <= threads,
        seconds=30,
        what="threads and files are gone",
        interval=0.02,
    )
    assert made.count() == 3
    made.close()


def test_an_embedder_of_another_length_is_told(tmp_path: Path) -> None:
    first = ChromaVectors(tmp_path, "static-1", SIZE)
    first.upsert(digests(2), some_vectors(2))
    first.close()
    other = ChromaVectors(tmp_path, "static-1", 8)
    with pytest.raises(ToolError, match="has vectors of 32 numbers, not of 8") as told:
        other.count()
    assert told.value.code == "invalid_arguments"
    shutil.rmtree(tmp_path / "static-1")


def test_room_of_forgotten_vectors_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SLACK_BYTES", 200_000)
    made = ChromaVectors(tmp_path, "static-1", SIZE)
    rows = some_vectors(4000)
    made.upsert(digests(4000), rows)
    graph = sum(path.stat().st_size for path in (tmp_path / "static-1").glob("*/*"))
    made.delete(digests(3500))
    left = sum(path.stat().st_size for path in (tmp_path / "static-1").glob("*/*"))
    assert left < graph / 3
    assert made.known(digests(4000)) == set(digests(500, 3500))
    assert made.search(rows[3777], 1)[0][0] == digests(1, 3777)[0]
    made.close()
    assert os.listdir(tmp_path) == ["static-1"]


def test_a_file_in_the_place_of_a_folder_is_damage(tmp_path: Path) -> None:
    (tmp_path / "static-1").write_text("a file")
    with pytest.raises(ToolError, match="a file is in the place of a folder") as told:
        ChromaVectors(tmp_path, "static-1", SIZE).count()
    assert told.value.code == "corrupt"


def test_without_the_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chromadb", None)
    with pytest.raises(ToolError, match="Chroma is missing") as told:
        ChromaVectors(tmp_path, "static-1", SIZE).count()
    assert told.value.code == "unavailable"
    assert told.value.remedy == "pip install 'jupyter-mcp-workbench[search]'"


def test_nothing_is_imported_or_printed_before_it_is_needed(tmp_path: Path) -> None:
    program = """
    import sys
    from pathlib import Path
    from jupyter_mcp.toolsets.search.vectors.chroma import ChromaVectors
    made = ChromaVectors(Path(sys.argv[1]), "static-1", 4)
    assert not {"chromadb", "numpy"} & set(sys.modules), "too early"
    import numpy
    made.upsert(["a" * 32], numpy.eye(4, dtype="float32")[:1])
    made.upsert(["a" * 32], numpy.eye(4, dtype="float32")[:1])
    made.delete(["b" * 32])
    made.close()
    """
    (tmp_path / ".env").write_text("CHROMA_SERVER_HOST=elsewhere\nPERSIST_DIRECTORY=/nowhere\n")
    command = [sys.executable, "-W", "default", "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_server_that_dies_is_told_and_serves_again(tmp_path: Path) -> None:
    with ChromaServer(tmp_path) as server:
        made = ChromaVectors(server.url, "static-1", SIZE)
        made.upsert(digests(5), some_vectors(5))
        server.kill()
        with pytest.raises(ToolError, match="does not answer") as told:
            made.count()
        assert told.value.code == "unavailable"
        assert "search_chroma_url" in told.value.remedy
        server.start()
        assert made.count() == 5
        server.kill()
        server.start()
        assert made.known(digests(6)) == set(digests(5))
        made.close()


def test_a_url_that_is_none_is_told() -> None:
    with pytest.raises(ToolError, match="is no URL of a Chroma server") as told:
        ChromaVectors("chroma.example", "static-1", SIZE).count()
    assert told.value.code == "invalid_arguments"


def test_a_password_in_the_url_is_not_told() -> None:
    made = ChromaVectors("http://ann:hunter2@127.0.0.1:9/", "static-1", SIZE)
    with pytest.raises(ToolError) as told:
        made.count()
    assert "hunter2" not in str(told.value)
