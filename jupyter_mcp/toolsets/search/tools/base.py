"""What all tools of search share: the service, and what of it a caller may be told.

A call that names a path was judged by it before it gets here. What a search turns up was not: it
is held against the same policy, as reading it would be.

The service is imported when it is first used: most servers search nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.calls import Context, Host, Toolset
from jupyter_mcp.calls.events import Event, ResourceUpdated
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.operation import Operation
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.policy import Pseudo
from jupyter_mcp.security.policy.reach import Allows, is_uniform, reach
from jupyter_mcp.security.principal import Principal

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.package_docs import PackageDocs
    from jupyter_mcp.toolsets.search.service import SearchService, Sight
    from jupyter_mcp.toolsets.search.workers import Workers

THREADS = 3
"""Indexes that are worked on at once; others wait, and searches do not."""

PATHS = frozenset({"path"})
READ_FILE = Pseudo("file_read", "files", "read", places=PATHS)
READ_NOTEBOOK = Pseudo("notebook_read", "notebooks", "read", places=PATHS)
"""What would show the caller the same; asked about whether or not those toolsets are loaded."""

NOTEBOOK_URI = "notebook://"


class SearchToolset(Toolset):
    """The service of search, as its tools reach it."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._slow = Executor(THREADS, "jupyter-mcp-search")
        self._listening: Any = None

    @cached_property
    def search_service(self) -> SearchService:
        """The service of the project's folders."""
        from jupyter_mcp.toolsets.search.service import Parts, SearchService
        from jupyter_mcp.toolsets.search.sources import sources_of

        host = self.host
        hidden, closed = _hidden_names(host), _closed_folders(host)
        return SearchService(
            Parts(
                settings=host.settings,
                sources=sources_of(host.settings, _root(host), hidden, closed),
                workers=self._workers,
                notebooks=lambda: host.neighbours.notebooks,
                resolve=self._resolve,
            )
        )

    @cached_property
    def package_docs(self) -> PackageDocs:
        """The documentation of the installed packages."""
        from jupyter_mcp.toolsets.search.package_docs import PackageDocs
        from jupyter_mcp.toolsets.search.sources import state_of

        return PackageDocs(state_of(self.host.settings, Path(sys.prefix)), self._workers)

    async def start(self) -> None:
        """Learn of notebooks that change; nothing is indexed before somebody searches."""
        self._listening = self.host.events.subscribe(self._heard)

    async def stop(self) -> None:
        """End what was begun, within a second or so."""
        if self._listening is not None:
            self._listening()
        used = [name for name in ("search_service", "package_docs") if name in self.__dict__]
        await asyncio.gather(*(getattr(self, name).stop() for name in used))
        await self.host.executor.run(self._slow.stop)

    async def paths_of(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the path that a call reads; none is the whole root, which hits are left out of."""
        from jupyter_mcp.toolsets.search.sources import parted

        path = str(values.get("path") or "")
        try:
            source, inside = parted(path, self.search_service.sources)
        except ToolError:  # the call will be refused
            return [path]
        return [path if source is None else source.told(inside)]

    def sight(self, ctx: Context) -> Sight:
        """Return what of files and notebooks a caller may be told."""
        from jupyter_mcp.toolsets.search.service import Sight

        return Sight(self._shows(ctx), is_whole=self._sees_all(ctx))

    def _shows(self, ctx: Context) -> Allows:
        policy, who = self.host.trust.policy, ctx.principal
        own = reach(policy, who, self._by_path)
        shows_hidden = _shows_hidden(self.host)
        checks = {True: self._reads(who, READ_NOTEBOOK), False: self._reads(who, READ_FILE)}

        @lru_cache(maxsize=4096)
        def allows(path: str) -> bool:
            if not shows_hidden and any(part.startswith(".") for part in path.split("/")):
                return False
            return own(path) and checks[path.endswith(".ipynb")](path)

        return allows

    def _sees_all(self, ctx: Context) -> bool:
        policy = self.host.trust.policy
        asked = (self._by_path, READ_NOTEBOOK, READ_FILE)
        return all(
            is_uniform(policy, ctx.principal, each) and reach(policy, ctx.principal, each)("")
            for each in asked
        )

    def sees_elsewhere(self, ctx: Context) -> bool:
        """Return whether a caller may be told what belongs to no file of theirs."""
        return bool(self.host.trust.policy.shows_pathless(ctx.principal))

    @property
    def _workers(self) -> Workers:
        from jupyter_mcp.toolsets.search.workers import Workers

        return Workers(self.host.executor, self._slow, self.host.tasks.spawn)

    def _reads(self, who: Principal, operation: Any) -> Allows:
        """Return what says whether the policy lets somebody read a path.

        A token that is for the toolset of search alone may search: what it may not call there are
        other tools, so only its roles are asked about those.
        """
        policy = self.host.trust.policy
        if policy.verdict(who, operation).decide({}, None).lack != "toolset":
            return reach(policy, who, operation)
        holders = [who] if who.maker is None else [who, who.maker]
        verdicts = [policy.verdict_of_roles(policy.roles_of(each), operation) for each in holders]

        def allows(path: str) -> bool:
            said = (each.decide({"path": path}, [path]) for each in verdicts)
            return all(each.effect == "allow" for each in said)

        return allows

    @property
    def _by_path(self) -> Operation:
        """The tool of ours that is asked about one path."""
        return next(each for each in self.operations if each.name == "search_similar")

    async def _resolve(self, value: Any) -> Any:
        return await self.host.trust.secrets.resolve(value)

    def _heard(self, event: Event) -> None:
        is_ours = isinstance(event, ResourceUpdated) and event.uri.startswith(NOTEBOOK_URI)
        if is_ours and "search_service" in self.__dict__:
            self.search_service.changed()


def _root(host: Host) -> Path | None:
    """Return the folder of the Jupyter root; None where its files lie elsewhere."""
    manager = None if host.jupyter is None else host.jupyter.contents_manager
    return host.root if hasattr(manager, "_get_os_path") else None


def _hidden_names(host: Host) -> list[str]:
    manager = None if host.jupyter is None else host.jupyter.contents_manager
    globs = [str(glob) for glob in getattr(manager, "hide_globs", ())]
    return globs if _shows_hidden(host) else [*globs, ".*"]


def _shows_hidden(host: Host) -> bool:
    manager = None if host.jupyter is None else host.jupyter.contents_manager
    return bool(getattr(manager, "allow_hidden", False))


def _closed_folders(host: Host) -> list[Path]:
    """Return the folders that no tool shows: our state, secrets, and Jupyter's runtime files."""
    from jupyter_core.paths import jupyter_runtime_dir

    folders = [host.state, host.settings.secrets_folder, Path(jupyter_runtime_dir())]
    if host.settings.state_dir:
        folders.append(Path(host.settings.state_dir) / "search")
    return folders
