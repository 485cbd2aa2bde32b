"""Runs git so that a repository cannot make it run anything else.

A repository brings configuration, hooks, attributes and addresses of its own, and whoever wrote
them is not who asked. So nothing of the account's or the machine's configuration is read on the
host, hooks, pagers, monitors, filters, other diff and merge programs are switched off, submodules
are left alone, and configuration that could still lead elsewhere is refused. All settings go by the
environment (git-config, ``GIT_CONFIG_COUNT``), which also keeps arguments short.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.git_credentials import Login
from jupyter_mcp.toolsets.files.paths import inside_of, shown, top_of
from jupyter_mcp.workplace import Finished, Place

SECONDS = 120.0
"""How long git may take for what needs no network."""

NETWORK_SECONDS = 900.0
OUTPUT = 8_000_000

SETTINGS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.pager", "cat"),
    ("core.editor", "false"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.quotePath", "false"),
    ("core.protectNTFS", "true"),
    ("core.protectHFS", "true"),
    ("credential.helper", ""),
    ("safe.bareRepository", "explicit"),
    ("safe.directory", "*"),  # what a foreign repository could do is switched off or refused
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("commit.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("log.showSignature", "false"),
    ("merge.verifySignatures", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("color.ui", "false"),
    ("diff.external", ""),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "main"),
)

ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "",
}

REFUSED = (
    "include.path",
    "includeif.*",
    "core.sshcommand",
    "core.gitproxy",
    "core.worktree",
    "core.alternaterefscommand",
    "extensions.worktreeconfig",
    "extensions.partialclone",
    "fetch.bundleuri",
    "transfer.bundleuri",
    "bundle.*",
    "url.*",
    "remote.*.vcs",
    "remote.*.uploadpack",
    "remote.*.receivepack",
    "remote.*.proxy",
    "http.*",
    "credential.*",
)
"""What a repository's own configuration may not hold: it leads git elsewhere, or to programs."""

TEXT_MERGE = "git merge-file --quiet %A %O %B"
"""What stands in for a merge program that a repository names: git's own merge of texts."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that has been looked at.

    Args:
        path: Its folder in the place.
        settings: What switches off the programs that its configuration names.
    """

    path: str
    settings: tuple[tuple[str, str], ...] = ()


