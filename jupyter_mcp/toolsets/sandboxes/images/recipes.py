"""The images that are shipped as recipes: made of Debian packages, so that no registry is needed.

A recipe is the text of a file in this folder. Its digest counts what it stands on too, and the
image carries it as a label: what is up to date is not built again, and what changed is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from jupyter_mcp.errors import ToolError

REPOSITORY = "jupyter-mcp"
LABEL = "jupyter-mcp.recipe"
"""The label with the digest of the recipe that an image was built from."""
_STANDS_ON = {"base": "", "dev": "base", "desktop": "dev"}


@dataclass(frozen=True)
class Recipe:
    """How a shipped image is made.

    Args:
        name: Such as ``dev``.
        text: The list of packages of the base image, or a Dockerfile.
        parent: The recipe it stands on; None for the base.
    """

    name: str
    text: str
    parent: Recipe | None

    @property
    def image(self) -> str:
        """What the image is called."""
        return f"{REPOSITORY}/{self.name}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of this recipe and of those below it."""
        below = self.parent.digest if self.parent else ""
        return hashlib.sha256(f"{below}\n{self.text}".encode()).hexdigest()

    @property
    def chain(self) -> tuple[Recipe, ...]:
        """All that has to be there, the base first and this recipe last."""
        return (*(self.parent.chain if self.parent else ()), self)


@dataclass(frozen=True, slots=True)
class Packages:
    """What the base image consists of.

    Args:
        suite: The Debian release.
        names: Packages besides the smallest set that apt works with.
    """

    suite: str
    names: tuple[str, ...]


def recipe(name: str) -> Recipe:
    """Return the recipe of that name, with or without ``jupyter-mcp/`` in front.

    Raises:
        ToolError: ``not_found``.
    """
    short = name.removeprefix(f"{REPOSITORY}/").removesuffix(":latest")
    if short not in _STANDS_ON:
        raise ToolError(
            "not_found",
            f"There is no recipe '{name[:80]}'.",
            f"Choose from: {', '.join(_STANDS_ON)}; or give a folder with a Dockerfile.",
        )
    parent = _STANDS_ON[short]
    file = "base.txt" if not parent else f"{short}.Dockerfile"
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    return Recipe(short, text, recipe(parent) if parent else None)


def recipe_names() -> tuple[str, ...]:
    """Return the names of all recipes."""
    return tuple(_STANDS_ON)


def packages(text: str) -> Packages:
    """Read a list of packages: a line ``suite NAME``, then a package a line; ``#`` is a comment."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    words = [line for line in lines if line]
    suite = next(line.split()[1] for line in words if line.startswith("suite "))
    return Packages(suite, tuple(line for line in words if not line.startswith("suite ")))
