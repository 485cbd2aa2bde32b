"""The catalog: everything that can be asked for, and what of it a caller gets to see."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jupyter_mcp.calls.events import Events, PromptsChanged, ResourcesChanged, ToolsChanged
from jupyter_mcp.calls.operation import Completer, Operation, Prompt, Resource, Tool
from jupyter_mcp.calls.seen_tools import SeenTools
from jupyter_mcp.calls.toolset import Toolset
from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal


Kind = TypeVar("Kind", bound=Operation)

CORE = ("notebooks", "jobs")
"""The toolsets of the default view: about twenty tools, small enough for any model's context."""

VIEWS_LIMIT = 256
"""How many views are kept: a token may narrow what it sees to anything."""

NAME_LIMIT = 128
"""The most characters of a tool's name (MCP: tools, tool names)."""


class Sight(Protocol):
    """Decides what a principal sees; the same policy decides what it may do."""

    def key(self, principal: Principal) -> Hashable:
        """Return what stands for all principals that see the same."""
        ...

    def sees(self, principal: Principal, operation: Operation) -> bool:
        """Return whether there are arguments with which `principal` may use `operation`."""
        ...

    async def allows(
        self, principal: Principal, operation: Operation, values: Mapping[str, Any]
    ) -> bool:
        """Return whether a call with `values` would not be refused."""
        ...


class SightByScope:
    """Everybody sees what their scopes allow."""

    def key(self, principal: Principal) -> Hashable:
        """Return the scopes."""
        return principal.scopes

    def sees(self, principal: Principal, operation: Operation) -> bool:
        """Return whether the principal holds the operation's scope."""
        return operation.scope in principal.scopes

    async def allows(
        self, principal: Principal, operation: Operation, values: Mapping[str, Any]
    ) -> bool:
        """Return whether the principal holds the operation's scope."""
        del values
        return self.sees(principal, operation)


@dataclass(frozen=True, slots=True)
class View:
    """What one kind of caller sees: the same for all principals with the same key of `Sight`.

    Args:
        key: Identifies the view together with the catalog's version.
        version: The catalog's version that it was made from.
        toolsets: The toolsets in it.
        tools: Its tools by name, in a deterministic order; likewise the others.
        memo: Where a door keeps bytes that it made from this view.
    """

    key: tuple[Hashable, frozenset[str]]
    version: int
    toolsets: tuple[Toolset, ...]
    tools: dict[str, Tool]
    resources: dict[str, Resource]
    prompts: dict[str, Prompt]
    completers: dict[tuple[str, str], Completer]
    memo: dict[str, Any] = field(default_factory=dict)


