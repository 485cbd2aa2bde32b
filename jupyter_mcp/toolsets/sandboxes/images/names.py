"""Names of images: which may be given to what is built here.

An administrator says by globs which images sandboxes may use; a build gives no other name, so it
cannot replace an image that something else on the engine runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.recipes import REPOSITORY, recipe_names
from jupyter_mcp.toolsets.sandboxes.sessions.images_allowed import allows

_MOST = 200
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    rf"(?:[a-z0-9.-]+(?::[0-9]{{1,5}})?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)
"""A name with an optional host and tag (distribution/reference, grammar of the OCI names)."""


def checked(name: str, globs: Sequence[str]) -> str:
    """Return the name of an image, without ``:latest``, if it may be used.

    Args:
        name: What was asked for.
        globs: Names that the administrator allows.

    Raises:
        ToolError: ``invalid_arguments``, ``forbidden``.
    """
    if len(name) > _MOST or not _NAME.fullmatch(name):
        raise ToolError(
            "invalid_arguments",
            f"'{name[:80]}' is no name of an image.",
            "Use lower case letters, digits and - . _ as in 'jupyter-mcp/my-project:1'.",
        )
    short = name.removesuffix(":latest")
    if not allows(globs, name):
        raise ToolError(
            "forbidden",
            f"The image '{short}' may not be used here.",
            f"Names that may: {', '.join(globs) or 'none'} (setting sandbox_images).",
        )
    return short


def of_folder(folder: str) -> str:
    """Return what an image is called that is built from a folder of that name."""
    slug = "-".join(re.findall(r"[a-z0-9]+", folder.lower()))[:60].strip("-")
    return f"{REPOSITORY}/{slug or 'project'}"


def refuse_recipe(name: str) -> None:
    """Refuse the name of a shipped image for something else.

    Raises:
        ToolError: ``conflict``.
    """
    if name in {f"{REPOSITORY}/{each}" for each in recipe_names()}:
        raise ToolError(
            "conflict",
            f"'{name}' is a shipped image.",
            f"Give another tag, such as '{name}-of-mine'.",
        )


def split(name: str) -> tuple[str, str]:
    """Return repository and tag; the tag is ``latest`` where there is none."""
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")
