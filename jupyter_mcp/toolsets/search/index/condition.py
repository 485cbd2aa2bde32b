"""Tells what is in an index and what is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jupyter_mcp.toolsets.search.index.layout import Layout
from jupyter_mcp.toolsets.search.index.model import Problem, Status
from jupyter_mcp.toolsets.search.index.stores import Stores
from jupyter_mcp.toolsets.search.lexical.pieces import FileState

_SHOWN = 100

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
    return Status(
        folder,
        files=counts.files - len(faulty),
        chunks=counts.chunks,
        pending=pending,
        unembedded=_unembedded(stores, counts.chunks),
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


def _unembedded(stores: Stores, chunks: int) -> int:
    """Return how many pieces have no static vector, on the disk or in memory."""
    static = stores.static
    if static is None:
        return chunks
    if static.ledger.is_complete:
        return 0
    return max(0, len(stores.words.digests()) - static.ledger.count - len(static.fresh))
