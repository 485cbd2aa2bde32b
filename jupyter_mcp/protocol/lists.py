"""What there is to ask for: lists, by page and from memory, and how names and URIs are found.

A list is a function of the view, that is of the caller's scopes and the toolsets in the URL, so its
dictionaries are made once for each view and kept until the catalog changes.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import X_MCP_HEADER_KEY
from mcp.shared.uri_template import UriTemplate
from mcp_types.jsonrpc import INVALID_PARAMS

from jupyter_mcp.calls.catalog import View
from jupyter_mcp.calls.content import Link
from jupyter_mcp.calls.operation import Completer, Operation, Prompt, Resource, Tool
from jupyter_mcp.calls.schema import Signature
from jupyter_mcp.calls.toolset import Toolset
from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol import wire
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.protocol.ground import Ground
from jupyter_mcp.protocol.request import Request

Json = dict[str, Any]

PAGE = 250
"""How many entries a page of a list has."""

SHOWN = 500
"""How many characters of a name that is none are told back."""

MEMO_LIMIT = 32
"""How many forms of one view are kept: a host name is part of them, and a client chooses it."""


class Lists:
    """The lists over one runtime.

    Args:
        ground: Whose catalog it is.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._catalog = ground.catalog

    def view(self, caller: Caller) -> View:
        """Return what `caller` sees."""
        return self._catalog.view(caller.principal, caller.selection)

    def tools(self, caller: Caller, cursor: str | None) -> Json:
        """Return a page of ``tools/list``."""
        view = self.view(caller)
        tools = self.remembered(view, ("tools", caller.icons), lambda: _tools(view, caller.icons))
        return page("tools", tools, cursor)

    def templates(self, caller: Caller, cursor: str | None) -> Json:
        """Return a page of ``resources/templates/list``."""
        found = [op for op in self.view(caller).resources.values() if op.is_template]
        return page("resourceTemplates", [wire.resource_to_wire(op) for op in found], cursor)

    def prompts(self, caller: Caller, cursor: str | None) -> Json:
        """Return a page of ``prompts/list``."""
        found = self.view(caller).prompts.values()
        return page("prompts", [wire.prompt_to_wire(op) for op in found], cursor)

    async def resources(self, request: Request, cursor: str | None) -> Json:
        """Return a page of ``resources/list``: fixed resources and what the toolsets find now."""
        view = self.view(request.caller)
        fixed = [wire.resource_to_wire(op) for op in view.resources.values() if not op.is_template]
        found = await asyncio.gather(*(self._found(request, ts) for ts in view.toolsets))
        return page("resources", fixed + [link for links in found for link in links], cursor)

    def tool(self, caller: Caller, name: str) -> Tool:
        """Return the tool `name`.

        Raises:
            ToolError: ``not_found``, with the nearest names.
        """
        selection = caller.selection
        if selection is None:
            selection = self._catalog.selection()
        return self._catalog.tool(name, selection)

    def has_header_arguments(self, caller: Caller, tool: Tool) -> bool:
        """Return whether clients mirror arguments of `tool` in HTTP headers (MCP: x-mcp-header)."""
        view = self.view(caller)
        names = self.remembered(view, "x-mcp-header", lambda: _with_headers(view))
        return tool.name in names

    def prompt(self, caller: Caller, name: str) -> Prompt:
        """Return the prompt `name`.

        Raises:
            MCPError: -32602 when there is none.
        """
        found = self.view(caller).prompts.get(name)
        if found is None:
            message = f"There is no prompt '{name[:SHOWN]}'. prompts/list says what is."
            raise MCPError(INVALID_PARAMS, message)
        return found

    def resource(self, caller: Caller, uri: str) -> tuple[Resource, Mapping[str, Any]]:
        """Return the resource behind `uri` and the values of its template's variables.

        Raises:
            MCPError: -32602 with the URI when there is none (SEP-2164).
        """
        view = self.view(caller)
        fixed = view.resources.get(uri)
        if fixed is not None and not fixed.is_template:
            return fixed, {}
        for template, resource in self.remembered(view, "templates", lambda: _templates(view)):
            values = template.match(uri)
            if values is not None:
                return resource, values
        raise _no_resource(uri)

    async def may_watch(self, caller: Caller, uri: str) -> bool:
        """Return whether `caller` may read the resource behind `uri`, and so hear of changes."""
        try:
            await self.check_watch(caller, uri)
        except MCPError:
            return False
        return True

    async def check_watch(self, caller: Caller, uri: str) -> None:
        """Refuse who may not read the resource behind `uri` as if there were none.

        Raises:
            MCPError: -32602 with the URI.
        """
        resource, values = self.resource(caller, uri)
        try:
            may = await self._catalog.allows(caller.principal, resource, values)
        except ToolError:  # it cannot be told what the URI leads to
            may = False
        if not may:
            raise _no_resource(uri)

    def completer(self, caller: Caller, ref: Mapping[str, Any], argument: str) -> Completer | None:
        """Return what completes `argument` of the prompt or template in `ref`, if anything.

        Raises:
            MCPError: -32602 for a reference to nothing.
        """
        view = self.view(caller)
        target: Operation
        if ref["type"] == "ref/prompt":
            target = self.prompt(caller, ref["name"])
        else:
            target = view.resources.get(ref["uri"]) or self.resource(caller, ref["uri"])[0]
        return view.completers.get((target.toolset, argument))

    def remembered(self, view: View, key: Any, make: Callable[[], Any]) -> Any:
        """Return what was made of `view` before, or make it now."""
        made = view.memo.get(key)
        if made is None:
            while len(view.memo) >= MEMO_LIMIT:
                view.memo.pop(next(iter(view.memo)))
            made = view.memo[key] = make()
        return made

    async def _found(self, request: Request, toolset: Toolset) -> list[Json]:
        operation = Resource(
            name=f"{toolset.name} resources",
            toolset=toolset.name,
            scope="read",
            function=toolset.resources,
            signature=Signature(toolset.name, toolset.resources),
            uri="",
            pathless="resources" in toolset.pathless,
        )
        caller = request.caller
        offers = type(toolset).resources is not Toolset.resources
        if not offers or not self._catalog.sees(caller.principal, operation):
            return []
        result = await self._ground.call(
            operation, {}, caller.principal, caller.door, client=request.client
        )
        links: list[Link] = result.value if result.error is None else []
        return [wire.link_to_wire(link) for link in links]


