"""Which notebooks there are, and new ones, through Jupyter's contents manager.

A new notebook never takes the place of a file, and no folder is made on the way: a mistyped path
is a mistake, not a wish for folders.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tornado.web import HTTPError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import Raw, write_cell
from jupyter_mcp.toolsets.notebooks.contents_jupyter import ContentsStore, refused
from jupyter_mcp.toolsets.notebooks.documents import SUFFIX
from jupyter_mcp.toolsets.notebooks.model import Cell
from jupyter_mcp.workplace import ID_MINOR

PYTHON = "python3"


@dataclass(frozen=True, slots=True)
class Folder:
    """What is in a folder.

    Args:
        path: The folder, relative to the server's root; empty for the root itself.
        notebooks: Paths of its notebooks with the ISO time of their last change.
        folders: Paths of the folders in it.
    """

    path: str
    notebooks: list[tuple[str, str]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


class Folders:
    """Lists and makes notebooks.

    Args:
        store: The contents manager.
        kernel_specs: Jupyter's kernel spec manager; None where there is none.
    """

    def __init__(self, store: ContentsStore, kernel_specs: Any = None) -> None:
        self._store = store
        self._kernel_specs = kernel_specs

    async def look(self, path: str) -> Folder:
        """Return the notebooks and folders in the folder `path`.

        Raises:
            ToolError: ``not_found``, ``invalid_arguments`` for a file.
        """
        try:
            model = await self._store.call("get", path, content=True, type="directory")
        except HTTPError as error:
            raise _no_folder(path, error) from None
        found = Folder(path)
        for entry in sorted(model["content"], key=lambda entry: str(entry["path"])):
            place = str(entry["path"]).strip("/")
            if entry["type"] == "directory":
                found.folders.append(place)
            elif entry["type"] == "notebook" or place.endswith(SUFFIX):
                changed = entry.get("last_modified")
                found.notebooks.append(
                    (place, changed.isoformat(timespec="seconds") if changed else "")
                )
        return found

    async def create(self, path: str, cells: Sequence[Cell]) -> None:
        """Write a new notebook.

        Raises:
            ToolError: ``exists`` where there is something already, ``not_found`` for a folder
                that is missing.
        """
        async with self._store.lock(path):
            folder = posixpath.dirname(path)
            if folder and not await self._store.call("dir_exists", folder):
                raise ToolError(
                    "not_found",
                    f"There is no folder '{folder}' for the notebook.",
                    "Make the folder first, or choose another path.",
                )
            if await self._store.call("file_exists", path) or await self._store.call(
                "dir_exists", path
            ):
                raise ToolError(
                    "exists",
                    f"'{path}' is there already.",
                    "Choose another name, or edit it with cell_insert and cell_edit.",
                )
            try:
                await self._store.write(path, await self._content(cells))
            except ToolError as error:
                raise _hidden(path) if error.code == "not_found" else error from None

    async def _content(self, cells: Iterable[Cell]) -> Raw:
        return {
            "nbformat": 4,
            "nbformat_minor": ID_MINOR,
            "metadata": await self._metadata(),
            "cells": [write_cell(cell) for cell in cells],
        }

    async def _metadata(self) -> Raw:
        """Name the Python kernel where there is one, so that Lab need not ask."""
        with contextlib.suppress(KeyError):  # jupyter_client's NoSuchKernel is one
            if self._kernel_specs is not None:
                spec = await self._get_spec()
                return {
                    "kernelspec": {
                        "name": PYTHON,
                        "display_name": spec.display_name,
                        "language": spec.language,
                    },
                    "language_info": {"name": spec.language},
                }
        return {}

    async def _get_spec(self) -> Any:
        get = self._kernel_specs.get_kernel_spec
        spec = get(PYTHON)
        return await spec if hasattr(spec, "__await__") else spec


class SaveHook:
    """Learns of each notebook that anybody saves, where the contents manager tells.

    Args:
        manager: The contents manager; one that has no hooks tells nothing.
        saved: Called with the path, in whichever thread saves.
    """

    def __init__(self, manager: Any, saved: Callable[[str], None]) -> None:
        self._manager = manager
        self._saved = saved

    def start(self) -> None:
        """Listen."""
        register = getattr(self._manager, "register_post_save_hook", None)
        if register is not None:
            register(self._heard)

    def stop(self) -> None:
        """Listen no more."""
        hooks = getattr(self._manager, "_post_save_hooks", [])
        if self._heard in hooks:
            hooks.remove(self._heard)

    def _heard(self, *, model: Raw, **_: Any) -> None:
        if model.get("type") == "notebook":
            self._saved(str(model.get("path", "")).strip("/"))


class FolderEvents:
    """Learns of notebooks that anybody deletes or renames.

    A listener makes each event of the contents manager cost 0.1 ms, and listing a folder makes
    one for each entry. So this listens only where jupyter-collaboration does so anyway; elsewhere
    a notebook that went is noticed when somebody asks for it.

    Args:
        manager: The contents manager.
        gone: Called when a notebook went, or went elsewhere.
    """

    SCHEMA = "https://events.jupyter.org/jupyter_server/contents_service/v1"

    def __init__(self, manager: Any, gone: Callable[[], None]) -> None:
        self._logger = getattr(manager, "event_logger", None)
        self._gone = gone

    def start(self) -> None:
        """Listen."""
        if self._logger is not None:
            self._logger.add_listener(schema_id=self.SCHEMA, listener=self._heard)

    def stop(self) -> None:
        """Listen no more."""
        if self._logger is not None:
            self._logger.remove_listener(listener=self._heard)

    async def _heard(self, logger: Any, schema_id: str, data: Raw) -> None:
        del logger, schema_id
        place = str(data.get("source_path") or data.get("path") or "")
        if data.get("action") in ("delete", "rename") and place.endswith(SUFFIX):
            self._gone()


def _hidden(path: str) -> ToolError:
    """Return what a contents manager means that finds no place for a new file."""
    return ToolError(
        "forbidden", f"The server keeps no hidden notebook '{path}'.", "Begin no name with a dot."
    )


def _no_folder(path: str, error: HTTPError) -> ToolError:
    if error.status_code == 404:  # noqa: PLR2004 - HTTP's own number
        return ToolError(
            "not_found", f"There is no folder '{path}'.", "Call notebook_list without a path."
        )
    if "not a directory" in (error.log_message or ""):
        return ToolError(
            "invalid_arguments", f"'{path}' is no folder.", "Read a notebook with notebook_read."
        )
    return refused(path, error)
