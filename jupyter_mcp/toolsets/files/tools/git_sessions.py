"""Work on a branch of a sandbox's own: begin it, bring it back, drop it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.tools.base import told
from jupyter_mcp.toolsets.files.tools.copies import Sandbox, SandboxPath
from jupyter_mcp.toolsets.files.tools.git import GitFile, GitTools

FILES = 200

RootPath = Annotated[str, Field(description="The repository in the Jupyter root")]


class GitSession(Shape):
    """A session; with dirty, changes that were not committed did not come along."""

    path: str
    branch: str
    base: str
    dirty: bool


class GitApplied(Shape):
    """What came back."""

    branch: str
    commit: str
    commits: int
    files: list[GitFile]


class GitDiscarded(Shape):
    """What is gone."""

    branch: str


class GitSessionTools(GitTools):
    """Tools on sessions."""

    @tool(scope="edit", title="Begin a git session", long_running=True)
    async def git_session_start(
        self,
        ctx: Context,
        root_path: RootPath,
        sandbox_id: Sandbox,
        sandbox_path: SandboxPath = "",
    ) -> GitSession:
        """Copy a repository into a sandbox, on a branch of its own; needs no network."""
        box = self.git_in(ctx, await self.place(ctx, sandbox_id))
        host = self.git_in(ctx, self.files.root)
        begun = await self.files.sessions.start(host, root_path, box, sandbox_path)
        return GitSession(
            path=begun.path, branch=begun.branch, base=begun.base, dirty=begun.is_dirty
        )

    @tool(scope="edit", title="Apply a git session", long_running=True)
    async def git_session_apply(
        self,
        ctx: Context,
        root_path: RootPath,
        sandbox_id: Sandbox,
        sandbox_path: SandboxPath,
        *,
        mode: Annotated[
            Literal["merge", "changes", "branch"],
            Field(description="merge; changes: staged, not committed; branch: only the branch"),
        ] = "merge",
    ) -> Reply[GitApplied]:
        """Bring a session's commits back; a conflict changes nothing."""
        box = self.git_in(ctx, await self.place(ctx, sandbox_id))
        root = self.files.root
        host = self.git_in(ctx, root)
        writes = self.allowed(ctx, root, "file_write")

        async def guard(path: str) -> None:
            self.files.open.refuse_open(path)
            if not writes(path):
                raise ToolError(
                    "forbidden", "The session changed files that you may not.", "mode=branch."
                )

        done = await self.files.sessions.apply(
            host, root_path, box, sandbox_path, mode=mode, guard=guard
        )
        value = GitApplied(
            branch=done.branch,
            commit=done.commit,
            commits=done.commits,
            files=[GitFile(**asdict(each)) for each in done.files[:FILES]],
        )
        return told(value, box.place)

    @tool(scope="edit", title="Discard a git session", destructive=True)
    async def git_session_discard(
        self,
        ctx: Context,
        root_path: RootPath,
        sandbox_id: Sandbox,
        sandbox_path: SandboxPath,
    ) -> GitDiscarded:
        """Drop what a session made, in the sandbox if it is still there, and its branch here."""
        host = self.git_in(ctx, self.files.root)
        try:
            box = self.git_in(ctx, await self.place(ctx, sandbox_id))
        except ToolError as error:
            if error.code != "not_found":
                raise
            box = None
        sandbox = box.place.sandbox_id if box else sandbox_id
        await self.files.sessions.discard(host, root_path, sandbox, box, sandbox_path)
        return GitDiscarded(branch=f"mcp/{sandbox}")
