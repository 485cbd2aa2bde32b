"""Tells what is in an index and what is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jupyter_mcp.toolsets.search.index.layout import Layout
from jupyter_mcp.toolsets.search.index.meaning import Meaning
from jupyter_mcp.toolsets.search.index.model import Problem, Status
from jupyter_mcp.toolsets.search.index.stores import Stores
from jupyter_mcp.toolsets.search.lexical.pieces import FileState

_SHOWN = 100

_CUT = (
    "Only the first {:,} files are indexed: leave folders out (search_exclude) or raise "
    "JupyterMCP.search_most_files; in Python, exclude and most_files."
)

_ON_PURPOSE = ("binary", "may hold secrets", "larger than", "data", "made by programs")


def status(
    folder: Path, layout: Layout, stores: Stores | None, notes: Sequence[str], pending: int
) -> Status:
    """Return the status of an index.

    Args:
        folder: What it is of.
        layout: Where it lies.
        stores: Its stores; None while there are none.
        notes: What a reader should know.
        pending: Files that are known to have changed.
    """
    if stores is None:
        return Status(folder, notes=notes, is_owner=False)
    counts = stores.words.counts()
    faulty = [state for state in stores.known.all().values() if state.error]
    problems = [state for state in faulty if not _is_on_purpose(state)]
    skipped = Counter(json.loads(stores.words.get("skipped") or "{}"))
    skipped.update(state.error for state in faulty if _is_on_purpose(state))
    updated = stores.words.get("updated")
    if cut := stores.words.get("cut"):
        notes = [*notes, _CUT.format(int(cut))]
    return Status(
        folder,
        files=counts.files - len(faulty),
        chunks=counts.chunks,
        pending=pending,
        unembedded=_unembedded(stores.static, stores, counts.chunks),
        unseen=_unseen(stores, counts.chunks),
        bytes=counts.bytes - sum(state.size for state in faulty),
        disk=layout.bytes(),
        problems=[Problem(state.path, state.error) for state in problems[:_SHOWN]],
        problem_count=len(problems),
        skipped=dict(skipped),
        embedders=[meaning.embedder.name for meaning in stores.meanings().values()],
        notes=notes,
        is_owner=stores.is_owner,
        updated=float(updated) if updated else None,
    )


def _is_on_purpose(state: FileState) -> bool:
    return state.error.startswith(_ON_PURPOSE)


def _unseen(stores: Stores, chunks: int) -> int:
    """Return how many pieces have no vector of the second embedder; all until it answers."""
    if stores.second is None and not stores.wants_second:
        return 0
    return _unembedded(stores.second, stores, chunks)


def _unembedded(meaning: Meaning | None, stores: Stores, chunks: int) -> int:
    """Return how many pieces have no vector of an embedder, on the disk or in memory."""
    if meaning is None:
        return chunks
    if meaning.ledger.is_complete:
        return 0
    return max(0, len(stores.words.digests()) - meaning.ledger.count - len(meaning.fresh))
