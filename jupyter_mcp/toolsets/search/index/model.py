"""What an index is told and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jupyter_mcp.toolsets.search.embedding.embedder import Embedder

MB = 1024 * 1024

MOST_FILES = 200_000
"""More are no project but a whole disk; the first index of so many takes ten minutes."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an index is kept.

    Args:
        exclude: Patterns, as in ``.gitignore``, of what is left out.
        file_bytes: The largest file.
        most_files: The most files; those that a walk finds first, folder by folder.
        chroma_url: A Chroma server; empty for a folder beside the index.
        processes: Processes that cut files; 0 for as many as there are CPUs, at most 4; 1 for none
            besides this one.
        second: Makes the embedder that is asked besides the static table; None for none.
        words_first: Bytes of a new index that updates give no vectors, which `Index.embed` does
            later: what makes them takes a third of a second to load, and words answer by then.
    """

    exclude: Sequence[str] = ()
    file_bytes: int = 2 * MB
    most_files: int = MOST_FILES
    chroma_url: str = ""
    processes: int = 0
    second: Callable[[], Embedder] | None = None
    words_first: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an update is.

    Args:
        stage: ``looking`` for changes, ``reading`` files, ``embedding`` pieces, ``writing`` their
            vectors, which are found already.
        done: Files, or pieces from when they are embedded on.
        total: Of so many; None while that is not known.
        path: The file that was just done.
    """

    stage: Literal["looking", "reading", "embedding", "writing"]
    done: int
    total: int | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What an update did.

    Args:
        added: Files that were new.
        changed: Files that were read again.
        removed: Files that are gone.
        chunks: Pieces that were written.
        seconds: How long it took.
        is_cancelled: Whether somebody ended it; what was done stays.
    """

    added: int
    changed: int
    removed: int
    chunks: int
    seconds: float
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not in the index, or only in part, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """What is in an index and what is not.

    Args:
        folder: What it is of.
        files: Files that are in it.
        chunks: Their pieces.
        pending: Files that are known to have changed and are not in it yet.
        unembedded: Pieces that only words find as yet.
        unseen: Pieces that the second embedder has not seen, where there is one.
        bytes: Size of the indexed text.
        disk: Bytes that the index takes.
        problems: Files with errors, the first hundred.
        problem_count: How many there are.
        skipped: How many files are left out on purpose, by reason.
        embedders: Names of the embedders whose vectors are in use.
        notes: What a reader should know, such as that the extra is missing or that another process
            holds the index, each with the remedy.
        is_owner: Whether this process keeps the index up to date.
        updated: Unix time of the last update that ran to its end; None for never.
    """

    folder: Path
    files: int = 0
    chunks: int = 0
    pending: int = 0
    unembedded: int = 0
    unseen: int = 0
    bytes: int = 0
    disk: int = 0
    problems: Sequence[Problem] = ()
    problem_count: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    embedders: Sequence[str] = ()
    notes: Sequence[str] = ()
    is_owner: bool = True
    updated: float | None = None
