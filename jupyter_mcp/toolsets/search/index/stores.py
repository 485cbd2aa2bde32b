"""What an open index writes into and searches: words, and vectors of one or two embedders."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.known import KnownFiles
from jupyter_mcp.toolsets.search.index.layout import Layout
from jupyter_mcp.toolsets.search.index.ledger import Ledger
from jupyter_mcp.toolsets.search.index.meaning import Meaning, PutAsideError
from jupyter_mcp.toolsets.search.index.model import Options
from jupyter_mcp.toolsets.search.index.notes import INSTALL, Notes, no_vectors
from jupyter_mcp.toolsets.search.index.turns import EndedError, acquired, unless_ended
from jupyter_mcp.toolsets.search.lexical.faults import CorruptStoreError, OtherVersionError
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from jupyter_mcp.toolsets.search.vectors.process import ChromaProcess
from jupyter_mcp.toolsets.search.vectors.remote import RemoteVectors

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.embedding.embedder import Embedder
    from jupyter_mcp.toolsets.search.vectors.vectors import VectorStore

STATIC, SECOND = "static", "second"
"""The engines of the vectors, as ranking knows them."""

_FETCHING = "second model"


class Stores:
    """The open stores of one index. Thread-safe.

    Args:
        layout: Where they lie.
        options: How the index is kept.
        notes: What the status tells.
        is_ending: Whether all that goes on has to end.
        is_owner: Whether this process writes them.

    Raises:
        ToolError: ``unavailable`` when they cannot be opened, ``corrupt`` for one that another
            process has to mend.
    """

    def __init__(
        self,
        layout: Layout,
        options: Options,
        notes: Notes,
        is_ending: Callable[[], bool],
        *,
        is_owner: bool,
    ) -> None:
        self.is_owner = is_owner
        self._is_ending = is_ending
        self._layout, self._options, self._notes = layout, options, notes
        self._lock = threading.RLock()
        self._loading = threading.Lock()
        self.writing = threading.RLock()
        """Is held while files are written and while it is told that they are open somewhere."""
        self._is_closed = False
        self._second: Meaning | None = None
        self.wants_vectors = False
        """Whether vectors were put aside that nobody has begun to make again."""
        self._process = ChromaProcess()
        self._id = _id(layout, is_owner=is_owner) if options.chroma_url else ""
        self.words = _mended(layout, notes) if is_owner else _read_only(layout)
        self.known = KnownFiles(self.words, is_shared=not is_owner)
        self.static: Meaning | None = None
        self._has_extra = all(importlib.util.find_spec(each) for each in ("chromadb", "numpy"))
        if not self._has_extra:
            notes.tell("extra", f"Only words are searched, not meaning. Run: {INSTALL}")
        elif self._id or (is_owner and not options.chroma_url):
            from jupyter_mcp.toolsets.search.embedding.static import StaticEmbedder

            table = StaticEmbedder()
            self.static = self._meaning(table, table.name, table.dimensions)

    @property
    def is_outdated(self) -> bool:
        """Whether they have to be opened again to see what was written since."""
        return self.words.is_outdated

    @property
    def second(self) -> Meaning | None:
        """The embedder besides the table, when it was loaded."""
        return self._second

    @property
    def wants_second(self) -> bool:
        """Whether there is a second embedder that is not loaded yet."""
        return self._options.second is not None and self._second is None and self.static is not None

    def is_ending(self) -> bool:
        """Return whether all that goes on has to end."""
        return self._is_closed or self._is_ending()

    def load_second(self, is_cancelled: Callable[[], bool] | None = None) -> Meaning | None:
        """Load the second embedder, if there is one and if this process may use its vectors.

        Args:
            is_cancelled: Whether to leave it: a service may hang.
        """

        def is_ended() -> bool:
            return self.is_ending() or (is_cancelled is not None and is_cancelled())

        if not self.wants_second or not acquired(self._loading, is_ended):
            return self._second
        try:
            if self.wants_second and not is_ended():
                made = unless_ended(self._made_second, is_ended)
                with self._lock:
                    if not self._is_closed:
                        self._second = self._meaning(*made)
        except EndedError:
            return None
        except ToolError as error:
            self._notes.tell(SECOND, error)
            return None
        finally:
            self._loading.release()
        self._notes.clear(SECOND)
        self._notes.clear(_FETCHING)
        return self._second

    def _made_second(self) -> tuple[Embedder, str, int]:
        """Make the second embedder; return it with its name and the length of its vectors."""
        make = self._options.second
        if make is None:
            raise EndedError
        embedder = make()
        if note := getattr(embedder, "note", ""):
            self._notes.tell(_FETCHING, note)
        return embedder, embedder.name, embedder.dimensions

    def meanings(self) -> dict[str, Meaning]:
        """Return what finds by meaning, by the name of the engine."""
        both = {STATIC: self.static, SECOND: self._second}
        return {name: meaning for name, meaning in both.items() if meaning is not None}

    def no_meaning(self) -> ToolError:
        """Return why nothing is found by meaning."""
        if self._has_extra:
            return ToolError(
                "unavailable",
                "Only words can be searched here.",
                "Look at the status of the index for the reason, or ask in another mode.",
            )
        return no_vectors()

    def retire(self, engine: str) -> None:
        """Drop the vectors of the embedder before this one, once this one's are complete."""
        meaning = self.meanings()[engine]
        if not meaning.ledger.is_complete or not self.is_owner:
            return
        now = {"name": meaning.embedder.name, "dimensions": meaning.embedder.dimensions}
        before = json.loads(self.words.get(f"embedder {engine}", "{}"))
        if before == now:
            return
        if before:
            self._vectors(before["name"], before["dimensions"]).drop()
        self.words.set(f"embedder {engine}", json.dumps(now))

    def drop_vectors(self) -> None:
        """Forget the vectors on a Chroma server, also of an embedder that is not loaded."""
        if not (self._options.chroma_url and self._has_extra):
            return
        for engine in (STATIC, SECOND):
            meaning = self.meanings().get(engine)
            noted = json.loads(self.words.get(f"embedder {engine}", "{}"))
            if meaning is not None:
                meaning.drop()
            if noted and (meaning is None or meaning.embedder.name != noted["name"]):
                self._vectors(noted["name"], noted["dimensions"]).drop()

    def failed(self, error: ToolError) -> bool:
        """Take note that vectors could not be used; those that cannot be read are put aside.

        Returns:
            Whether they are put aside, by whomever, so that others can be made in their place.
        """
        if isinstance(error, CorruptStoreError):  # the words, not the vectors
            return False
        if error.code == "corrupt":
            self._put_aside(error)
        elif not isinstance(error, PutAsideError):
            self._notes.tell("vectors", error)
            return False
        return True

    def _put_aside(self, error: ToolError) -> None:
        """Put Chroma's folder aside; its vectors are made again by `embed`."""
        with self._lock:
            if self._options.chroma_url or self._is_closed or not self.is_owner:
                return
            for meaning in self.meanings().values():
                meaning.reset()
            aside = self._layout.put_aside(self._layout.vectors)
            for meaning in self.meanings().values():
                meaning.reset()  # again, for who opened the old folder meanwhile
            self.wants_vectors = True
            self._notes.tell(
                "corrupt vectors",
                f"The vectors could not be read ({error.message}); they lie in '{aside.name}' and "
                "are made again. Delete that folder if you do not need it.",
            )

    def succeeded(self) -> None:
        """Take note that vectors can be used, whatever was told before."""
        self._notes.clear("vectors")

    def close(self) -> None:
        """Let go of all files and threads."""
        with self._lock:
            self._is_closed = True
            for meaning in self.meanings().values():
                meaning.end()
            self._process.close()  # what is waited for comes to an end
            for meaning in self.meanings().values():
                meaning.close()
            self.words.close()

    def _meaning(self, embedder: Embedder, name: str, dimensions: int) -> Meaning:
        vectors = self._vectors(name, dimensions)
        ledger = Ledger(self.words, name, is_kept=self.is_owner)
        waiting = self._layout.waiting(name)
        return Meaning(embedder, vectors, ledger, waiting, self.failed)

    def _vectors(self, name: str, dimensions: int) -> VectorStore:
        if self._options.chroma_url:
            own = f"jupyter-mcp-{self._id}-{name}"  # others have collections there, too
            return RemoteVectors(self._process, self._options.chroma_url, own, dimensions)
        return RemoteVectors(self._process, self._layout.vectors, name, dimensions)


def _id(layout: Layout, *, is_owner: bool) -> str:
    """Return by what an index is known on a Chroma server; empty until its owner has been there."""
    try:
        return layout.id(is_made=is_owner)
    except OSError as error:
        raise ToolError(
            "unavailable", error.strerror or str(error), "See that the state folder can be written."
        ) from error


def _mended(layout: Layout, notes: Notes) -> LexicalStore:
    """Open the words; put what cannot be read aside and begin anew."""
    try:
        store = LexicalStore(layout.database)
        try:
            store.check()
        except BaseException:
            store.close()
            raise
    except OtherVersionError:
        layout.remove(layout.database)
    except CorruptStoreError as error:
        notes.put_aside(error, layout.put_aside(layout.database))
    else:
        return store
    return LexicalStore(layout.database)


def _read_only(layout: Layout) -> LexicalStore:
    return LexicalStore(layout.database, read_only=True)
