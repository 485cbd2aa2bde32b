"""Makes the vectors that are missing: after a crash, for a new embedder, for one that is slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.embedding.text import text_of
from jupyter_mcp.toolsets.search.index.meaning import Meaning
from jupyter_mcp.toolsets.search.index.model import Progress
from jupyter_mcp.toolsets.search.index.stores import SECOND, STATIC, Stores
from jupyter_mcp.toolsets.search.index.turns import EndedError, unless_ended
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore

T = TypeVar("T")

_LOOKED_UP = 2000
_FLUSH_SECONDS = 600.0

_QUICK_SECONDS, _SLOW_SECONDS = 2.0, 8.0
"""What is embedded sooner is followed by more at once, as far as its embedder takes it; by less
where it takes longer: a slow service is not to reach the end of its patience."""


_BATCHES = {STATIC: 500, SECOND: 8}
"""Pieces that are embedded at once, at first: a transformer does 20 in a second."""


def fill_all(
    stores: Stores, progress: Callable[[Progress], None], is_cancelled: Callable[[], bool]
) -> int:
    """Make the vectors that any meaning has not, those of the static table first.

    Raises:
        ToolError: When an embedder or a store fails.
    """
    made = 0
    stores.wants_vectors = False
    for engine in (STATIC, SECOND):
        # A service may take long to answer at all, so it comes after the table.
        meaning = stores.load_second(is_cancelled) if engine == SECOND else stores.static
        if meaning is None:
            continue
        try:
            made += fill(stores.words, meaning, _BATCHES[engine], progress, is_cancelled)
        except ToolError as error:
            if not stores.failed(error):
                raise
            made += fill(stores.words, meaning, _BATCHES[engine], progress, is_cancelled)
        stores.retire(engine)
    whole = (meaning.ledger.is_mended for meaning in stores.meanings().values())
    if not is_cancelled() and all(whole):
        stores.succeeded()
    return made


def fill(
    words: LexicalStore,
    meaning: Meaning,
    least: int,
    progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
) -> int:
    """Make the vectors that a meaning has not; return how many. What was made stays.

    Args:
        words: Where the pieces are.
        meaning: What is filled.
        least: How many pieces are embedded at once; more by an embedder that has another `batch`.
        progress: Is told how far it is.
        is_cancelled: Whether to end it.

    Raises:
        ToolError: When the embedder or the store fails.
    """
    ledger = meaning.ledger
    len(meaning.fresh)  # what lies there is read now, or missed
    if ledger.is_mended:
        is_written = meaning.flush(_FLUSH_SECONDS, is_cancelled, progress)
        if is_written and not ledger.is_complete:
            meaning.settle()  # its thread does so too, a moment after the last vector is written
        if not is_written or ledger.is_mended:  # else some could not be written
            return 0
    losses, made, looked = ledger.losses, 0, 0
    digests = sorted(words.digests())
    pace = _Pace(least, getattr(meaning.embedder, "batch", least))
    for some in _slices(iter(digests), _LOOKED_UP):
        known = meaning.known(some)
        looked += len(known)
        missing = _missing(words, [one for one in some if one not in known])
        while pieces := list(islice(missing, pace.size)):
            if is_cancelled():
                return made
            try:
                with pace.measured():
                    add(meaning, pieces, is_cancelled)
            except EndedError:
                return made
            made += len(pieces)
            progress(Progress("embedding", looked + made, len(digests)))
    if meaning.flush(_FLUSH_SECONDS, is_cancelled, progress):
        meaning.load()  # also where nothing was missing: only what is loaded is settled
        ledger.mend(losses)
        meaning.settle()
    return made


def add(
    meaning: Meaning, pieces: Sequence[Chunk], is_cancelled: Callable[[], bool] | None = None
) -> None:
    """Embed pieces and keep their vectors.

    Raises:
        EndedError: `is_cancelled` said so while the embedder was waited for.
    """
    embed = partial(meaning.embedder.embed_documents, [text_of(piece) for piece in pieces])
    vectors = embed() if is_cancelled is None else unless_ended(embed, is_cancelled)
    meaning.add([piece.digest for piece in pieces], vectors, is_cancelled)


def clean(words: LexicalStore, meaning: Meaning, least: int) -> None:
    """Delete vectors that nothing uses, when they are many: another branch may come back."""
    unused = meaning.unused()
    if len(unused) < max(least, meaning.ledger.count // 5) or not meaning.is_loaded:
        return
    used = set(words.of_digests(sorted(unused)))
    try:
        meaning.delete(sorted(unused - used))
        meaning.keep(used)
    except ToolError:
        return  # told when the store is used next


class _Pace:
    """How many pieces are embedded at once."""

    def __init__(self, least: int, most: int) -> None:
        self.size = self._least = least
        self._most = most

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Learn from how long so many take."""
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        if took < _QUICK_SECONDS:
            self.size = min(2 * self.size, max(self._most, self._least))
        elif took > _SLOW_SECONDS:
            self.size = max(self.size // 2, self._least)


def _missing(words: LexicalStore, digests: Sequence[str]) -> Iterator[Chunk]:
    """Yield a piece for each digest; what went away meanwhile is left out."""
    ids = [found[0] for found in words.of_digests(digests).values()]
    for some in _slices(iter(ids), 500):
        yield from words.chunks(some).values()


def _slices(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(items, size)):
        yield some
