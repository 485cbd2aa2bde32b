"""The index of one folder: what of it changed, is read, and is found again.

It brings together what the rooms beside it do: files are walked, cut and put among the words and
the vectors by `pipeline`, found by the engines, ordered by `ranking` and checked against the file
before anybody sees them. All of it blocks and may be called in any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from jupyter_mcp.toolsets.search.index.model import Options, Progress, Report, Status
from jupyter_mcp.toolsets.search.query import Hit, Query

OnProgress = Callable[[Progress], None]
IsCancelled = Callable[[], bool]


class Index:
    """The index of `folder`, kept in `state`.

    Nothing is read or loaded until it is asked for. The first process that has it owns it until
    it is closed; others search what the owner wrote.

    Args:
        folder: What is indexed.
        state: Where the index lies; made when it is missing.
        options: How it is kept.
    """

    def __init__(self, folder: Path, state: Path, options: Options | None = None) -> None:
        self.folder = folder.resolve()
        self.state = state
        self.options = options or Options()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_new(self) -> bool:
        """Whether no update ever ran to its end."""
        raise NotImplementedError

    def update(
        self,
        paths: Sequence[str] | None = None,
        progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
        embed: bool = True,
    ) -> Report:
        """Read what is new or changed and forget what is gone.

        Args:
            paths: Only these files and folders below the folder, with ``/``; None for all of it.
            progress: Is told how far it is.
            is_cancelled: Is asked often; what was done until then stays.
            embed: Whether pieces get their static vectors too. Without, `embed` gives them later.

        Raises:
            ToolError: ``busy`` while another process owns the index, ``unavailable`` when the
                folder is not there.
        """
        raise NotImplementedError

    def embed(
        self, progress: OnProgress | None = None, is_cancelled: IsCancelled | None = None
    ) -> int:
        """Give vectors to pieces that have none; return how many got one."""
        raise NotImplementedError

    def put_notebook(self, path: str, notebook: Mapping[str, Any]) -> Report:
        """Take a notebook as it is open somewhere, until the file on the disk is newer."""
        raise NotImplementedError

    def add_documents(self, documents: Sequence[Mapping[str, str]]) -> int:
        """Add texts that are no files, each ``{"id", "text", "path"?}``; return how many."""
        raise NotImplementedError

    def search(self, query: Query) -> list[Hit]:
        """Return the best hits, the best first; each is as the file is now.

        Raises:
            ToolError: ``invalid_arguments`` for a pattern that is none, ``unavailable`` for the
                mode ``dense`` without the extra.
        """
        raise NotImplementedError

    def similar(
        self, path: str, line: int | None = None, cell_id: str | None = None, limit: int = 10
    ) -> list[Hit]:
        """Return what is like the piece at a line or in a cell, or like the file's first.

        Raises:
            ToolError: ``not_found`` when there is no such piece.
        """
        raise NotImplementedError

    def status(self) -> Status:
        """Return what is in the index and what is not."""
        raise NotImplementedError

    def drop(self) -> None:
        """Forget all of it, also on the disk."""
        raise NotImplementedError

    def close(self) -> None:
        """End what runs and let go of files, threads and processes."""
        raise NotImplementedError
