"""Images of sandboxes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from jupyter_mcp.calls import Context, JobContext, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.sizes import bytes_of
from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxToolset

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.images.builder import Built
    from jupyter_mcp.toolsets.sandboxes.images.images import Images, Plan


class ImageBuilt(Shape):
    """What became of a build."""

    name: str
    status: Literal["built", "present", "running"]
    digest: str | None = None
    size: int | None = None
    seconds: float | None = None
    warnings: list[str] = Field(default_factory=list)
    job_id: str | None = None


class ImageInfo(Shape):
    """An image that sandboxes may use."""

    name: str
    digest: str
    size: int
    created: int
    recipe: str | None = None
    up_to_date: bool | None = None
    removable: bool = False


class ImageList(Shape):
    """The images that sandboxes may use."""

    images: list[ImageInfo]
    default: str


class ImageRemoved(Shape):
    """An image that is gone."""

    name: str


class ImageTools(SandboxToolset):
    """Images of sandboxes."""

    @cached_property
    def images(self) -> Images:
        """The images of this server, imported at first use."""
        from jupyter_mcp.toolsets.sandboxes.images.images import Images

        settings = self.host.settings
        return Images(
            settings.docker_url,
            settings.sandbox_images,
            bytes_of(settings.sandbox_memory),
            self.host.executor,
        )

    @tool(
        scope="execute",
        title="Build an image",
        open_world=True,
        untrusted=True,
        long_running=True,
    )
    async def image_build(
        self,
        ctx: Context,
        *,
        recipe: Annotated[
            Literal["base", "dev", "desktop"] | None,
            Field(description="A shipped image, from Debian packages; built if not up to date"),
        ] = None,
        path: Annotated[
            str | None,
            Field(description="Folder with a Dockerfile or .devcontainer/devcontainer.json"),
        ] = None,
        tag: Annotated[
            str | None, Field(description="Name of the image of a folder, as 'jupyter-mcp/mine'")
        ] = None,
        fresh: Annotated[bool, Field(description="Use nothing of earlier builds")] = False,
        background: Annotated[bool, Field(description="Return a job_id at once; see job_get")] = (
            True
        ),
    ) -> Reply[ImageBuilt]:
        """Build an image for sandboxes on the engine, with its network; the log is streamed."""
        plan = await self._plan(ctx, recipe, path, tag, fresh=fresh)
        if not background:
            return await _build(plan, _Telling(ctx.progress))

        async def work(job: JobContext) -> Reply[ImageBuilt]:
            return await _build(plan, _Telling(job.progress, job.log))

        job_id = ctx.job(f"Image {plan.name}", work)
        warnings = list(plan.warnings)
        value = ImageBuilt(name=plan.name, status="running", job_id=job_id, warnings=warnings)
        line = Text(f"Building {plan.name} in the background: job_get with job_id {job_id}.")
        return Reply(value, [line, *map(Text, warnings)], job=job_id)

    @tool(scope="read", title="List images")
    async def image_list(self) -> ImageList:
        """The images that sandboxes may use, with digests, and whether shipped ones are current."""
        found = await self.images.list()
        return ImageList(
            default=self.host.settings.sandbox_image,
            images=[
                ImageInfo(
                    name=each.name,
                    digest=each.digest,
                    size=each.size,
                    created=each.created,
                    recipe=each.recipe or None,
                    up_to_date=each.is_current,
                    removable=each.is_ours,
                )
                for each in found
            ],
        )

    @tool(scope="execute", title="Remove an image", destructive=True)
    async def image_remove(
        self,
        ctx: Context,
        image: Annotated[str, Field(description="Name, as image_list shows it")],
    ) -> ImageRemoved:
        """Remove an image that was built here; not while a sandbox runs it."""
        return ImageRemoved(name=await self.images.remove(image, self.seen_by(ctx)))

    async def _plan(
        self, ctx: Context, recipe: str | None, path: str | None, tag: str | None, *, fresh: bool
    ) -> Plan:
        if (recipe is None) == (path is None) or (recipe is not None and tag is not None):
            raise ToolError(
                "invalid_arguments",
                "Say what to build: a recipe, or a path with an optional tag.",
                "For example recipe='dev', or path='project' tag='jupyter-mcp/project'.",
            )
        if recipe is not None:
            return self.images.of_recipe(recipe, ctx.principal.id, fresh=fresh)
        root = self.host.root
        if root is None:
            raise ToolError("unavailable", "There is no Jupyter root here.", "Give a recipe.")
        hidden = bool(getattr(self.host.jupyter.contents_manager, "allow_hidden", False))  # type: ignore[union-attr]
        plan = await self.images.of_folder(
            root, path or "", ctx.principal.id, tag=tag or "", shows_hidden=hidden, fresh=fresh
        )
        if hidden:
            return plan
        left_out = "Hidden files are not in the build (ContentsManager.allow_hidden is off)."
        return replace(plan, warnings=(*plan.warnings, left_out))


class _Telling:
    """Tells a watcher lines of a build, as progress and in the job's log.

    Args:
        progress: Takes how far it is.
        log: Takes lines for the job's log; None without a job.
    """

    def __init__(
        self,
        progress: Callable[[float, float | None, str], Awaitable[None]],
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._progress = progress
        self._log = log
        self._count = 0

    async def say(self, text: str) -> None:
        """Tell lines."""
        self._count += 1
        if self._log is not None:
            self._log(text + "\n")
        await self._progress(self._count, None, text[-2000:])


async def _build(plan: Plan, telling: _Telling) -> Reply[ImageBuilt]:
    built: Built = await plan.build(telling.say)
    value = ImageBuilt(
        name=built.name,
        status="built" if built.is_new else "present",
        digest=built.digest,
        size=built.size,
        seconds=built.seconds,
        warnings=list(plan.warnings),
    )
    what = f"built in {built.seconds:g} s" if built.is_new else "is up to date"
    line = f"{built.name} {what} ({built.size / 1e6:.0f} MB, {built.digest[:19]})."
    return Reply(value, [Text(line), *map(Text, plan.warnings)])
