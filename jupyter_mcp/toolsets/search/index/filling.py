"""Makes the vectors that are missing: after a crash, for a new embedder, for one that is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.embedding.text import text_of
from jupyter_mcp.toolsets.search.index.meaning import Meaning
from jupyter_mcp.toolsets.search.index.model import Progress
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore

T = TypeVar("T")

_LOOKED_UP = 2000
_FLUSH_SECONDS = 600.0


def fill(
    words: LexicalStore,
    meaning: Meaning,
    batch: int,
    progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
) -> int:
    """Make the vectors that a meaning has not; return how many. What was made stays.

    Args:
        words: Where the pieces are.
        meaning: What is filled.
        batch: How many pieces are embedded between two looks at `is_cancelled`.
        progress: Is told how far it is.
        is_cancelled: Whether to end it.

    Raises:
        ToolError: When the embedder or the store fails.
    """
    ledger = meaning.ledger
    losses, made, looked = ledger.losses, 0, 0
    if ledger.is_mended:
        meaning.flush(_FLUSH_SECONDS, is_cancelled)
        return 0
    digests = sorted(words.digests())
    for some in _slices(iter(digests), _LOOKED_UP):
        known = meaning.known(some)
        looked += len(known)
        for pieces in _slices(_missing(words, [one for one in some if one not in known]), batch):
            if is_cancelled():
                return made
            add(meaning, pieces, is_cancelled)
            made += len(pieces)
            progress(Progress("embedding", looked + made, len(digests)))
    if meaning.flush(_FLUSH_SECONDS, is_cancelled):
        ledger.mend(losses)
        meaning.settle()
    return made


def add(
    meaning: Meaning, pieces: Sequence[Chunk], is_cancelled: Callable[[], bool] | None = None
) -> None:
    """Embed pieces and keep their vectors."""
    vectors = meaning.embedder.embed_documents([text_of(piece) for piece in pieces])
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


def _missing(words: LexicalStore, digests: Sequence[str]) -> Iterator[Chunk]:
    """Yield a piece for each digest; what went away meanwhile is left out."""
    ids = [found[0] for found in words.of_digests(digests).values()]
    for some in _slices(iter(ids), 500):
        yield from words.chunks(some).values()


def _slices(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(items, size)):
        yield some
