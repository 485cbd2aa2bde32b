"""The images of an engine, as the tools reach them: build, list, remove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images import names
from jupyter_mcp.toolsets.sandboxes.images.bootstrap import certificates
from jupyter_mcp.toolsets.sandboxes.images.builder import Builder, Built
from jupyter_mcp.toolsets.sandboxes.images.building import (
    DOCKERFILE,
    OWNER,
    Order,
    ask_engine,
    labels_of,
)
from jupyter_mcp.toolsets.sandboxes.images.context import Context
from jupyter_mcp.toolsets.sandboxes.images.engine import CONTROL_SECONDS, LongRequest
from jupyter_mcp.toolsets.sandboxes.images.feed import Say
from jupyter_mcp.toolsets.sandboxes.images.project import Project, folder_below, project_in
from jupyter_mcp.toolsets.sandboxes.images.recipes import LABEL, Recipe, recipe, recipe_names

R = TypeVar("R")
CERTIFICATES = "jupyter-mcp-ca.crt"
"""The file in each context with what this host trusts, where SSL_CERT_FILE names that."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An image that sandboxes may use.

    Args:
        name: Its name.
        digest: Digest of its configuration.
        size: Bytes.
        created: Unix time.
        recipe: The shipped recipe it is of; empty for none.
        is_current: Whether that recipe has not changed since; None for no recipe.
        is_ours: Whether it was built here, so that it can be removed.
    """

    name: str
    digest: str
    size: int
    created: int
    recipe: str
    is_current: bool | None
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be built, looked at before it begins.

    Args:
        name: What the image will be called.
        build: Does it, telling lines of its log.
        warnings: What is not done, a line each.
    """

    name: str
    build: Callable[[Say], Any]
    warnings: tuple[str, ...] = ()


class Images:
    """Images of the engine.

    Args:
        url: The engine's address; empty for Docker's own settings.
        globs: Names that may be used.
        memory: Bytes that a step of a build may use.
        threads: Where files are read.
    """

    def __init__(self, url: str, globs: Sequence[str], memory: int, threads: Any) -> None:
        self._url = url
        self._globs = tuple(globs)
        self._memory = memory
        self._threads = threads
        self._builder = Builder(url)

    def of_recipe(self, name: str, owner: str, *, fresh: bool = False) -> Plan:
        """Plan the build of a shipped image.

        Raises:
            ToolError: ``not_found``, ``forbidden``.
        """
        wanted: Recipe = recipe(name)
        for each in wanted.chain:
            names.checked(each.image, self._globs)

        async def build(say: Say) -> Built:
            return await self._builder.recipe(wanted, owner, say, fresh=fresh)

        return Plan(wanted.image, build)

    async def of_folder(
        self,
        root: Path,
        path: str,
        owner: str,
        *,
        tag: str = "",
        shows_hidden: bool = False,
        fresh: bool = False,
    ) -> Plan:
        """Plan the build of a folder.

        Args:
            root: The Jupyter root.
            path: The folder, relative to it.
            owner: Identifier of who asks.
            tag: The name of the image; empty for one after the folder.
            shows_hidden: Whether hidden files go into the build.
            fresh: Whether nothing of earlier builds is used again.

        Raises:
            ToolError: ``not_found``, ``forbidden``, ``conflict``, ``invalid_arguments``.
        """
        if not shows_hidden and any(part.startswith(".") for part in path.split("/")):
            raise ToolError(
                "not_found", f"There is no folder '{path[:80]}'.", "Hidden ones are not shown."
            )
        folder = await self._threads.run(folder_below, root, path)
        name = names.checked(tag or names.of_folder(folder.name), self._globs)
        names.refuse_recipe(name)
        project: Project = await self._threads.run(project_in, folder)
        said = project.container
        order = Order(
            name=name,
            owner=owner,
            dockerfile=project.dockerfile,
            context=Context(project.context, shows_hidden, _extra(project.dockerfile)),
            args=said.args,
            target=said.target,
            env=said.env,
            metadata=said.metadata,
            memory=self._memory,
            fresh=fresh,
        )

        async def build(say: Say) -> Built:
            return await self._builder.folder(order, say)

        return Plan(name, build, said.warnings)

    async def list(self) -> list[Listed]:
        """Return the images that sandboxes may use, by name.

        Raises:
            ToolError: ``unavailable``.
        """
        found: list[dict[str, Any]] = await self._ask(lambda client: client.images())
        listed = (self._listed(each, tag) for each in found for tag in each.get("RepoTags") or ())
        return sorted((each for each in listed if each is not None), key=lambda each: each.name)

    async def remove(self, image: str, owner: str | None) -> str:
        """Remove an image that was built here and return its name.

        Args:
            image: Its name.
            owner: Whose images may be removed; None for everybody's.

        Raises:
            ToolError: ``not_found``, ``forbidden``, ``busy`` while a sandbox runs it.
        """
        name = names.checked(image, self._globs)
        found = await self._builder.inspect(name)
        if found is None:
            raise ToolError(
                "not_found", f"There is no image '{name}'.", "image_list shows what there is."
            )
        maker = labels_of(found).get(OWNER)
        if maker is None or (owner is not None and maker != owner):
            raise ToolError(
                "forbidden",
                f"The image '{name}' was not built by you.",
                "Who made it can remove it, or the administrator with 'docker image rm'.",
            )
        await self._ask(lambda client: _remove(client, ":".join(names.split(name))))
        return name

    def _listed(self, found: dict[str, Any], tag: str) -> Listed | None:
        try:
            name = names.checked(tag, self._globs)
        except ToolError:
            return None
        labels = found.get("Labels") or {}
        short = name.rpartition("/")[2]
        of = short if LABEL in labels and short in recipe_names() else ""
        return Listed(
            name=name,
            digest=str(found["Id"]),
            size=int(found["Size"]),
            created=int(found["Created"]),
            recipe=of,
            is_current=labels[LABEL] == recipe(of).digest if of else None,
            is_ours=OWNER in labels,
        )

    async def _ask(self, question: Callable[[Any], R]) -> R:
        return await ask_engine(LongRequest(self._url, CONTROL_SECONDS), question)


def _remove(client: Any, name: str) -> None:
    import docker  # type: ignore[import-untyped]

    try:
        client.remove_image(name)
    except docker.errors.ImageNotFound:
        return
    except docker.errors.APIError as error:
        said = " ".join(str(error.explanation or error).split())[:200]
        raise ToolError(
            "busy", f"The image is in use: {said}", "Destroy the sandboxes that run it first."
        ) from None


def _extra(dockerfile: str) -> dict[str, bytes]:
    bundle = certificates()
    trusted = {} if bundle is None else {CERTIFICATES: bundle}
    return {DOCKERFILE: dockerfile.encode(), **trusted}