class GitRunner:
    """Runs git in one place.

    Args:
        place: The Jupyter root or a sandbox.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.is_host = not place.sandbox_id

    async def repository(self, path: str) -> Repository:
        """Return the repository whose top is the folder `path`.

        Raises:
            ToolError: ``not_found`` where there is none, ``invalid_arguments`` inside of one,
                ``forbidden`` for one that leads elsewhere.
        """
        path = inside_of(self.place, path)
        bare = Repository(path)
        found = Repository(path, await self._disarmed(bare))
        asked = ("--show-prefix", "--git-common-dir", "--absolute-git-dir", "--show-toplevel")
        told = (await self.run(found, ["rev-parse", *asked])).decode("utf-8", "replace")
        prefix, common, folder, top = (*told.split("\n"), "", "", "")[:4]
        if prefix:
            above = path.removesuffix(prefix.rstrip("/")).rstrip("/") or "."
            raise ToolError(
                "invalid_arguments",
                f"'{shown(path)}' lies inside of a repository.",
                f"Give the path of its top: '{shown(above)}'.",
            )
        if self.is_host and (common, folder) != (".git", f"{top}/.git"):  # no link leads there
            raise ToolError(
                "forbidden",
                f"The repository at '{shown(path) or '.'}' keeps its data elsewhere.",
                "Use an ordinary clone, not a worktree or a submodule.",
            )
        return found

    async def run(
        self,
        repository: Repository,
        arguments: Sequence[str],
        *,
        settings: Sequence[tuple[str, str]] = (),
        env: Mapping[str, str] | None = None,
        login: Login | None = None,
        stdin: bytes = b"",
        protocols: str = "",
    ) -> bytes:
        """Run one command of git and return what it printed.

        Args:
            repository: Where.
            arguments: The command and its arguments.
            settings: Further configuration of this one process.
            env: Further variables.
            login: What it logs in with.
            stdin: What it reads.
            protocols: Which transports it may use, parted by colons; none by default.

        Raises:
            ToolError: What went wrong, with a remedy.
        """
        done = await self.finish(
            repository,
            arguments,
            settings=settings,
            env=env,
            login=login,
            stdin=stdin,
            protocols=protocols,
        )
        if done.timed_out or done.exit_code:
            raise self.failure(repository.path, arguments[0], done)
        return done.stdout

    async def finish(
        self,
        repository: Repository,
        arguments: Sequence[str],
        *,
        settings: Sequence[tuple[str, str]] = (),
        env: Mapping[str, str] | None = None,
        login: Login | None = None,
        stdin: bytes = b"",
        protocols: str = "",
    ) -> Finished:
        """Run one command of git and return how it ended."""
        login = login or Login()
        configured = (*SETTINGS, *repository.settings, *settings, *login.settings)
        variables = {
            **ENVIRONMENT,
            **(self._of_host() if self.is_host else {}),
            "GIT_ALLOW_PROTOCOL": protocols or "none",
            **_configuration(configured),
            **(env or {}),
            **login.env,
        }
        return await self.place.run(
            ["git", "--no-pager", "--literal-pathspecs", *arguments],
            cwd=repository.path,
            env=variables,
            stdin=stdin,
            seconds=NETWORK_SECONDS if protocols else SECONDS,
            limit=OUTPUT,
        )

    def failure(self, path: str, command: str, done: Finished) -> ToolError:
        """Return what git's complaint means, with a remedy."""
        text = done.stderr.decode("utf-8", "replace")
        if done.timed_out:
            return ToolError("timeout", f"git {command} took too long.", "Try less at once.")
        for words, error in self._known(path):
            if any(word in text for word in words):
                return error
        lines = [line.removeprefix("hint:").strip() for line in text.splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith(("fatal:", "error:"))), "")
        told = (told or " ".join(lines[:2]) or f"exit code {done.exit_code}")[:400]
        return ToolError("git_failed", f"git {command} failed: {told}", "See git_status.")

    def _known(self, path: str) -> list[tuple[tuple[str, ...], ToolError]]:
        where = shown(path) or "."
        network = (
            "Check the address, and that this machine has a network."
            if self.is_host
            else "Create the sandbox with network=true; the administrator lists the domain in "
            "JupyterMCP.sandbox_domains."
        )
        return [
            (
                ("not a git repository", "inside a git repository", "bare repository"),
                ToolError(
                    "not_found",
                    f"There is no git repository at '{where}'.",
                    "Give the path of one, or call git_clone.",
                ),
            ),
            (
                ("could not read Username", "Authentication failed", "error: 401", "error: 403"),
                ToolError(
                    "forbidden",
                    "The remote wants a login that git does not have, or refuses it.",
                    "Let the administrator name a secret for it in JupyterMCP.git_credentials.",
                ),
            ),
            (
                ("redirect", "returned error: 30"),
                ToolError(
                    "invalid_arguments",
                    "The remote sends git to another address.",
                    "Use the address that it leads to.",
                ),
            ),
            (
                (
                    "Could not resolve",
                    "Failed to connect",
                    "Connection refused",
                    "CONNECT tunnel",
                    "from proxy",
                    "Network is unreachable",
                    "timed out",
                    "Couldn't connect",
                ),
                ToolError("unavailable", "Git cannot reach the remote.", network),
            ),
            (
                ("The requested URL returned error: 404", "' not found"),
                ToolError(
                    "not_found", "The remote knows no such repository.", "Check its address."
                ),
            ),
        ]

    def _of_host(self) -> dict[str, str]:
        top = top_of(self.place)
        above = posixpath.dirname(top.replace("\\", "/").rstrip("/")) or "/"
        return {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CEILING_DIRECTORIES": above}

    async def _disarmed(self, bare: Repository) -> tuple[tuple[str, str], ...]:
        """Return what switches off programs that the repository's configuration names."""
        output = await self.run(
            bare, ["config", "--local", "--no-includes", "--name-only", "--null", "--list"]
        )
        keys = [key for key in output.decode("utf-8", "surrogateescape").split("\0") if key]
        settings: list[tuple[str, str]] = []
        for key in keys:
            known = key.lower()
            if self.is_host and any(fnmatch.fnmatchcase(known, each) for each in REFUSED):
                raise ToolError(
                    "forbidden",
                    f"The repository's own configuration sets '{shown(key)}', which could lead git "
                    "elsewhere.",
                    "Take that out of .git/config, or work in a sandbox.",
                )
            settings += _disarming(key)
        return tuple(settings)


def _disarming(key: str) -> list[tuple[str, str]]:
    """Return what takes the force out of one key, if it names a program."""
    section, _, rest = key.partition(".")
    name, _, last = rest.rpartition(".")
    if section == "filter" and name:
        off = [(f"filter.{name}.{each}", "") for each in ("clean", "smudge", "process")]
        return [*off, (f"filter.{name}.required", "false")]
    if section == "merge" and last.lower() == "driver":
        return [(key, TEXT_MERGE)]
    return []


def _configuration(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return settings as the variables that git reads them from."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
