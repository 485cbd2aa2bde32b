"""What all tools of files share: the service, whose place a call means, and what a caller sees.

A call that names a path was judged by it before it gets here. What lies below a folder was not, so
it is held against the same policy, file by file, where that says different things of different
paths.

The service is imported when it is first used: most servers serve notebooks only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from jupyter_mcp.calls import Context, Reply, Text, Toolset
from jupyter_mcp.calls.content import UNTRUSTED
from jupyter_mcp.calls.operation import Operation
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.reach import ALLOWED, ASKED, Allows, is_uniform, reach
from jupyter_mcp.toolsets.files.paths import inside_of
from jupyter_mcp.workplace import Place

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.files.service import FileService

SandboxId = Annotated[
    str | None, Field(description="A sandbox; without it the Jupyter root is meant")
]

REPOSITORY_TOOLS = "git_"


class FilesToolset(Toolset):
    """The service of files, as its tools reach it."""

    @cached_property
    def files(self) -> FileService:
        """The service."""
        from jupyter_mcp.toolsets.files.service import FileService

        return FileService(self.host)

    def seen_by(self, ctx: Context) -> str | None:
        """Return whose sandboxes a caller may use: their own, or None for everybody's."""
        owner: str | None = self.host.trust.policy.owner_seen(ctx.principal)
        return owner

    async def place(self, ctx: Context, sandbox_id: str | None) -> Place:
        """Return the place that a call means."""
        return await self.files.place(sandbox_id, self.seen_by(ctx))

    def allowed(self, ctx: Context, place: Place, tool: str, *, asks: bool = False) -> Allows:
        """Return what says whether a caller could use `tool` on a path of a place.

        Args:
            ctx: Whose call it is.
            place: Where; in a sandbox all is its owner's.
            tool: The tool.
            asks: Whether what a person would have to approve counts as well.
        """
        if place.sandbox_id:
            return lambda _path: True
        return reach(
            self.host.trust.policy,
            ctx.principal,
            self._operation(tool),
            {"sandbox_id": None},
            ASKED if asks else ALLOWED,
        )

    def is_uniform(self, ctx: Context, place: Place, tool: str) -> bool:
        """Return whether the policy says the same of `tool` on every path of a place."""
        return bool(place.sandbox_id) or is_uniform(
            self.host.trust.policy, ctx.principal, self._operation(tool)
        )

    async def paths_of(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the paths of the Jupyter root that a call touches, links resolved as well.

        With a sandbox, only ``root_path`` is one of them.
        """
        if "root_path" in values:
            named = [values["root_path"]]
        elif values.get("sandbox_id"):
            return ()
        else:
            named = [values[name] for name in ("path", "new_path") if name in values]
        found: list[str] = []
        for path in named:
            found += [path, *await self._led_to(path)]
        return list(dict.fromkeys(found))

    async def repository_of(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return what stands for a whole repository: a place right below its top."""
        paths = await self.paths_of(_with_default(values))
        return None if paths is None else [f"{path.rstrip('/')}/.git".lstrip("/") for path in paths]

    def _operation(self, tool: str) -> Operation:
        return next(each for each in self.operations if each.name == tool)

    def _placed(self, operation: Operation, function: Callable[..., Any]) -> Operation:
        from dataclasses import replace

        placed = super()._placed(operation, function)
        if placed.name.startswith(REPOSITORY_TOOLS):
            return replace(placed, paths_of=self.repository_of)
        return placed

    async def _led_to(self, path: str) -> list[str]:
        """Return where the links in a path lead; nothing for what the call will refuse."""
        try:
            root: Any = self.files.root
            return [await root.real(inside_of(root, path))]
        except ToolError:
            return []


def meta_of(place: Place) -> dict[str, bool]:
    """Return the ``_meta`` of a result that tells what is in a place."""
    return {UNTRUSTED: True} if place.sandbox_id else {}


def told(value: BaseModel, place: Place) -> Reply[Any]:
    """Return a result whose text is its JSON."""
    return Reply(value, [Text(value.model_dump_json(exclude_none=True))], meta=meta_of(place))


def _with_default(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill in where a clone goes that says nothing of it."""
    if values.get("path") is not None or "url" not in values:
        return values
    from jupyter_mcp.toolsets.files.git_names import remote_of

    try:
        return {**values, "path": remote_of(values["url"]).name}
    except ToolError:
        return {**values, "path": ""}