class Catalog:
    """All toolsets of a runtime.

    Args:
        events: Where changes of the catalog are published.
        allowed: The toolsets that an administrator named; empty for no restriction.
        sight: Decides who sees what.
    """

    def __init__(
        self, events: Events, allowed: Iterable[str] = (), sight: Sight | None = None
    ) -> None:
        self._events = events
        self._sight = sight or SightByScope()
        self._allowed = frozenset(allowed)
        self._toolsets: dict[str, Toolset] = {}
        self._tools: dict[str, Tool] = {}
        self._views: dict[tuple[Hashable, frozenset[str]], View] = {}
        self._hidden: frozenset[str] = frozenset()
        self._schemes: dict[str, frozenset[str]] = {}
        self._compiled: frozenset[Toolset] = frozenset()
        self.version = 0

    @property
    def toolsets(self) -> tuple[Toolset, ...]:
        """The toolsets, by name."""
        return tuple(self._toolsets[name] for name in sorted(self._toolsets))

    @property
    def operations(self) -> Iterator[Operation]:
        """Everything that can be asked for, of all toolsets."""
        return (operation for toolset in self.toolsets for operation in toolset.operations)

    def schemes(self, toolset: str) -> frozenset[str]:
        """Return the URI schemes of the resources that a toolset offers."""
        found = self._schemes.get(toolset)
        if found is None and toolset in self._toolsets:
            offered = self._toolsets[toolset].operations
            resources = (op for op in offered if isinstance(op, Resource))
            found = self._schemes[toolset] = frozenset(op.uri.partition(":")[0] for op in resources)
        return found or frozenset()

    def add(self, toolset: Toolset) -> None:
        """Add a toolset.

        Raises:
            ValueError: If its name or one of its tools is already taken.
        """
        if toolset.name in self._toolsets:
            raise ValueError(f"There is already a toolset '{toolset.name}'.")
        for operation in _tools(toolset):
            if (other := self._tools.get(operation.name)) is not None:
                raise ValueError(f"Tool '{other.name}' is already offered by '{other.toolset}'.")
        self._toolsets[toolset.name] = toolset
        self.changed()

    def remove(self, name: str) -> None:
        """Take the toolset `name` out."""
        if (toolset := self._toolsets.pop(name, None)) is not None:
            self._compiled -= {toolset}
            self.changed()

    def hide(self, tools: Iterable[str]) -> None:
        """Leave these tools, and no others, out of every view."""
        self._hidden = frozenset(tools)
        self.changed()

    @property
    def tool_names(self) -> Iterable[str]:
        """The names of all tools, hidden ones too."""
        return self._tools.keys()

    def changed(self) -> None:
        """Forget the views and tell clients that their lists are stale."""
        self.version += 1
        self._views.clear()
        self._schemes.clear()
        self._tools = {tool.name: tool for toolset in self.toolsets for tool in _tools(toolset)}
        for event in (ToolsChanged(), ResourcesChanged(), PromptsChanged()):
            self._events.publish(event)

    def selection(
        self, wanted: str | None = None, limit: frozenset[str] | None = None
    ) -> frozenset[str]:
        """Return the toolsets of a request.

        Args:
            wanted: The names that the client asked for, joined by commas; ``all``, or None for
                the default view.
            limit: The toolsets that the client's token is limited to, which are then its default
                view; None for no limit.

        Raises:
            ToolError: ``not_found`` for a name that is not there or not allowed.
        """
        allowed = frozenset(self._toolsets) & (self._allowed or frozenset(self._toolsets))
        if limit is not None:
            allowed &= limit
        if not wanted:
            return allowed if self._allowed or limit is not None else allowed & frozenset(CORE)
        if wanted == "all":
            return allowed
        names = frozenset(name.strip() for name in wanted.split(",") if name.strip())
        if unknown := names - allowed:
            raise ToolError(
                "not_found",
                f"There is no toolset '{min(unknown)}' here.",
                f"Choose from: {', '.join(sorted(allowed))}, or 'all'.",
            )
        return names

    def is_compiled(self, selection: frozenset[str]) -> bool:
        """Whether the schemas of these toolsets are known, so that a view of them is quick."""
        return self._compiled.issuperset(self._chosen(selection))

    def compile(self, selection: frozenset[str]) -> None:
        """Work out the schemas of these toolsets: about 2 ms for a tool, so better in a thread."""
        chosen = self._chosen(selection)
        for toolset in chosen:
            for operation in toolset.operations:
                operation.signature.compile()
        self._compiled |= frozenset(chosen)

    def _chosen(self, selection: frozenset[str]) -> list[Toolset]:
        return [toolset for name, toolset in self._toolsets.items() if name in selection]

    def view(self, principal: Principal, selection: frozenset[str] | None = None) -> View:
        """Return what `principal` sees of the toolsets in `selection`."""
        chosen = self.selection() if selection is None else selection
        key = (self._sight.key(principal), chosen)
        view = self._views.get(key)
        if view is None:
            while len(self._views) >= VIEWS_LIMIT:
                self._views.pop(next(iter(self._views)))
            view = self._views[key] = self._make_view(key, principal)
        return view

    def seen_tools(self, principal: Principal) -> SeenTools:
        """Return what is known of the tools that `principal` may call, of whatever toolset."""
        selection = self.selection("all", principal.toolsets)
        return SeenTools(self.view(principal, selection).tools)

    def sees(self, principal: Principal, operation: Operation) -> bool:
        """Return whether there are arguments with which `principal` may use `operation`."""
        return self._sight.sees(principal, operation)

    async def allows(
        self, principal: Principal, operation: Operation, values: Mapping[str, Any]
    ) -> bool:
        """Return whether a call with `values` would not be refused: what watches asks this."""
        return await self._sight.allows(principal, operation, values)

    def tool(self, name: str, selection: frozenset[str]) -> Tool:
        """Return the tool of that name among the toolsets in `selection`.

        Whether the caller may use it is for the corridor to say, so that a refusal is recorded.

        Raises:
            ToolError: ``not_found``, with the nearest names.
        """
        found = self._tools.get(name)
        if found is not None and found.toolset in selection:
            return found
        name = name[:NAME_LIMIT]  # to look for what is like a name of megabytes takes seconds
        known = [tool.name for tool in self._tools.values() if tool.toolset in selection]
        near = difflib.get_close_matches(name, known, n=3)
        raise ToolError(
            "not_found",
            f"There is no tool '{name}' here.",
            f"Did you mean {' or '.join(near)}?" if near else "List the tools to see them.",
        )

    def _make_view(self, key: tuple[Hashable, frozenset[str]], principal: Principal) -> View:
        toolsets = tuple(toolset for toolset in self.toolsets if toolset.name in key[1])
        sees = self._sight.sees
        seen = [op for ts in toolsets for op in ts.operations if sees(principal, op)]
        return View(
            key=key,
            version=self.version,
            toolsets=toolsets,
            tools={k: op for k, op in _named(seen, Tool).items() if k not in self._hidden},
            resources={op.uri: op for op in _named(seen, Resource).values()},
            prompts=_named(seen, Prompt),
            completers={(op.toolset, op.name): op for op in seen if isinstance(op, Completer)},
        )


def _tools(toolset: Toolset) -> list[Tool]:
    return [op for op in toolset.operations if isinstance(op, Tool)]


def _named(operations: list[Operation], kind: type[Kind]) -> dict[str, Kind]:
    mine = [op for op in operations if isinstance(op, kind)]
    return {op.name: op for op in sorted(mine, key=lambda op: op.name)}
