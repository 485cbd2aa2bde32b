"""A folder that somebody wants an image of: what its Dockerfile or devcontainer.json says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.context import read_text
from jupyter_mcp.toolsets.sandboxes.images.devcontainer import PLACES, DevContainer, parse


@dataclass(frozen=True, slots=True)
class Project:
    """What is to be built.

    Args:
        dockerfile: The text of the Dockerfile.
        context: The folder that the build sees.
        container: What a devcontainer.json says; an empty one without it.
    """

    dockerfile: str
    context: Path
    container: DevContainer


def folder_below(root: Path, path: str) -> Path:
    """Return a folder of the Jupyter root.

    Raises:
        ToolError: ``not_found``, ``forbidden`` when it leads out.
    """
    top = root.resolve()
    try:
        folder = (top / path.strip("/")).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        folder = None
    if folder is not None and not folder.is_relative_to(top):
        raise ToolError(
            "forbidden",
            f"'{path[:80]}' is not below the Jupyter root.",
            "Give a folder of it, relative to its top.",
        )
    if folder is None or not folder.is_dir():
        raise ToolError(
            "not_found", f"There is no folder '{path[:80]}'.", "file_list shows what there is."
        )
    return folder


def project_in(folder: Path) -> Project:
    """Read what a folder says about its image: devcontainer.json first, else a Dockerfile.

    Raises:
        ToolError: ``not_found``, ``invalid_arguments``.
    """
    for place in PLACES:
        text = read_text(folder, place)
        if text is not None:
            return _of_container(folder, PurePosixPath(place).parent, parse(text))
    text = read_text(folder, "Dockerfile")
    if text is None:
        raise ToolError(
            "not_found",
            "The folder has neither a Dockerfile nor .devcontainer/devcontainer.json.",
            "Write one, or give another folder.",
        )
    return Project(text, folder, DevContainer())


def _of_container(folder: Path, place: PurePosixPath, container: DevContainer) -> Project:
    if container.image:
        return Project(f"FROM {_word(container.image)}\n", folder, container)
    context = _inside(folder, place, container.context)
    dockerfile = _inside(folder, place, container.dockerfile)
    text = read_text(folder, dockerfile)
    if text is None:
        raise ToolError(
            "not_found",
            f"devcontainer.json names the Dockerfile '{dockerfile[:80]}', which is not there.",
            "Its path is relative to the folder of devcontainer.json.",
        )
    return Project(text, folder_below(folder, context), container)


def _inside(folder: Path, place: PurePosixPath, path: str) -> str:
    found = normpath((place / path).as_posix())
    if found.startswith(("../", "/")) or found == "..":
        raise ToolError(
            "invalid_arguments",
            f"devcontainer.json leads out of its folder: '{path[:80]}'.",
            f"Build the folder above '{folder.name}'.",
        )
    return found


def _word(image: str) -> str:
    if not image or len(image) > 300 or any(not 33 <= ord(each) <= 126 for each in image):  # noqa: PLR2004 - printable ASCII
        raise ToolError(
            "invalid_arguments", "'image' in devcontainer.json is no name.", "Write a name."
        )
    return image
