"""Git in the Jupyter root and in sandboxes: the same commands, with small structured answers."""

from __future__ import annotations

import asyncio
import posixpath
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files import git_output
from jupyter_mcp.toolsets.files.git_credentials import Credentials
from jupyter_mcp.toolsets.files.git_names import (
    Remote,
    branch_of,
    remote_name,
    remote_of,
    revision_of,
)
from jupyter_mcp.toolsets.files.git_output import Changed, Commit, Status
from jupyter_mcp.toolsets.files.git_runner import GitRunner, Repository
from jupyter_mcp.toolsets.files.paths import inside, inside_of, shown, there_already
from jupyter_mcp.workplace import Place

SESSION_BASE = "refs/jupyter-mcp/base"
"""In a sandbox: the commit at which its session began."""

UNTRACKED = 100
"""The most files that a diff tells of which git does not know."""

Pinned = tuple[tuple[str, str], ...]
Check = Callable[[Remote, bool], Awaitable[Pinned]]
"""Settings that bind git to the address that was checked; raises `ToolError` for one that is
refused. The flag says whether an administrator named the host."""

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
        credentials: What it logs in with.
        check: Checks addresses that the host talks to.
        identity: Who commits if nobody is configured.
        allowed: Whether the caller may see and change a path of the place.
    """

    def __init__(
        self,
        place: Place,
        credentials: Credentials,
        check: Check,
        identity: Identity,
        allowed: Allowed = lambda _path: True,
    ) -> None:
        self.place = place
        self.runner = GitRunner(place)
        self._credentials = credentials
        self._check = check
        self._identity = identity
        self.allowed = allowed

    async def clone(self, url: str, path: str = "", branch: str = "", depth: int = 0) -> Status:
        """Clone a repository into a new folder, whole or not at all.

        Args:
            url: An https or http address without a login.
            path: The folder; by default the repository's name.
            branch: The branch to check out; the remote's by default.
            depth: How many commits to get; 0 for all.

        Raises:
            ToolError: ``conflict`` for a folder that is there, else as `GitRunner.run`.
        """
        remote = remote_of(url)
        target = inside_of(self.place, path or remote.name)
        if await there(self.place, target):
            raise there_already(target)
        above, name = posixpath.split(target)
        if above:
            await self.place.make_folder(above)
        options = ["--branch", branch_of(branch)] if branch else []
        options += ["--depth", str(depth)] if depth else []
        unfinished = f"{name}.cloning-{secrets.token_hex(4)}"
        words = ["clone", "--quiet", "--template=", "--no-recurse-submodules", *options]
        try:
            await self._online(Repository(above), remote, [*words, "--", url, unfinished])
            await self.place.move(f"{above}/{unfinished}".lstrip("/"), target)
        except BaseException:
            await asyncio.shield(self._remove(above, unfinished))
            raise
        return await self.status(target)

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
        common = ["diff", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", asked]
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

    async def push(self, path: str, remote: str = "origin", branch: str = "") -> tuple[str, str]:
        """Send a branch to a remote, without force, and return its name and commit."""
        repository = await self.repository(path)
        current = await self.status_of(repository)
        name = branch_of(branch or current.branch or "HEAD")
        address = await self._address(repository, remote, push=True)
        words = ["push", "--quiet", "--porcelain", "--no-verify", "--no-recurse-submodules"]
        refs = f"refs/heads/{name}:refs/heads/{name}"
        arguments = [*words, "--set-upstream", remote_name(remote), refs]
        try:
            await self._online(repository, address, arguments)
        except ToolError as error:
            raise _rejected(error) from None
        commit = await self.runner.run(repository, ["rev-parse", f"refs/heads/{name}"])
        return name, commit.decode().strip()

    async def pull(self, path: str, remote: str = "origin", *, merge: bool = False) -> Status:
        """Get what a remote has of the current branch, and go forward to it.

        Args:
            path: The repository.
            remote: The remote.
            merge: Whether to merge where both have commits of their own.

        Raises:
            ToolError: ``conflict`` where that needs a merge, or the merge has conflicts; then
                nothing was changed.
        """
        repository = await self.repository(path)
        before = await self.status_of(repository)
        name = branch_of(before.branch or "HEAD")
        address = await self._address(repository, remote)
        tracking = f"refs/remotes/{remote_name(remote)}/{name}"
        words = ["fetch", "--quiet", "--no-recurse-submodules", "--no-auto-maintenance"]
        await self._online(repository, address, [*words, remote, f"+refs/heads/{name}:{tracking}"])
        if merge:
            await self.merge(repository, tracking, f"Merge {remote}/{name}")
        else:
            await self._forward(repository, tracking)
        return await self.status_of(repository)

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

    async def repository(self, path: str) -> Repository:
        """Return a repository, if the caller may see all of it, or what they may see of it."""
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

    async def _address(self, repository: Repository, remote: str, *, push: bool = False) -> Remote:
        """Return the address of a remote.

        Raises:
            ToolError: ``not_found``, or ``forbidden`` where git would talk to others as well.
        """
        kind = ["--push"] if push else []
        words = ["remote", "get-url", "--all", *kind, "--", remote_name(remote)]
        done = await self.runner.finish(repository, words)
        if done.exit_code:
            raise ToolError(
                "not_found", f"The repository has no remote '{remote}'.", "Clone it with git_clone."
            )
        urls = done.stdout.decode("utf-8", "replace").strip().split("\n")
        if self.runner.is_host and (
            len(urls) > 1 or await self._gets_from_others(repository, remote)
        ):
            raise ToolError(
                "forbidden",
                f"With remote '{remote}' git would talk to other addresses too.",
                "Take its second url, or the other remote's 'promisor', out of .git/config.",
            )
        return remote_of(urls[0])

    async def _gets_from_others(self, repository: Repository, remote: str) -> bool:
        """Return whether git gets objects that are missing from another remote."""
        words = ["config", "--local", "--no-includes", "--null", "--name-only", "--get-regexp"]
        words += [r"^remote\..*\.(promisor|partialclonefilter)$"]
        done = await self.runner.finish(repository, words)
        keys = {key.rpartition(".")[0] for key in git_output.names(done.stdout)}
        return bool(keys - {f"remote.{remote}"})

    async def _online(
        self, repository: Repository, remote: Remote, arguments: Sequence[str]
    ) -> bytes:
        """Run what talks to a remote, bound to it."""
        is_known = self._credentials.knows(remote)
        pinned = await self._check(remote, is_known) if self.runner.is_host else ()
        login = await self._credentials.login(remote)
        return await self.runner.run(
            repository,
            arguments,
            settings=(("http.followRedirects", "false"), *pinned),
            login=login,
            protocols=remote.scheme,
        )

    async def _forward(self, repository: Repository, commit: str) -> None:
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

    async def _remove(self, above: str, name: str) -> None:
        await self.place.run(["rm", "-rf", "--", name], cwd=above, seconds=60)


NO_PROGRAMS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")


async def there(place: Place, path: str) -> bool:
    """Return whether something is at a path."""
    try:
        await place.stat(path)
    except ToolError as error:
        if error.code != "not_found":
            raise
        return False
    return True


def _dirty(error: ToolError) -> ToolError:
    if "would be overwritten" in error.message or "local changes" in error.message:
        return ToolError(
            "conflict",
            "Files have changes that are not committed and would be lost.",
            "Commit them with git_commit first.",
        )
    return error


def _rejected(error: ToolError) -> ToolError:
    if any(word in error.message for word in ("failed to push", "rejected", "non-fast-forward")):
        return ToolError(
            "conflict",
            "The remote's branch has commits that this one has not.",
            "Call git_pull first; nothing is pushed by force.",
        )
    return error
