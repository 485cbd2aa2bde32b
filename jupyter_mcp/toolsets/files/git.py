"""Git in the Jupyter root and in sandboxes: the same commands, with small structured answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files import git_output
from jupyter_mcp.toolsets.files.git_names import branch_of, revision_of
from jupyter_mcp.toolsets.files.git_output import Changed, Commit, Status
from jupyter_mcp.toolsets.files.git_runner import GitRunner, Repository
from jupyter_mcp.toolsets.files.paths import inside, shown
from jupyter_mcp.workplace import Place

SESSION_BASE = "refs/jupyter-mcp/base"
"""In a sandbox: the commit at which its session began."""

UNTRACKED = 100
"""The most files that a diff tells of which git does not know."""

NO_PROGRAMS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")

Allowed = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who commits, where the repository and the account do not say.

    Args:
        name: Name.
        email: Address.
    """

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs.

    Args:
        files: The files.
        text: The differences, as git shows them.
        untracked: Files that git does not know.
    """

    files: list[Changed]
    text: str
    untracked: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of a repository.

    Args:
        current: The one that is checked out; empty for none.
        all: All of them with their commits.
    """

    current: str
    all: list[tuple[str, str]]


class Git:
    """Git in one place.

    Args:
        place: The Jupyter root or a sandbox.
        identity: Who commits if nobody is configured.
        allowed: Whether the caller may see and change a path of the place.
    """

    def __init__(
        self,
        place: Place,
        identity: Identity,
        allowed: Allowed = lambda _path: True,
    ) -> None:
        self.place = place
        self.runner = GitRunner(place)
        self._identity = identity
        self.allowed = allowed

    async def status(self, path: str) -> Status:
        """Return how the working tree is."""
        repository = await self.repository(path)
        return await self.status_of(repository)

    async def status_of(self, repository: Repository) -> Status:
        """Return how the working tree of a repository is."""
        words = ["status", "--porcelain=v2", "-z", "--branch", "--untracked-files=all"]
        output = await self.runner.run(repository, [*words, "--ignore-submodules=dirty"])
        found = git_output.status(output)
        found.changes = [each for each in found.changes if self._may(repository, each.path)]
        return found

    async def diff(self, path: str, revision: str = "HEAD", paths: Sequence[str] = ()) -> Diff:
        """Return what the working tree has that a commit has not, or what a range of them did.

        Args:
            path: The repository.
            revision: A commit, a branch or a range; ``session`` for where the sandbox's began.
            paths: Files and folders to look at; empty for all.
        """
        repository = await self.repository(path)
        asked = SESSION_BASE if revision == "session" else revision_of(revision)
        if asked == "HEAD" and not await self._has_commits(repository):
            asked = "--cached"
        below = ["--", *[inside(each) for each in paths]] if paths else ["--"]
        common = ["diff", *NO_PROGRAMS, asked]
        files = git_output.numstat(
            await self.runner.run(repository, [*common, "--numstat", "-z", *below])
        )
        seen = [each for each in files if self._may(repository, each.path, each.old_path)]
        if len(seen) < len(files):
            names = {name for each in seen for name in (each.path, each.old_path) if name}
            below = ["--", *sorted(names)]
        text = await self.runner.run(repository, [*common, "--no-color", *below]) if seen else b""
        untracked = [] if ".." in asked else await self._untracked(repository, paths)
        return Diff(seen, text.decode("utf-8", "replace"), untracked)

    async def log(
        self, path: str, revision: str = "HEAD", *, skip: int = 0, limit: int = 20
    ) -> list[Commit]:
        """Return commits, newest first."""
        repository = await self.repository(path)
        if revision == "HEAD" and not await self._has_commits(repository):
            return []
        asked = f"{SESSION_BASE}..HEAD" if revision == "session" else revision_of(revision)
        words = ["log", "-z", f"--format=tformat:{git_output.FIELDS}", "--no-show-signature"]
        words += [f"--skip={skip}", f"--max-count={limit}", "--end-of-options", asked, "--"]
        return git_output.commits(await self.runner.run(repository, words))

    async def branches(self, path: str) -> Branches:
        """Return the branches."""
        repository = await self.repository(path)
        words = [
            "for-each-ref",
            "--format=%(HEAD)%00%(refname:short)%00%(objectname)",
            "refs/heads/",
        ]
        output = (await self.runner.run(repository, words)).decode("utf-8", "replace")
        lines = [line.split("\0") for line in output.splitlines()]
        current = next((name for mark, name, _commit in lines if mark == "*"), "")
        return Branches(current, [(name, commit) for _mark, name, commit in lines])

    async def switch(self, path: str, name: str, *, create: bool = False, start: str = "") -> None:
        """Check a branch out; changes that would be lost make it fail.

        Args:
            path: The repository.
            name: The branch.
            create: Whether it is a new one.
            start: Where a new one begins; the current commit by default.
        """
        repository = await self.repository(path)
        words = ["switch", "--quiet", "--no-guess", "--no-recurse-submodules"]
        words += ["--create", branch_of(name)] if create else [branch_of(name)]
        await self.runner.run(repository, words + ([revision_of(start)] if start else []))

    async def commit(self, path: str, message: str, paths: Sequence[str] = ()) -> Commit:
        """Commit changes.

        Args:
            path: The repository.
            message: What was done.
            paths: Files and folders whose changes go in; empty for all.

        Raises:
            ToolError: ``conflict`` where there is nothing to commit.
        """
        repository = await self.repository(path)
        if not message.strip():
            raise ToolError("invalid_arguments", "A commit needs a message.", "Say what was done.")
        asked = [inside(each) or "." for each in paths]
        await self.runner.run(repository, ["add", "--all", "--", *(asked or ["."])])
        staged = await self.runner.finish(repository, ["diff", "--cached", "--quiet", *NO_PROGRAMS])
        if staged.exit_code == 0:
            raise ToolError("conflict", "There is nothing to commit.", "Change files first.")
        words = ["commit", "--quiet", "--no-verify", "--no-gpg-sign", "--file=-", "--cleanup=strip"]
        only = ["--only", "--", *asked] if asked else []
        env = await self.identity(repository)
        await self.runner.run(repository, [*words, *only], env=env, stdin=message.encode())
        return (await self.log(path, limit=1))[0]

    async def merge(
        self, repository: Repository, commit: str, message: str, *, squash: bool = False
    ) -> None:
        """Merge a commit into the working tree, or change nothing.

        Raises:
            ToolError: ``conflict`` with the files that both changed.
        """
        words = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "HEAD", commit]
        tried = await self.runner.finish(repository, words)
        if tried.exit_code == 1:
            files = git_output.names(tried.stdout)[1:]
            raise ToolError(
                "conflict",
                f"Both sides changed {', '.join(map(shown, files[:5]))}.",
                "Bring the one side's changes into the other first, or take the branch only.",
                data={"files": files[:50]},
            )
        if tried.exit_code:
            raise self.runner.failure(repository.path, "merge", tried)
        words = ["merge", "--quiet", "--no-verify", "--no-verify-signatures", "--no-edit"]
        words += ["--squash"] if squash else ["-m", message]
        env = await self.identity(repository)
        done = await self.runner.finish(repository, [*words, commit], env=env)
        if done.exit_code or done.timed_out:
            if not squash:
                await asyncio.shield(self.runner.finish(repository, ["merge", "--abort"]))
            raise _dirty(self.runner.failure(repository.path, "merge", done))

    async def forward(self, repository: Repository, commit: str) -> None:
        """Go forward to a commit.

        Raises:
            ToolError: ``conflict`` where that needs a merge, or changes would be lost.
        """
        words = ["merge", "--quiet", "--ff-only", "--no-verify-signatures", commit]
        done = await self.runner.finish(repository, words)
        if done.exit_code == 0:
            return
        if b"fast-forward" in done.stderr:
            raise ToolError(
                "conflict",
                "The branch and the remote's both have commits that the other has not.",
                "Say merge=true to merge them.",
            )
        raise _dirty(self.runner.failure(repository.path, "pull", done))

    async def repository(self, path: str) -> Repository:
        """Return the repository whose top is a folder (`GitRunner.repository`)."""
        return await self.runner.repository(path)

    async def identity(self, repository: Repository) -> dict[str, str]:
        """Return variables that say who commits: who is configured, else the caller."""
        name = await self._configured(repository, "user.name") or self._identity.name
        email = await self._configured(repository, "user.email") or self._identity.email
        return {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", email))
        }

    async def _configured(self, repository: Repository, key: str) -> str:
        words = ["git", "config", "--no-includes", "--get", key]
        done = await self.place.run(words, cwd=repository.path, seconds=10, limit=1000)
        return done.stdout.decode("utf-8", "replace").strip() if done.exit_code == 0 else ""

    async def _untracked(self, repository: Repository, paths: Sequence[str]) -> list[str]:
        below = ["--", *[inside(each) for each in paths]] if paths else []
        words = ["ls-files", "--others", "--exclude-standard", "-z", *below]
        names = git_output.names(await self.runner.run(repository, words))
        return [name for name in names if self._may(repository, name)][:UNTRACKED]

    async def _has_commits(self, repository: Repository) -> bool:
        done = await self.runner.finish(repository, ["rev-parse", "--verify", "--quiet", "HEAD"])
        return done.exit_code == 0

    def _may(self, repository: Repository, *names: str) -> bool:
        return all(self.allowed(f"{repository.path}/{name}".lstrip("/")) for name in names if name)


def _dirty(error: ToolError) -> ToolError:
    if "would be overwritten" in error.message or "local changes" in error.message:
        return ToolError(
            "conflict",
            "Files have changes that are not committed and would be lost.",
            "Commit them with git_commit first.",
        )
    return error
