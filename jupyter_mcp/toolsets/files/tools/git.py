"""What can be asked of git, in the Jupyter root and in sandboxes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.toolsets.files.paths import inside_of
from jupyter_mcp.toolsets.files.tools.base import FilesToolset, SandboxId, meta_of, told
from jupyter_mcp.workplace import Place

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.files.git import Git
    from jupyter_mcp.toolsets.files.git_output import Status

CHANGES = 200
DIFF = 50_000
"""Characters of a diff that are told."""

RepositoryPath = Annotated[str, Field(description="The top of the repository")]
Paths = Annotated[
    list[str] | None,
    Field(max_length=1000, description="Only these, as seen from the repository's top"),
]


class GitChange(Shape):
    """A file that is not as committed; letters as git's."""

    path: str
    staged: str
    unstaged: str
    old_path: str
    is_conflict: bool


class GitStatus(Shape):
    """How a working tree is."""

    path: str
    branch: str
    commit: str
    upstream: str
    ahead: int
    behind: int
    changes: list[GitChange]
    more: bool


class GitFile(Shape):
    """A file of a diff; no numbers where it is no text."""

    path: str
    old_path: str
    added: int | None = None
    removed: int | None = None


class GitDiff(Shape):
    """What differs."""

    files: list[GitFile]
    diff: str
    more: bool
    untracked: list[str]


class GitCommit(Shape):
    """A commit."""

    id: str
    author: str
    email: str
    at: str
    parents: list[str]
    subject: str


class GitLog(Shape):
    """Commits, newest first."""

    commits: list[GitCommit]
    next_skip: int | None = None


class GitBranches(Shape):
    """Branches, by name, with their commits."""

    current: str
    branches: dict[str, str]


class GitPushed(Shape):
    """What the remote has now."""

    remote: str
    branch: str
    commit: str


