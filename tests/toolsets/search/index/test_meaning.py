"""What happens between two stores at a bad moment: one stands in whose moments can be chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.ledger import Ledger
from jupyter_mcp.toolsets.search.index.meaning import Meaning
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from tests.support.lexical import file_of

DIGEST = "ab" * 16
VECTOR = np.ones(4, np.float32) / 2


class Shelf:
    """A store in memory that does something before it answers."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.may_write = threading.Event()
        self.meanwhile: Callable[[], object] = lambda: None

    def upsert(self, digests: Sequence[str], vectors: Any) -> None:
        assert self.may_write.wait(30)
        self.kept.update(zip(digests, vectors, strict=True))

    def search(self, vector: Any, limit: int) -> list[tuple[str, float]]:
        found = [(digest, float(kept @ vector)) for digest, kept in self.kept.items()]
        self.meanwhile()
        return found[:limit]

    def count(self) -> int:
        self.meanwhile()
        return len(self.kept)

    def close(self) -> None:
        pass


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def words(tmp_path: Path) -> Iterator[LexicalStore]:
    with LexicalStore(tmp_path / "words.db") as opened:
        yield opened


@pytest.fixture
def meaning(shelf: Shelf, words: LexicalStore, tmp_path: Path) -> Iterator[Meaning]:
    ledger = Ledger(words, "shelf")
    embedder: Any = None
    vectors: Any = shelf
    made = Meaning(embedder, vectors, ledger, tmp_path / "waiting.npz", lambda _: None)
    made.load()
    yield made
    shelf.may_write.set()
    made.close()


def test_a_vector_that_is_written_during_a_search_is_found(shelf: Shelf, meaning: Meaning) -> None:
    def write() -> None:
        shelf.may_write.set()
        assert meaning.flush(30)

    shelf.meanwhile = write
    meaning.add([DIGEST], VECTOR.reshape(1, -1))
    assert [digest for digest, _ in meaning.search(VECTOR, 10)] == [DIGEST]


def test_damage_of_a_store_that_was_put_aside_meanwhile_is_not_told_again(
    shelf: Shelf, meaning: Meaning
) -> None:
    def break_down() -> None:
        raise ToolError("corrupt", "It cannot be read.")

    shelf.meanwhile = break_down
    with pytest.raises(ToolError) as told:
        meaning.search(VECTOR, 10)
    assert told.value.code == "corrupt"

    def notice() -> None:
        meaning.reset()
        break_down()

    meaning.load()
    shelf.meanwhile = notice
    with pytest.raises(ToolError) as told:
        meaning.search(VECTOR, 10)
    assert told.value.code == "unavailable"


def test_vectors_that_still_wait_are_not_noted_as_stored_when_an_update_ends_meanwhile(
    shelf: Shelf, meaning: Meaning, words: LexicalStore
) -> None:
    def update() -> None:
        with meaning.ledger.writing():
            (digest,) = words.replace([file_of("a.py", "def found(): pass")]).came
            meaning.add([digest], VECTOR.reshape(1, -1))

    shelf.meanwhile = update
    meaning.settle()
    shelf.meanwhile = lambda: None
    assert not Ledger(words, "shelf").is_mended  # as after a kill -9
    shelf.may_write.set()
    assert meaning.flush(30)
    meaning.settle()
    assert Ledger(words, "shelf").is_complete
