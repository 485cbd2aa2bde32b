"""Vectors in Chroma: in a folder that one process owns, or on a Chroma server.

Only vectors and digests are kept there. Text and filters stay in SQLite, because Chroma's grow
linearly with what is stored. Each collection has a folder of its own, because deleting a
collection leaves its graph on the disk, and because of deleted vectors the graph keeps the room:
a folder that has grown far beyond what is in it is written anew.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
import threading
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.vectors import client as clients
from jupyter_mcp.toolsets.search.vectors import failures, soundness
from jupyter_mcp.toolsets.search.vectors.gate import Gate
from jupyter_mcp.toolsets.search.vectors.hold import Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jupyter_mcp.toolsets.search.embedding.embedder import Vectors

T = TypeVar("T")

HNSW = {"space": "cosine", "ef_construction": 64, "ef_search": 300, "max_neighbors": 16}
"""100 candidates are asked for, so a wide search, which pays for the quicker construction:
recall@10 0.976 of 92,000 real vectors, where Chroma's default has 0.971."""

BATCH = 1000
"""A search waits for the batch that is being added; Chroma's own limit is 5,461."""

READ_BATCH = 2000

GRAPH_BYTES = 200
"""What the graph takes for a vector besides its numbers."""

SLACK_BYTES = 16 * 1024 * 1024
NAME_LENGTH = 200


