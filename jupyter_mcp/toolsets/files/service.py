"""The service of files: which place a call means, and what changes there by which rules."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.edits import Replacement, replaced, unified
from jupyter_mcp.toolsets.files.git_credentials import Credentials
from jupyter_mcp.toolsets.files.git_names import Remote
from jupyter_mcp.toolsets.files.git_remotes import GitRemotes
from jupyter_mcp.toolsets.files.git_sessions import GitSessions
from jupyter_mcp.toolsets.files.open_notebooks import (
    SUFFIX,
    OpenNotebooks,
    check_notebook,
    refuse_change,
)
from jupyter_mcp.toolsets.files.paths import shown, there
from jupyter_mcp.toolsets.files.reading import Page, text_of
from jupyter_mcp.workplace import Place


@dataclass(frozen=True, slots=True)
class Written:
    """A file after a change.

    Args:
        path: The file.
        size: Its bytes.
        revision: SHA-256 of them.
        diff: What was changed; empty for a file that was written whole.
    """

    path: str
    size: int
    revision: str
    diff: str = ""


class FileService:
    """Files of the Jupyter root and of sandboxes.

    Args:
        host: What the runtime offers (`jupyter_mcp.calls.toolset.Host`).
    """

    def __init__(self, host: Any) -> None:
        self._host = host
        self._root: Place | None = None
        self.largest: int = host.settings.file_bytes
        services = host.jupyter
        self.open = OpenNotebooks(getattr(services, "panel", None), getattr(services, "ydoc", None))
        credentials = Credentials(host.settings.git_credentials, self._secret)
        self.remotes = GitRemotes(credentials, self._check_remote)
        self.sessions = GitSessions(host.state / "bundles", host.executor)

    @property
    def root(self) -> Place:
        """The Jupyter root.

        Raises:
            ToolError: ``unavailable`` where there is no server.
        """
        if self._root is None:
            self._root = self._make_root()
        return self._root

    async def place(self, sandbox_id: str | None, owner: str | None) -> Place:
        """Return the place that a call means.

        Args:
            sandbox_id: The sandbox; None for the Jupyter root.
            owner: Whose sandboxes the caller may use; None for everybody's.
        """
        if not sandbox_id:
            return self.root
        place: Place = await self._host.neighbours.place(sandbox_id, owner)
        return place

    async def write(
        self, place: Place, path: str, data: bytes, *, overwrite: bool, revision: str
    ) -> Written:
        """Write a file whole or not at all.

        Raises:
            ToolError: ``too_large``, ``conflict`` for a notebook that is there, else as
                `Place.write`.
        """
        if len(data) > self.largest:
            raise ToolError(
                "too_large",
                f"{len(data)} bytes are more than the {self.largest} that are written at once.",
                "Make the file where it is needed, or copy it with file_upload or file_download.",
            )
        if not place.sandbox_id and path.endswith(SUFFIX):
            await self._host.executor.run(check_notebook, path, data)
            if await there(place, path):
                raise refuse_change(path)
            overwrite = False
        entry = await place.write(path, data, overwrite=overwrite, revision=revision)
        return Written(entry.path, entry.size, await self.revision(data))

    async def edit(
        self, place: Place, path: str, changes: Sequence[Replacement], revision: str
    ) -> Written:
        """Replace texts in a file, all or none, if it is still what was read.

        Raises:
            ToolError: ``conflict`` for a file that was changed, ``invalid_arguments`` for texts
                that are not there, ``too_large``.
        """
        if not place.sandbox_id and path.endswith(SUFFIX):
            raise refuse_change(path)
        data, size = await place.read(path, 0, self.largest)
        if size > len(data):
            raise ToolError(
                "too_large",
                f"'{shown(path)}' has {size} bytes, and {self.largest} are the most to edit.",
                "Change it by a program in a sandbox.",
            )
        before, _ = text_of(path, Page(data, 0, size))
        now = await self.revision(data)
        if revision and revision != now:
            raise ToolError(
                "conflict",
                f"'{shown(path)}' was changed since revision {revision[:12]}.",
                "Read it again and repeat the edit with its new revision.",
            )
        after = await self._host.executor.run(replaced, path, before, changes)
        written = await self.write(place, path, after.encode(), overwrite=True, revision=now)
        diff = await self._host.executor.run(unified, written.path, before, after)
        return Written(written.path, written.size, written.revision, diff)

    async def revision(self, data: bytes) -> str:
        """Return what a file's contents are compared by."""
        digest: str = await self._host.executor.run(lambda: hashlib.sha256(data).hexdigest())
        return digest

    async def _check_remote(self, remote: Remote, is_known: bool) -> tuple[tuple[str, str], ...]:
        """Bind git to the address that a remote's name stands for now, if it may be used.

        Args:
            remote: The remote.
            is_known: Whether an administrator named the host, and so allowed private addresses.

        Raises:
            ToolError: ``forbidden`` for an address that this server does not connect to.
        """
        from jupyter_mcp.security.untrusted.addresses import check_url

        address = await self._host.executor.run(check_url, remote.url, allow_private=is_known)
        ip = f"[{address.ip}]" if ":" in address.ip else address.ip
        return (("http.curloptResolve", f"{address.host}:{address.port}:{ip}"),)

    async def _secret(self, reference: str) -> str:
        value: str = await self._host.trust.secrets.resolve(reference)
        return value

    def _make_root(self) -> Place:
        jupyter = self._host.jupyter
        if jupyter is None or jupyter.contents_manager is None:
            raise ToolError(
                "unavailable",
                "There is no Jupyter server here whose files could be used.",
                "Start one with: jupyter lab; or give a sandbox_id.",
            )
        from jupyter_core.paths import jupyter_runtime_dir

        from jupyter_mcp.toolsets.files.host_jupyter import jupyter_root

        settings = self._host.settings
        closed = (self._host.state, settings.secrets_folder, Path(jupyter_runtime_dir()))
        return jupyter_root(jupyter.contents_manager, self._host.executor, closed, self.largest)