def _no_resource(uri: str) -> MCPError:
    message = f"There is no resource '{uri[:SHOWN]}'. resources/list and its templates say what is."
    return MCPError(INVALID_PARAMS, message, {"uri": uri})


def page(key: str, entries: Sequence[Any], cursor: str | None) -> Json:
    """Return the entries from `cursor` on, and the next cursor when there are more.

    Raises:
        MCPError: -32602 for a cursor that we did not make.
    """
    start = 0 if cursor is None else _offset(cursor)
    shown: Json = {key: list(entries[start : start + PAGE])}
    if start + PAGE < len(entries):
        shown["nextCursor"] = base64.urlsafe_b64encode(str(start + PAGE).encode()).decode()
    return shown


def _offset(cursor: str) -> int:
    try:
        return max(0, int(base64.urlsafe_b64decode(cursor.encode())))
    except (ValueError, binascii.Error):
        raise MCPError(INVALID_PARAMS, "That cursor is none of ours. List anew.") from None


def _tools(view: View, icons: str) -> list[Json]:
    return [wire.tool_to_wire(tool, icons) for tool in view.tools.values()]


def _templates(view: View) -> list[tuple[UriTemplate, Resource]]:
    found = (op for op in view.resources.values() if op.is_template)
    return [(UriTemplate.parse(op.uri), op) for op in found]


def _with_headers(view: View) -> frozenset[str]:
    marked = (tool for tool in view.tools.values() if X_MCP_HEADER_KEY in str(tool.input_schema))
    return frozenset(tool.name for tool in marked)
