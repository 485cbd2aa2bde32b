"""Copies between the Jupyter root and a sandbox."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.toolsets.files.paths import inside_of
from jupyter_mcp.toolsets.files.tools.base import FilesToolset
from jupyter_mcp.workplace import Place

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.files.transfer import Copied

SILENT = 0.5
"""Seconds between two words of how far a copy is."""

RootPath = Annotated[str, Field(description="A file or folder below the Jupyter root")]
SandboxPath = Annotated[str, Field(description="In the sandbox, below /workspace")]
Sandbox = Annotated[str, Field(description="As sandbox_create returned it")]


class Transferred(Shape):
    """What was copied."""

    path: str
    files: int
    bytes: int
    skipped: list[str]


class CopyTools(FilesToolset):
    """Tools that copy."""

    @tool(scope="edit", title="Upload to a sandbox", long_running=True)
    async def file_upload(
        self,
        ctx: Context,
        root_path: RootPath,
        sandbox_id: Sandbox,
        sandbox_path: SandboxPath = "",
        *,
        overwrite: bool = True,
    ) -> Transferred:
        """Copy a file or folder of any size from the Jupyter root into a sandbox."""
        root, box = self.files.root, await self.place(ctx, sandbox_id)
        source = inside_of(root, root_path)
        target = inside_of(box, sandbox_path) or source.rpartition("/")[2]
        return await self._copied(ctx, root, box, (source, target), overwrite)

    @tool(scope="edit", title="Download from a sandbox", long_running=True)
    async def file_download(
        self,
        ctx: Context,
        sandbox_path: SandboxPath,
        sandbox_id: Sandbox,
        root_path: RootPath,
        *,
        overwrite: bool = False,
    ) -> Transferred:
        """Copy a file or folder of any size from a sandbox to the Jupyter root."""
        root, box = self.files.root, await self.place(ctx, sandbox_id)
        target = inside_of(root, root_path)
        return await self._copied(ctx, box, root, (inside_of(box, sandbox_path), target), overwrite)

    async def _copied(
        self, ctx: Context, source: Place, target: Place, paths: tuple[str, str], overwrite: bool
    ) -> Transferred:
        from jupyter_mcp.toolsets.files.transfer import Way, copy

        told = time.monotonic()
        writes = self.allowed(ctx, target, "file_write")

        async def say(done: float, total: float, path: str) -> None:
            nonlocal told
            if time.monotonic() - told > SILENT:
                told = time.monotonic()
                await ctx.progress(done, total, path)

        async def may_write(path: str) -> bool:
            if not target.sandbox_id:
                self.files.open.refuse_open(path)
            return writes(path)

        way = Way(source, target, self.allowed(ctx, source, "file_read"), may_write, say)
        done: Copied = await copy(way, *paths, overwrite=overwrite)
        return Transferred(
            path=done.path, files=done.files, bytes=done.bytes, skipped=done.skipped[:50]
        )