class GitTools(FilesToolset):
    """Tools on repositories."""

    def git_in(self, ctx: Context, place: Place) -> Git:
        """Return git in a place, for a caller."""
        from jupyter_mcp.toolsets.files.git import Git, Identity

        who = ctx.principal
        identity = Identity(who.name or "jupyter_mcp", "jupyter-mcp@localhost")
        allows = self.allowed(ctx, place, "file_read")
        return Git(place, identity, allows)

    @tool(
        scope="edit",
        title="Clone a repository",
        open_world=True,
        untrusted=True,
        long_running=True,
        within="sandbox_id",
    )
    async def git_clone(
        self,
        ctx: Context,
        url: Annotated[str, Field(description="https, without a login in it")],
        path: Annotated[str | None, Field(description="The new folder")] = None,
        sandbox_id: SandboxId = None,
        *,
        branch: str | None = None,
        depth: Annotated[int | None, Field(ge=1)] = None,
    ) -> GitStatus:
        """Clone a repository; in a sandbox that needs one with a network."""
        place = await self.place(ctx, sandbox_id)
        git = self.git_in(ctx, place)
        target = await self.files.remotes.clone(git, url, path or "", branch or "", depth or 0)
        return _status(target, await git.status(target))

    @tool(scope="read", title="Git status")
    async def git_status(
        self, ctx: Context, path: RepositoryPath = "", sandbox_id: SandboxId = None
    ) -> Reply[GitStatus]:
        """Branch, upstream and changed files."""
        place = await self.place(ctx, sandbox_id)
        status = await self.git_in(ctx, place).status(path)
        return told(_status(inside_of(place, path), status), place)

    @tool(scope="read", title="Git diff")
    async def git_diff(
        self,
        ctx: Context,
        path: RepositoryPath = "",
        sandbox_id: SandboxId = None,
        *,
        revision: Annotated[
            str, Field(description="A commit, a range a..b, or session: since git_session_start")
        ] = "HEAD",
        paths: Paths = None,
    ) -> Reply[GitDiff]:
        """What the working tree changed since a commit, or what a range of commits did."""
        place = await self.place(ctx, sandbox_id)
        found = await self.git_in(ctx, place).diff(path, revision, paths or ())
        text = found.text[:DIFF]
        value = GitDiff(
            files=[GitFile(**asdict(each)) for each in found.files[:CHANGES]],
            diff=text,
            more=len(text) < len(found.text) or len(found.files) > CHANGES,
            untracked=found.untracked,
        )
        cut = [Text("[cut: give paths to see less at once]")] if value.more else []
        return Reply(value, [Text(text or "[no difference]"), *cut], meta=meta_of(place))

    @tool(scope="read", title="Git log")
    async def git_log(
        self,
        ctx: Context,
        path: RepositoryPath = "",
        sandbox_id: SandboxId = None,
        *,
        revision: Annotated[str, Field(description="A branch, range, or session")] = "HEAD",
        skip: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> Reply[GitLog]:
        """Commits, newest first."""
        place = await self.place(ctx, sandbox_id)
        git = self.git_in(ctx, place)
        found = await git.log(path, revision, skip=skip, limit=limit + 1)
        value = GitLog(
            commits=[_commit(each) for each in found[:limit]],
            next_skip=skip + limit if len(found) > limit else None,
        )
        return told(value, place)

    @tool(scope="edit", title="Git branches", within="sandbox_id")
    async def git_branch(
        self,
        ctx: Context,
        path: RepositoryPath = "",
        sandbox_id: SandboxId = None,
        *,
        name: Annotated[str | None, Field(description="Switch to it; else list")] = None,
        create: bool = False,
        start: Annotated[str | None, Field(description="Where a new one begins")] = None,
    ) -> Reply[GitBranches]:
        """List branches, or switch to one; with create to a new one."""
        place = await self.place(ctx, sandbox_id)
        git = self.git_in(ctx, place)
        if name:
            await git.switch(path, name, create=create, start=start or "")
        found = await git.branches(path)
        return told(GitBranches(current=found.current, branches=dict(found.all)), place)

    @tool(scope="edit", title="Git commit", within="sandbox_id")
    async def git_commit(
        self,
        ctx: Context,
        message: str,
        path: RepositoryPath = "",
        sandbox_id: SandboxId = None,
        *,
        paths: Paths = None,
    ) -> GitCommit:
        """Commit all changes, new files too, or those of some paths; hooks do not run."""
        place = await self.place(ctx, sandbox_id)
        return _commit(await self.git_in(ctx, place).commit(path, message, paths or ()))

    @tool(scope="edit", title="Git push", open_world=True, long_running=True)
    async def git_push(
        self,
        ctx: Context,
        path: RepositoryPath = "",
        sandbox_id: SandboxId = None,
        *,
        remote: str = "origin",
        branch: Annotated[str | None, Field(description="The current one by default")] = None,
    ) -> GitPushed:
        """Send a branch to its remote; never by force."""
        place = await self.place(ctx, sandbox_id)
        git = self.git_in(ctx, place)
        name, commit = await self.files.remotes.push(git, path, remote, branch or "")
        return GitPushed(remote=remote, branch=name, commit=commit)

    @tool(
        scope="edit",
        title="Git pull",
        open_world=True,
        untrusted=True,
        long_running=True,
        within="sandbox_id",
    )
    async def git_pull(
        self,
        ctx: Context,
        path: RepositoryPath = "",
        sandbox_id: SandboxId = None,
        *,
        remote: str = "origin",
        merge: Annotated[bool, Field(description="Merge where both have new commits")] = False,
    ) -> GitStatus:
        """Get the remote's commits of the current branch; conflicts change nothing."""
        place = await self.place(ctx, sandbox_id)
        git = self.git_in(ctx, place)
        status = await self.files.remotes.pull(git, path, remote, merge=merge)
        return _status(inside_of(place, path), status)


def _status(path: str, status: Status) -> GitStatus:
    facts: dict[str, Any] = asdict(status)
    changes = [GitChange(**each) for each in facts.pop("changes")]
    return GitStatus(path=path, changes=changes[:CHANGES], more=len(changes) > CHANGES, **facts)


def _commit(commit: Any) -> GitCommit:
    return GitCommit(**{**asdict(commit), "parents": list(commit.parents)})
