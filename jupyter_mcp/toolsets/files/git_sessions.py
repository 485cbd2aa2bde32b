"""Work in a sandbox on a branch of its own, and bring it back as what a person can look at.

A session begins with a copy of a repository of the Jupyter root in the sandbox, on the branch
``mcp/ID``; it travels as a bundle through the sandbox's channel, so that no network is needed. Git
there is the sandbox's own and nothing it says is believed: where the session began is kept in the
repository of the Jupyter root, and what comes back is checked object by object, has to stand on
that commit, and touches the working tree only in a merge that was tried before.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Threads
from jupyter_mcp.toolsets.files import git_output
from jupyter_mcp.toolsets.files.git import NO_PROGRAMS, SESSION_BASE, Git
from jupyter_mcp.toolsets.files.git_names import remote_of
from jupyter_mcp.toolsets.files.git_output import Changed
from jupyter_mcp.toolsets.files.git_runner import Repository
from jupyter_mcp.toolsets.files.paths import inside_of, shown, there, there_already

MOST_BYTES = 256 * 1024**2
"""The largest bundle that comes back."""

Mode = Literal["merge", "changes", "branch"]
Guard = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has begun.

    Args:
        path: The repository in the sandbox.
        branch: The branch that is checked out there.
        base: The commit it begins at.
        is_dirty: Whether the Jupyter root has changes that are not committed, and so not there.
    """

    path: str
    branch: str
    base: str
    is_dirty: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What came back.

    Args:
        branch: The branch in the repository of the Jupyter root that holds the commits.
        commit: Its last commit.
        commits: How many the session made.
        files: What they changed.
    """

    branch: str
    commit: str
    commits: int
    files: list[Changed] = field(default_factory=list)


class GitSessions:
    """Sessions between a repository of the Jupyter root and sandboxes.

    Args:
        folder: A private folder for bundles on their way.
        threads: Where blocking work runs.
    """

    def __init__(self, folder: Path, threads: Threads) -> None:
        self._folder = folder
        self._threads = threads

    async def start(self, host: Git, root_path: str, box: Git, path: str = "") -> Begun:
        """Copy a repository into a sandbox, on a branch of its own.

        Args:
            host: Git in the Jupyter root.
            root_path: The repository there.
            box: Git in the sandbox.
            path: The new folder in the sandbox; by default the repository's name.
        """
        source = await host.repository(root_path)
        name = path or source.path.rpartition("/")[2] or "repository"
        target = inside_of(box.place, name)
        if await there(box.place, target):
            raise there_already(target)
        status = await host.status_of(source)
        if not status.commit:
            raise ToolError(
                "conflict", "The repository has no commit yet.", "Commit something first."
            )
        async with self._bundle() as bundle:
            words = ["bundle", "create", "--quiet", str(bundle), "HEAD"]
            await host.runner.run(source, words)
            await self._unpack(box, bundle, target)
        sandbox = box.place.sandbox_id
        branch = branch_name(sandbox)
        here = Repository(target)
        await box.runner.run(here, ["switch", "--quiet", "--create", branch, status.commit])
        await box.runner.run(here, ["update-ref", SESSION_BASE, status.commit])
        await self._name_origin(host, source, box, here)
        await host.runner.run(source, ["update-ref", base_ref(sandbox), status.commit])
        return Begun(target, branch, status.commit, is_dirty=bool(status.changes))

    async def apply(
        self, host: Git, root_path: str, box: Git, path: str, *, mode: Mode, guard: Guard
    ) -> Applied:
        """Bring a session's commits back.

        Args:
            host: Git in the Jupyter root.
            root_path: The repository there.
            box: Git in the sandbox.
            path: The repository in the sandbox.
            mode: ``branch`` only makes the branch; ``merge`` merges it into what is checked out;
                ``changes`` puts what it changed into the working tree, uncommitted.
            guard: Raises for a path of the Jupyter root that must not be changed.

        Raises:
            ToolError: ``conflict`` for changes that are not committed in the sandbox, for history
                that was rewritten, and for what both sides changed; then nothing was changed.
        """
        source, here = await host.repository(root_path), await box.repository(path)
        sandbox = box.place.sandbox_id
        base = await self._base(host, source, sandbox)
        if (await box.status_of(here)).changes:
            raise ToolError(
                "conflict",
                "The sandbox has changes that are not committed.",
                "Commit them with git_commit, or drop them.",
            )
        branch = branch_name(sandbox)
        tip = await self._fetch(host, source, box, here, base)
        files = await self._changed(host, source, base, tip)
        if mode != "branch":
            for each in files:
                for name in filter(None, (each.path, each.old_path)):
                    await guard(f"{source.path}/{name}".lstrip("/"))
        await self._make_branch(host, source, branch, tip)
        if mode != "branch":
            message = f"Merge the work of sandbox {sandbox}"
            await host.merge(source, tip, message, squash=mode == "changes")
        counted = await host.runner.run(source, ["rev-list", "--count", f"{base}..{tip}"])
        return Applied(branch, tip, int(counted), files)

    async def discard(
        self, host: Git, root_path: str, sandbox: str, box: Git | None, path: str
    ) -> None:
        """Drop what a session made: in the sandbox, if it is still there, and the branch here."""
        source = await host.repository(root_path)
        base = await self._base(host, source, sandbox)
        if box is not None and await there(box.place, path):
            here = await box.repository(path)
            await box.runner.run(here, ["reset", "--hard", "--quiet", base])
            await box.runner.run(here, ["clean", "--force", "-d", "--quiet"])
        if (await host.branches(source.path)).current == branch_name(sandbox):
            raise ToolError(
                "conflict", f"'{branch_name(sandbox)}' is checked out.", "Switch to another branch."
            )
        for ref in (f"refs/heads/{branch_name(sandbox)}", base_ref(sandbox)):
            await host.runner.run(source, ["update-ref", "-d", ref])

    async def _unpack(self, box: Git, bundle: Path, target: str) -> None:
        """Clone from a bundle in the sandbox; what fails leaves nothing behind."""
        above, _, name = target.rpartition("/")
        mark = secrets.token_hex(4)
        packed, unfinished = f"{name}.{mark}.bundle", f"{name}.cloning-{mark}"
        words = ["clone", "--quiet", "--template=", "--no-recurse-submodules", "--no-checkout"]
        where = Repository(above)
        try:
            await box.place.write(f"{above}/{packed}".lstrip("/"), self._pieces(bundle))
            await box.runner.run(where, [*words, "--", packed, unfinished], protocols="file")
            await box.place.move(f"{above}/{unfinished}".lstrip("/"), target)
        finally:
            rest = ["rm", "-rf", "--", packed, unfinished]
            await asyncio.shield(box.place.run(rest, cwd=above, seconds=60))

    async def _name_origin(self, host: Git, source: Repository, box: Git, here: Repository) -> None:
        """Let the copy know where the repository came from, instead of the bundle."""
        await box.runner.run(here, ["remote", "remove", "origin"])
        asked = await host.runner.finish(source, ["remote", "get-url", "origin"])
        with contextlib.suppress(ToolError):
            if asked.exit_code == 0:
                url = remote_of(asked.stdout.decode("utf-8", "replace").strip()).url
                await box.runner.run(here, ["remote", "add", "--", "origin", url])

    async def _base(self, host: Git, source: Repository, sandbox: str) -> str:
        words = ["rev-parse", "--verify", "--quiet", base_ref(sandbox)]
        done = await host.runner.finish(source, words)
        if done.exit_code:
            raise ToolError(
                "not_found",
                f"No session of sandbox '{shown(sandbox)}' began at '{shown(source.path) or '.'}'.",
                "Begin one with git_session_start.",
            )
        return done.stdout.decode().strip()

    async def _fetch(
        self, host: Git, source: Repository, box: Git, here: Repository, base: str
    ) -> str:
        """Take over the commits of the sandbox and return the last one."""
        head = await box.runner.run(here, ["rev-parse", "--verify", "HEAD"])
        tip = head.decode("ascii", "replace").strip()
        if tip == base:
            raise ToolError("conflict", "The session has made no commit.", "Use git_commit.")
        if not re.fullmatch(r"[0-9a-f]{40,64}", tip):
            raise ToolError("unavailable", "Git in the sandbox names no commit.", "See git_log.")
        inner = f".git/jupyter-mcp-{secrets.token_hex(4)}.bundle"
        async with self._bundle() as bundle:
            try:
                words = ["bundle", "create", "--quiet", inner, "HEAD", f"^{base}"]
                await box.runner.run(here, words)
                await self._take(box, f"{here.path}/{inner}", bundle)
            finally:
                await asyncio.shield(box.place.run(["rm", "-f", "--", inner], cwd=here.path))
            data = await self._threads.run(bundle.read_bytes)
        await self._add(host, source, data, base, tip)
        return tip

    async def _add(self, host: Git, source: Repository, data: bytes, base: str, tip: str) -> None:
        """Put the objects of a bundle into a repository, each of which is checked.

        Git checks no objects that it fetches from a bundle (seen with 2.39), so it is given the
        pack that follows the bundle's header (gitformat-bundle) itself.
        """
        pack = data[data.find(b"\n\n") + 2 :]
        words = ["index-pack", "--stdin", "--fix-thin", "--strict"]
        await host.runner.run(source, words, stdin=pack)
        await host.runner.run(source, ["rev-list", "--objects", "--quiet", tip, f"^{base}"])
        stands = await host.runner.finish(source, ["merge-base", "--is-ancestor", base, tip])
        if stands.exit_code:
            raise ToolError(
                "conflict",
                "The history in the sandbox does not stand on the commit where the session began.",
                "Rebase it onto that commit, or copy files with file_download.",
            )

    async def _take(self, box: Git, packed: str, bundle: Path) -> None:
        taken = 0
        file = await self._threads.run(bundle.open, "xb")
        try:
            async for piece in box.place.chunks(packed):
                taken += len(piece)
                if taken > MOST_BYTES:
                    raise ToolError(
                        "too_large", "The session's commits are larger than 256 MiB.", "Split them."
                    )
                await self._threads.run(file.write, piece)
        finally:
            await asyncio.shield(self._threads.run(file.close))

    async def _changed(self, host: Git, source: Repository, base: str, tip: str) -> list[Changed]:
        words = ["diff", *NO_PROGRAMS, "--numstat", "-z", f"{base}..{tip}", "--"]
        return git_output.numstat(await host.runner.run(source, words))

    async def _make_branch(self, host: Git, source: Repository, branch: str, tip: str) -> None:
        if (await host.branches(source.path)).current == branch:
            raise ToolError(
                "conflict", f"'{branch}' is checked out.", "Switch to another branch first."
            )
        await host.runner.run(source, ["update-ref", f"refs/heads/{branch}", tip])

    async def _pieces(self, file: Path) -> AsyncIterator[bytes]:
        opened = await self._threads.run(file.open, "rb")
        try:
            while piece := await self._threads.run(opened.read, 1 << 20):
                yield piece
        finally:
            await asyncio.shield(self._threads.run(opened.close))

    @contextlib.asynccontextmanager
    async def _bundle(self) -> AsyncIterator[Path]:
        """Yield the name of a bundle that is gone afterwards."""
        file = self._folder / f"{secrets.token_hex(8)}.bundle"
        await self._threads.run(lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True))
        try:
            yield file
        finally:
            await asyncio.shield(self._threads.run(lambda: file.unlink(missing_ok=True)))


def branch_name(sandbox: str) -> str:
    """Return the branch of a sandbox's session."""
    return f"mcp/{_checked(sandbox)}"


def base_ref(sandbox: str) -> str:
    """Return the reference of the commit at which a session began, in the Jupyter root."""
    return f"refs/jupyter-mcp/sessions/{_checked(sandbox)}"


def _checked(sandbox: str) -> str:
    if not re.fullmatch(r"\w[\w-]{0,80}", sandbox):
        raise ToolError(
            "invalid_arguments", "That is no identifier of a sandbox.", "As sandbox_list tells it."
        )
    return sandbox
