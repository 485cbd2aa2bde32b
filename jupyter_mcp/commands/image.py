"""``jupyter mcp image build | list | remove``: the images that sandboxes run.

Works through a running server, or without one: a fresh machine needs an image before anything else.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, ClassVar

from traitlets import Bool, Unicode

from jupyter_mcp.commands.admin import AdminClient, AdminCommand
from jupyter_mcp.commands.verbs import verb_of
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.display import Table
from jupyter_mcp.security.moments import in_utc

RECIPES = ("base", "dev", "desktop")
HEAD = ("name", "size", "built", "recipe", "digest")


class ImageApp(AdminCommand):
    """Build, list and remove the images that sandboxes run."""

    name = "jupyter-mcp-image"
    description = (
        "build NAME|PATH: build base, dev or desktop from Debian packages where it is not up to "
        "date, or a folder with a Dockerfile or devcontainer.json. list: show what sandboxes may "
        "use. remove NAME: remove one that was built here."
    )
    examples = (
        "jupyter mcp image build dev\n"
        "jupyter mcp image build ./project --tag jupyter-mcp/project\n"
        "jupyter mcp image list --json"
    )
    tag = Unicode("", help="The name of an image that is built from a folder.").tag(config=True)
    is_fresh = Bool(default_value=False, help="Use nothing of earlier builds.").tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.aliases,
        "tag": "ImageApp.tag",
    }
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **AdminCommand.flags,
        "fresh": ({"ImageApp": {"is_fresh": True}}, "Use nothing of earlier builds."),
    }
    verbs: ClassVar[dict[str, set[int]]] = {"build": {1}, "list": {0}, "remove": {1}}

    async def run(self) -> int:
        """Do what the first word says."""
        verb, words = verb_of(self.extra_args, self.verbs)
        what = await asyncio.to_thread(self._wanted, words[0]) if verb == "build" else {}
        async with self.admin() as client:
            if verb == "build":
                await self._build(client, what)
            elif verb == "list":
                await self._list(client)
            else:
                state = await client.ask("image_remove", image=words[0])
                self.show(state, f"Removed {state['name']}.")
        return 0

    def _wanted(self, word: str) -> dict[str, str]:
        """Return what `word` means: a shipped image, or a folder below the server's root."""
        short = word.removeprefix("jupyter-mcp/").removesuffix(":latest")
        if short in RECIPES:
            return {"recipe": short}
        server = self._running()
        root = Path((server.root if server else "") or self.root or Path.cwd()).resolve()
        folder = Path(word).resolve()
        if not folder.is_dir():
            raise ToolError(
                "not_found",
                f"There is no image and no folder '{word[:80]}'.",
                f"Name one of {', '.join(RECIPES)}, or a folder with a Dockerfile.",
            )
        if not folder.is_relative_to(root):
            raise ToolError(
                "invalid_arguments",
                f"'{word[:80]}' is not below {root}.",
                "Give --root, or go to a folder above it.",
            )
        relative = folder.relative_to(root).as_posix()
        return {"path": "" if relative == "." else relative}

    async def _build(self, client: AdminClient, what: dict[str, str]) -> None:
        result = await client.follow(
            "image_build",
            self._progress,
            **what,
            tag=self.tag or None,
            fresh=self.is_fresh or None,
            background=False,
        )
        self.show(result.structured, result.text)

    async def _progress(self, done: float, total: float | None, message: str) -> None:
        del done, total
        if message:
            sys.stderr.write(message.rstrip("\n") + "\n")
            sys.stderr.flush()

    async def _list(self, client: AdminClient) -> None:
        answer = await client.ask("image_list")
        images = answer["images"]
        shown = Table([_row(image, answer["default"]) for image in images], HEAD).to_text()
        none = "There are no images: 'jupyter mcp image build dev' makes one."
        self.show(images, shown if images else none)


def _row(image: dict[str, Any], default: str) -> list[str]:
    recipe = image.get("recipe") or ""
    if recipe:
        recipe += "" if image.get("up_to_date") else ", not up to date"
    name = image["name"]
    return [
        f"{name} (default)" if name == default else name,
        f"{image['size'] / 1e6:.0f} MB",
        in_utc(image["created"]),
        recipe,
        image["digest"][:19],
    ]
