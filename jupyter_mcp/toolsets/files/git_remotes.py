"""Git with a network: clone, push and pull, each bound to the one address that was checked."""

from __future__ import annotations

import asyncio
import posixpath
import secrets
from collections.abc import Awaitable, Callable, Sequence

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files import git_output
from jupyter_mcp.toolsets.files.git import Git
from jupyter_mcp.toolsets.files.git_credentials import Credentials
from jupyter_mcp.toolsets.files.git_names import Remote, branch_of, remote_name, remote_of
from jupyter_mcp.toolsets.files.git_output import Status
from jupyter_mcp.toolsets.files.git_runner import Repository
from jupyter_mcp.toolsets.files.paths import inside_of, there, there_already

Pinned = tuple[tuple[str, str], ...]
Check = Callable[[Remote, bool], Awaitable[Pinned]]
"""Settings that bind git to the address that was checked; raises `ToolError` for one that is
refused. The flag says whether an administrator named the host."""


class GitRemotes:
    """What git does with repositories elsewhere.

    Args:
        credentials: What it logs in with.
        check: Checks addresses that the host talks to.
    """

    def __init__(self, credentials: Credentials, check: Check) -> None:
        self._credentials = credentials
        self._check = check

    async def clone(
        self, git: Git, url: str, path: str = "", branch: str = "", depth: int = 0
    ) -> str:
        """Clone a repository into a new folder, whole or not at all, and return the folder.

        Args:
            git: Git in the place where it goes.
            url: An https or http address without a login.
            path: The folder; by default the repository's name.
            branch: The branch to check out; the remote's by default.
            depth: How many commits to get; 0 for all.

        Raises:
            ToolError: ``conflict`` for a folder that is there, else as `GitRunner.run`.
        """
        remote = remote_of(url)
        target = inside_of(git.place, path or remote.name)
        if await there(git.place, target):
            raise there_already(target)
        above, name = posixpath.split(target)
        if above:
            await git.place.make_folder(above)
        options = ["--branch", branch_of(branch)] if branch else []
        options += ["--depth", str(depth)] if depth else []
        unfinished = f"{name}.cloning-{secrets.token_hex(4)}"
        words = ["clone", "--quiet", "--template=", "--no-recurse-submodules", *options]
        try:
            await self._online(git, Repository(above), remote, [*words, "--", url, unfinished])
            await git.place.move(f"{above}/{unfinished}".lstrip("/"), target)
        except BaseException:
            rest = ["rm", "-rf", "--", unfinished]
            await asyncio.shield(git.place.run(rest, cwd=above, seconds=60))
            raise
        return target

    async def push(
        self, git: Git, path: str, remote: str = "origin", branch: str = ""
    ) -> tuple[str, str]:
        """Send a branch to a remote, without force, and return its name and commit."""
        repository = await git.repository(path)
        current = await git.status_of(repository)
        name = branch_of(branch or current.branch or "HEAD")
        address = await self._address(git, repository, remote, push=True)
        words = ["push", "--quiet", "--porcelain", "--no-verify", "--no-recurse-submodules"]
        refs = f"refs/heads/{name}:refs/heads/{name}"
        arguments = [*words, "--set-upstream", remote_name(remote), refs]
        try:
            await self._online(git, repository, address, arguments)
        except ToolError as error:
            raise _rejected(error) from None
        commit = await git.runner.run(repository, ["rev-parse", f"refs/heads/{name}"])
        return name, commit.decode().strip()

    async def pull(
        self, git: Git, path: str, remote: str = "origin", *, merge: bool = False
    ) -> Status:
        """Get what a remote has of the current branch, and go forward to it.

        Args:
            git: Git in its place.
            path: The repository.
            remote: The remote.
            merge: Whether to merge where both have commits of their own.

        Raises:
            ToolError: ``conflict`` where that needs a merge, or the merge has conflicts; then
                nothing was changed.
        """
        repository = await git.repository(path)
        before = await git.status_of(repository)
        name = branch_of(before.branch or "HEAD")
        address = await self._address(git, repository, remote)
        tracking = f"refs/remotes/{remote_name(remote)}/{name}"
        words = ["fetch", "--quiet", "--no-recurse-submodules", "--no-auto-maintenance"]
        await self._online(
            git, repository, address, [*words, remote, f"+refs/heads/{name}:{tracking}"]
        )
        if merge:
            await git.merge(repository, tracking, f"Merge {remote}/{name}")
        else:
            await git.forward(repository, tracking)
        return await git.status_of(repository)

    async def _address(
        self, git: Git, repository: Repository, remote: str, *, push: bool = False
    ) -> Remote:
        """Return the address of a remote.

        Raises:
            ToolError: ``not_found``, or ``forbidden`` where git would talk to others as well.
        """
        kind = ["--push"] if push else []
        words = ["remote", "get-url", "--all", *kind, "--", remote_name(remote)]
        done = await git.runner.finish(repository, words)
        if done.exit_code:
            raise ToolError(
                "not_found", f"The repository has no remote '{remote}'.", "Clone it with git_clone."
            )
        urls = done.stdout.decode("utf-8", "replace").strip().split("\n")
        if git.runner.is_host and (
            len(urls) > 1 or await _gets_from_others(git, repository, remote)
        ):
            raise ToolError(
                "forbidden",
                f"With remote '{remote}' git would talk to other addresses too.",
                "Take its second url, or the other remote's 'promisor', out of .git/config.",
            )
        return remote_of(urls[0])

    async def _online(
        self, git: Git, repository: Repository, remote: Remote, arguments: Sequence[str]
    ) -> bytes:
        """Run what talks to a remote, bound to it."""
        is_known = self._credentials.knows(remote)
        pinned = await self._check(remote, is_known) if git.runner.is_host else ()
        login = await self._credentials.login(remote)
        return await git.runner.run(
            repository,
            arguments,
            settings=(("http.followRedirects", "false"), *pinned),
            login=login,
            protocols=remote.scheme,
        )


async def _gets_from_others(git: Git, repository: Repository, remote: str) -> bool:
    """Return whether git gets objects that are missing from another remote."""
    words = ["config", "--local", "--no-includes", "--null", "--name-only", "--get-regexp"]
    words += [r"^remote\..*\.(promisor|partialclonefilter)$"]
    done = await git.runner.finish(repository, words)
    keys = {key.rpartition(".")[0] for key in git_output.names(done.stdout)}
    return bool(keys - {f"remote.{remote}"})


def _rejected(error: ToolError) -> ToolError:
    if any(word in error.message for word in ("failed to push", "rejected", "non-fast-forward")):
        return ToolError(
            "conflict",
            "The remote's branch has commits that this one has not.",
            "Call git_pull first; nothing is pushed by force.",
        )
    return error
