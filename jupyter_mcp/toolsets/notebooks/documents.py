"""Which way leads to a notebook: the live document, a person's open page, or the file.

Paths are those of Jupyter's contents API, relative to the server's root folder, and nothing
outside of it can be named. The ways are tried in order; the first that leads there is taken, so
that an edit always lands where a person would see it first.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.paths import PATH_LIMIT, too_long
from jupyter_mcp.toolsets.notebooks.model import Backend, Document

SUFFIX = ".ipynb"


class Documents:
    """Opens notebooks.

    Args:
        backends: The ways to a notebook, the best one first.
        root: The server's root folder, so that full paths inside it are understood.
    """

    def __init__(self, backends: Sequence[Backend], root: Path | None = None) -> None:
        self._backends = tuple(backends)
        self._root = root

    async def open(self, path: str) -> Document:
        """Return the notebook at `path`.

        Raises:
            ToolError: ``forbidden`` outside of the root folder, ``not_found``,
                ``invalid_arguments`` for a folder or another kind of file.
        """
        path = self.notebook_path(path)
        for backend in self._backends:
            document = await backend.open(path)
            if document is not None:
                return document
        raise self.no_server()

    @staticmethod
    def no_server() -> ToolError:
        """Return the error of a place without notebooks."""
        return ToolError(
            "unavailable",
            "There is no Jupyter server here whose notebooks could be opened.",
            "Start one with: jupyter lab",
        )

    async def stop(self) -> None:
        """Let go of all notebooks."""
        for backend in self._backends:
            await backend.stop()

    def notebook_path(self, path: str) -> str:
        """Return `path` as the contents API spells it.

        Raises:
            ToolError: When it lies outside of the root folder or names no notebook.
        """
        inside = self.inside(path)
        if inside.endswith(SUFFIX):
            return inside
        name = inside or "/"
        if PurePosixPath(inside).suffix:
            raise ToolError(
                "invalid_arguments",
                f"'{name}' is not a notebook.",
                "Give the path of a file that ends with .ipynb.",
            )
        raise ToolError(
            "invalid_arguments",
            f"'{name}' is a folder or a name without .ipynb, not a notebook.",
            "Give the path of an .ipynb file; notebook_list shows what there is.",
        )

    def inside(self, path: str) -> str:
        """Return `path` below the root folder, normalised, without slashes around it.

        Raises:
            ToolError: ``forbidden`` when it leads outside, ``invalid_arguments`` for what no file
                can be called.
        """
        if len(path) > PATH_LIMIT:
            raise too_long()
        if "\0" in path:
            raise _outside(path.replace("\0", "?"))
        if any("\ud800" <= char <= "\udfff" for char in path):
            shown = path[:200].encode("utf-8", "backslashreplace").decode()
            what = f"'{shown}' holds half a character."
            raise ToolError("invalid_arguments", what, "Give the path as notebook_list tells it.")
        if self._root is not None and path.startswith("/"):
            root = self._root.as_posix().rstrip("/") + "/"
            path = path.removeprefix(root)
        normal = posixpath.normpath(path.strip("/") or ".")
        if normal == ".." or normal.startswith("../"):
            raise _outside(path)
        return "" if normal == "." else normal


def _outside(path: str) -> ToolError:
    return ToolError(
        "forbidden",
        f"'{path[:200]}' lies outside of the server's root folder.",
        "Give a path below the root folder, such as 'folder/notebook.ipynb'.",
    )
