"""What is told of a source: what is in its index, how far it is, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.model import Progress, Status
from jupyter_mcp.toolsets.search.sources import ROOT, Source


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source, what is in its index, and how far an update of it is.

    Args:
        source: The source.
        status: What is in its index; None where that cannot be told.
        progress: How far an update is that goes on.
        problem: Why it is not kept up to date.
        is_begun: Whether anybody has searched it since the server started.
        is_cut: Whether the last look at all of it was ended.
    """

    source: Source
    status: Status | None
    progress: Progress | None = None
    problem: ToolError | None = None
    is_begun: bool = False
    is_cut: bool = False


def how_far(source: Source, progress: Progress) -> str:
    """Return in a sentence how far an update is."""
    of = "" if source.name == ROOT else f" of {source.name}"
    match progress.stage:
        case "looking":
            return f"Looking for changes{of}; what is found now may not be all."
        case "reading":
            total = "" if progress.total is None else f" of {progress.total:,}"
            return f"Indexing{of}: {progress.done:,}{total} files so far; ask again for more."
        case "embedding":
            total = "" if progress.total is None else f" of {progress.total:,}"
            return (
                f"Words find all that was read{of}, meaning {progress.done:,}{total} pieces so far."
            )
        case "writing":
            total = "" if progress.total is None else f" of {progress.total:,}"
            return f"All that was read{of} is found; {progress.done:,}{total} vectors are written."


def coming(state: SourceState) -> str:
    """Return in a sentence what the next search does; nothing while there is nothing to do."""
    status, of = state.status, "" if state.source.name == ROOT else f" of {state.source.name}"
    is_idle = (
        state.progress is None and state.problem is None and (state.is_cut or not state.is_begun)
    )
    if status is None or not status.is_owner or not is_idle:
        return ""
    if state.is_cut or (status.files and status.updated is None):
        return f"The index{of} is not complete; the next search or index_update goes on with it."
    if status.updated is None:
        return f"Nothing{of} is indexed yet; the first search or index_update begins it."
    return (
        f"Nobody has searched{of} since the server started; the next search or index_update looks "
        "for what has changed."
    )
