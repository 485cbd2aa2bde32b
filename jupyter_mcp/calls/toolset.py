"""A toolset: a group of tools, resources and prompts around one subject, with one life.

Anybody's package can offer one through the entry point group ``jupyter_mcp.toolsets``; the
built-in ones come the same way and have the same shape.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from jupyter_mcp.calls.content import Link
from jupyter_mcp.calls.context import Context
from jupyter_mcp.calls.events import Events
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.operation import Completer, Operation, build
from jupyter_mcp.calls.places import arguments_of, paths_among, places_among
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.calls.tool import NOTE
from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import JobSource, LiveNotebooks, Place, Places, WebPorts

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mcp.calls.seen_tools import SeenTools
    from jupyter_mcp.security.principal import Principal


class Panel(Protocol):
    """A person's JupyterLab, reached through our panel."""

    def connected(self, path: str) -> bool:
        """Whether some JupyterLab has the document `path` open."""
        ...

    def opened(self) -> frozenset[str]:
        """Return the documents that some JupyterLab has open."""
        ...

    async def request(self, path: str, op: dict[str, Any]) -> dict[str, Any]:
        """Do `op` on the open document and return what it answers.

        Raises:
            ToolError: ``unavailable`` when the page went away.
        """
        ...


@dataclass(frozen=True, slots=True)
class JupyterServices:
    """The parts of a Jupyter server that toolsets work with.

    Args:
        contents_manager: Jupyter's contents manager.
        kernel_manager: Its kernel manager (multi kernel manager).
        session_manager: Its session manager; None without a server.
        kernel_spec_manager: Its kernel spec manager.
        ydoc: The ``jupyter_server_ydoc`` extension app; None without collaboration.
        panel: The connected panels; None without a server.
        root_dir: The server's root folder.
        event_logger: Jupyter's event logger; None without a server.
        credentials: What the server itself is opened with, never to be shown.
        url: The server's base URL with a slash at the end; empty without a server.
    """

    contents_manager: Any
    kernel_manager: Any
    kernel_spec_manager: Any
    session_manager: Any = None
    ydoc: Any = None
    panel: Panel | None = None
    root_dir: str = ""
    event_logger: Any = None
    credentials: tuple[str, ...] = field(default=(), repr=False)
    url: str = ""


class Neighbours:
    """What toolsets offer each other; the runtime fills it in, each is found when it is used."""

    def __init__(self) -> None:
        self.places: Places | None = None
        self.ports: WebPorts | None = None
        self.notebooks: LiveNotebooks | None = None
        self.jobs: list[JobSource] = []
        self.tools: Callable[[Principal], SeenTools] | None = None

    async def place(self, sandbox_id: str, owner: str | None) -> Place:
        """Return the files and commands of a sandbox.

        Raises:
            ToolError: ``unavailable`` where there are no sandboxes, else as `Places.place`.
        """
        if self.places is None:
            raise ToolError(
                "unavailable",
                "Sandboxes need the 'sandboxes' toolset, which is not loaded.",
                "Leave sandbox_id out, or add 'sandboxes' to the toolsets setting.",
            )
        return await self.places.place(sandbox_id, owner)

    async def is_closed(self, argument: str, value: str, owner: str | None) -> bool:
        """Return whether nothing outside of a sandbox can be touched from it (`Places`).

        Raises:
            ToolError: ``not_found``.
        """
        return self.places is not None and await self.places.is_closed(argument, value, owner)


@dataclass(frozen=True, slots=True)
class Host:
    """What the runtime hands to a toolset.

    Args:
        settings: The administrator's settings (`jupyter_mcp.config.Settings`).
        state: A private folder for state that survives a restart.
        events: Where change events are published.
        executor: Threads for blocking work.
        tasks: The owner of background tasks.
        storage: The database (`jupyter_mcp.storage.Storage`), opened at first use.
        jupyter: The Jupyter server's parts; None where there is no server.
        trust: The services of trust (`jupyter_mcp.security.trust.Trust`).
        neighbours: What other toolsets offer.
    """

    settings: Any
    state: Path
    events: Events
    executor: Executor
    tasks: Supervisor
    storage: Any
    jupyter: JupyterServices | None = None
    trust: Any = None
    neighbours: Neighbours = field(default_factory=Neighbours)

    @property
    def root(self) -> Path | None:
        """The server's root folder; None where there is no server."""
        return Path(self.jupyter.root_dir) if self.jupyter and self.jupyter.root_dir else None


class Toolset:
    """Base of all toolsets: subclass it and decorate methods.

    Args:
        host: What the runtime offers; kept as ``self.host``.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    places: ClassVar[frozenset[str]] = frozenset()
    """Arguments that lead to notebooks besides paths; `paths_of` has to know them."""
    pathless: ClassVar[frozenset[str]] = frozenset()
    """Names of operations that a token which is limited to some notebooks may use though they name
    no path: they show nothing of the others. ``resources`` stands for the method."""

    source: str = ""
    """The package that offers it, set when it is found; empty for our own."""

    def __init__(self, host: Host) -> None:
        self.host = host

    async def start(self) -> None:
        """Begin what the toolset needs to run."""

    async def stop(self) -> None:
        """End all that `start` or a call began."""

    async def resources(self, ctx: Context) -> list[Link]:
        """Return the concrete resources to list beside the templates."""
        del ctx
        return []

    async def paths_of(self, values: Mapping[str, Any]) -> Sequence[str] | None:
        """Return the notebooks and files that a call touches, for the policy to decide about.

        Args:
            values: The call's validated arguments.

        Returns:
            Their paths below the root folder; None when the arguments do not tell.
        """
        return paths_among(values) or None

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The tools, resources, prompts and completers that the methods describe."""
        return tuple(
            self._placed(build(self.name, function), function) for function in self._functions()
        )

    def _placed(self, operation: Operation, function: Callable[..., Any]) -> Operation:
        """Tell an operation which of its arguments lead to notebooks, and if strangers answer."""
        named = arguments_of(function, getattr(getattr(function, NOTE), "input_schema", None) or {})
        if isinstance(operation, Completer):  # what is completed may depend on any of them
            named |= {"path"} | self.places
        return replace(
            operation,
            places=places_among(named, self.places),
            pathless=operation.name in self.pathless,
            paths_of=self.paths_of,
            untrusted=operation.untrusted or (operation.open_world and bool(self.source)),
        )

    def _functions(self) -> Iterator[Callable[..., Any]]:
        for attribute, member in inspect.getmembers_static(type(self)):
            if hasattr(member, NOTE):
                yield getattr(self, attribute)