class ChromaVectors:
    """A collection of Chroma's (see `VectorStore`). Nothing is opened before it is first used.

    Args:
        where: A folder, which no other process may use meanwhile, or the URL of a Chroma server.
        collection: What it is called; characters that Chroma does not allow are replaced.
        dimensions: Length of a vector.
    """

    def __init__(self, where: Path | str, collection: str, dimensions: int) -> None:
        self.name = collection_name(collection)
        self._url = where if isinstance(where, str) else ""
        self._folder = None if isinstance(where, str) else where / self.name
        self._dimensions = dimensions
        self._gate = Gate()
        self._writing = threading.Lock()
        self._hold = Hold(self._folder) if self._folder is not None else None
        self._client: Any = None
        self._collection: Any = None
        self._is_whole = True

    def upsert(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Keep vectors; those that are there already are replaced.

        Raises:
            ToolError: ``invalid_arguments`` when they have another length.
        """
        self._check(vectors.shape[-1] if vectors.ndim == 2 else vectors.ndim)  # noqa: PLR2004
        rows = {digest: row for row, digest in enumerate(digests)}
        for batch in _batches(list(rows), BATCH):
            chosen = vectors[[rows[digest] for digest in batch]]
            self._write(lambda found: found.upsert(ids=batch, embeddings=chosen))  # noqa: B023

    def delete(self, digests: Sequence[str]) -> None:
        """Forget vectors; those that are not there are no error."""
        for batch in _batches(sorted(self.known(digests)), BATCH):
            self._write(lambda found: found.delete(ids=batch))  # noqa: B023
        self._tidy()

    def known(self, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that are there."""
        there: set[str] = set()
        for batch in _batches(list(dict.fromkeys(digests)), READ_BATCH):
            there.update(self._read(lambda found: found.get(ids=batch, include=[]))["ids"])  # noqa: B023
        return there

    def search(self, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the nearest digests with their cosine similarity, the nearest first."""
        self._check(vector.shape[-1])
        if limit <= 0:
            return []
        found = self._read(
            lambda found: found.query(
                query_embeddings=vector.reshape(1, -1), n_results=limit, include=["distances"]
            )
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [(digest, 1.0 - float(distance)) for digest, distance in pairs]

    def similarities(self, vector: Vectors, digests: Sequence[str]) -> dict[str, float]:
        """Return the exact similarity of each of a few digests that are there."""
        import numpy as np

        self._check(vector.shape[-1])
        near: dict[str, float] = {}
        asked = vector / (np.linalg.norm(vector) or 1.0)
        for batch in _batches(list(dict.fromkeys(digests)), READ_BATCH):
            found = self._read(lambda found: found.get(ids=batch, include=["embeddings"]))  # noqa: B023
            if not found["ids"]:
                continue
            rows = np.asarray(found["embeddings"], dtype=np.float32)
            lengths = np.linalg.norm(rows, axis=1)
            scores = rows @ asked / np.where(lengths == 0, 1.0, lengths)
            near.update(zip(found["ids"], scores.tolist(), strict=True))
        return near

    def count(self) -> int:
        """Return how many there are."""
        return int(self._read(lambda found: found.count()))

    def drop(self) -> None:
        """Forget all."""
        with self._gate.alone(), self._told():
            if self._folder is None:
                self._open()
                self._client.delete_collection(self.name)
                self._collection = None
            else:
                self._close()
                shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of files and connections; the next use opens them again."""
        with self._gate.alone():
            self._close()

    def _read(self, ask: Callable[[Any], T]) -> T:
        with self._told():
            return self._ask(ask)

    def _write(self, change: Callable[[Any], object]) -> None:
        with self._writing, self._told(), self._unsealed():
            self._ask(change)

    def _ask(self, ask: Callable[[Any], T]) -> T:
        """Ask once; and once more where a server was started anew since it was last asked."""
        try:
            with self._opened() as collection:
                return ask(collection)
        except Exception as error:
            if self._folder is not None or not _is_stale(error):
                raise
            self.close()
        with self._opened() as collection:
            return ask(collection)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        while True:
            with self._gate.shared():
                if self._collection is not None:
                    yield self._collection
                    return
            with self._gate.alone():
                self._open()

    def _open(self) -> None:
        if self._collection is not None:
            return
        try:
            is_sealed = self._folder is None or self._prepared(self._folder)
            if self._client is None:
                self._client = (
                    clients.open_server(self._url)
                    if self._folder is None
                    else clients.open_folder(self._folder)
                )
            self._collection = self._client.get_or_create_collection(
                self.name, embedding_function=None, configuration={"hnsw": dict(HNSW)}
            )
            if self._folder is not None and not is_sealed:
                soundness.ensure_sound(self._folder, self._collection)
            self._fits()
        except BaseException:
            self._is_whole = False
            self._close()
            raise
        self._is_whole = True

    def _prepared(self, folder: Path) -> bool:
        """Take a folder; return whether it was sealed."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._hold is not None:
            self._hold.take()
        soundness.ensure_database(folder)
        return soundness.is_sealed(folder)

    def _fits(self) -> None:
        """The collection may be from an embedder of another length."""
        first = self._collection.get(limit=1, include=["embeddings"])["embeddings"]
        if len(first) and len(first[0]) != self._dimensions:
            raise ToolError(
                "invalid_arguments",
                f"The collection {self.name} has vectors of {len(first[0])} numbers, not of "
                f"{self._dimensions}.",
                "Drop the index (index_drop) and make it anew (index_update).",
            )

    def _close(self) -> None:
        client, self._client, self._collection = self._client, None, None
        try:
            if client is not None:
                clients.close(client)
                if self._folder is not None and self._is_whole:
                    soundness.seal(self._folder)
        finally:
            if self._hold is not None:
                self._hold.release()

    def _check(self, length: int) -> None:
        if length != self._dimensions:
            raise ToolError(
                "invalid_arguments",
                f"A vector of {length} numbers does not fit the collection {self.name}, whose "
                f"vectors have {self._dimensions}.",
            )

    def _told(self) -> AbstractContextManager[None]:
        if self._folder is None:
            return failures.of_server(self._url)
        return failures.of_folder(self._folder)

    @contextmanager
    def _unsealed(self) -> Iterator[None]:
        if self._folder is None:
            yield
            return
        with self._opened():
            soundness.unseal(self._folder)
        self._is_whole = False
        yield
        soundness.seal(self._folder)
        self._is_whole = True

    def _tidy(self) -> None:
        """Write a folder anew where most of the graph's room is that of deleted vectors."""
        folder = self._folder
        if folder is None:
            return
        need = self.count() * (self._dimensions * 4 + GRAPH_BYTES)
        if soundness.room(folder) <= 2 * need + SLACK_BYTES:
            return
        aside = folder.with_name(f"{folder.name}.new")
        anew = ChromaVectors(aside, self.name, self._dimensions)
        anew.drop()
        with self._writing, self._told():
            for start in itertools.count(0, BATCH):
                page = self._page(start)
                if not page["ids"]:
                    break
                anew.upsert(page["ids"], page["embeddings"])
            anew.close()
            with self._gate.alone():
                self._close()
                shutil.rmtree(folder)
                if (made := aside / self.name).exists():
                    made.rename(folder)
            shutil.rmtree(aside, ignore_errors=True)

    def _page(self, start: int) -> Any:
        return self._ask(lambda found: found.get(limit=BATCH, offset=start, include=["embeddings"]))


def collection_name(name: str) -> str:
    """Return a name that Chroma allows; names that differ stay different."""
    allowed = re.sub(r"[^a-zA-Z0-9._-]+", "-", name).strip("._-")
    if allowed == name and 3 <= len(name) <= NAME_LENGTH:  # noqa: PLR2004
        return name
    mark = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
    return f"{allowed[: NAME_LENGTH - 20]}-{mark}".lstrip("._-")


def _batches(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _is_stale(error: Exception) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"TransportError", "NotFoundError"})
