"""The HTTP API: the catalog for scripts and web pages, one generic handler through the corridor."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.challenge import challenge, server_url
from jupyter_mcp.server.handler import DoorHandler
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.calls.call import Call
    from jupyter_mcp.calls.content import Result
    from jupyter_mcp.calls.tool import Tool
    from jupyter_mcp.policies.call_log import Entry
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.server.starter import Served

STATUSES = {
    "denied": HTTPStatus.FORBIDDEN,
    "forbidden": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "paused": HTTPStatus.FORBIDDEN,
    "quarantined": HTTPStatus.FORBIDDEN,
    "timeout": HTTPStatus.REQUEST_TIMEOUT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "busy": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The HTTP status of an error's code; every other one is 409: the state of things forbids it.

Arguments that do not fit the tool's schema are refused with 400 before the call; where a tool
itself finds fault with arguments that do fit, it is with how they meet what is there.
"""

IN_PLACE = 16 * 1024
"""Up to how many bytes of arguments are compared with their schema at once, and not in a thread."""

RECENT = 20
"""How many ended calls the status shows."""


def status_of(error: ToolError) -> int:
    """Return the HTTP status for an error."""
    return STATUSES.get(error.code, HTTPStatus.CONFLICT)


class ApiHandler(DoorHandler):
    """What the handlers of the HTTP API share."""

    async def ready(self) -> Served:
        """Return the runtime, started if need be."""
        return self.extension.starter.served or await self.extension.starter.ready()

    def selection(
        self, served: Served, principal: Principal, default: str | None = None
    ) -> frozenset[str]:
        """Return the toolsets that the URL chose among those that the caller is limited to.

        Args:
            served: The runtime.
            principal: The caller.
            default: What to take when it chose none; None for the core.

        Raises:
            Refused: 404 for one that is not there.
        """
        try:
            wanted = self.get_argument("toolsets", default)
            return served.runtime.catalog.selection(wanted, principal.toolsets)
        except ToolError as error:
            raise Refused(status_of(error), error) from None

    def find_call(self, call_id: str, principal: Principal) -> Entry:
        """Return a call that the caller may see.

        Raises:
            Refused: 404 when there is none.
        """
        served = self.extension.starter.served
        if served is None:
            error = ToolError("not_found", f"There is no call '{call_id}'.", "None was made yet.")
            raise Refused(HTTPStatus.NOT_FOUND, error)
        try:
            return served.runtime.calls.find(call_id, _owner(served, principal))
        except ToolError as error:
            raise Refused(status_of(error), error) from None

    def answer(self, content: Any, status: int = HTTPStatus.OK) -> None:
        """Answer JSON."""
        if self.is_closed:
            return
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(_dumped(content))


class ToolsHandler(ApiHandler):
    """``GET tools``: the tools that the caller sees."""

    @allow_unauthenticated  # the door stands inside
    async def get(self) -> None:
        """List the tools."""
        await self.guarded(self._list)

    async def _list(self, principal: Principal) -> None:
        from jupyter_mcp.protocol.wire import tool_to_wire

        served = await self.ready()
        view = served.runtime.catalog.view(principal, self.selection(served, principal))
        icons = f"{server_url(self)}mcp/"
        tools = [
            {**tool_to_wire(tool, icons), "toolset": tool.toolset, "scope": tool.scope}
            for tool in view.tools.values()
        ]
        self.answer({"tools": tools})


class ToolHandler(ApiHandler):
    """``POST tools/NAME``: call a tool with a JSON object of arguments."""

    @allow_unauthenticated  # the door stands inside
    async def post(self, name: str) -> None:
        """Call the tool; closing the connection cancels the call."""

        async def serve(principal: Principal) -> None:
            await self._call(unquote(name), principal)

        await self.guarded(serve)

    async def _call(self, name: str, principal: Principal) -> None:
        from jupyter_mcp.calls.call import Call

        served = await self.ready()
        arguments = self._arguments()
        try:
            tool = served.runtime.catalog.tool(name, self.selection(served, principal, "all"))
        except ToolError as error:
            raise Refused(status_of(error), error) from None
        if served.runtime.catalog.sees(principal, tool):  # others are refused whatever they say
            await self._check(served, tool, arguments)
        call = Call(
            operation=tool,
            arguments=arguments,
            principal=principal,
            door="http",
            client=self.request.headers.get("User-Agent", "")[:100],
            meta=self._meta(),
        )
        result = await self._run(served, call)
        status = HTTPStatus.OK if result.error is None else status_of(result.error)
        if result.error is not None and "retry_after" in result.error.data:
            self.set_header("Retry-After", str(result.error.data["retry_after"]))
        if result.error is not None and result.error.code == "forbidden":
            self._challenge(result.error.data.get("scope"))
        self.answer({"id": call.id, **result.to_json()}, status)

    async def _check(self, served: Served, tool: Tool, arguments: dict[str, Any]) -> None:
        """Look at what is much in a thread: a million cells take seconds."""
        if self._size > IN_PLACE:
            await served.runtime.executor.run(_check, tool, arguments)
        else:
            _check(tool, arguments)

    def _challenge(self, scope: str | None) -> None:
        """Name the scope that a credential lacks (RFC 6750, section 3.1)."""
        if scope is not None:
            told = f'{challenge(self, scope)}, error="insufficient_scope"'
            self.set_header("WWW-Authenticate", told)

    async def _run(self, served: Served, call: Call) -> Result:
        from jupyter_mcp.calls.content import Result

        work = asyncio.create_task(served.runtime.corridor.call(call))
        self.on_close(work.cancel)
        try:
            return await work
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self.is_closed or (current is not None and current.cancelling()):
                raise
            error = ToolError("cancelled", "The call was cancelled.", "")
            return Result.from_error(error)

    def _meta(self) -> dict[str, Any]:
        """Return what MCP would carry in ``_meta``: the key of a call to be done once."""
        from jupyter_mcp.policies.idempotency import KEY, checked

        key = self.request.headers.get("Idempotency-Key")
        try:
            return {} if key is None else {KEY: checked(key)}
        except ToolError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, error) from None

    def _arguments(self) -> dict[str, Any]:
        from pydantic_core import from_json

        media_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.body and media_type != "application/json":
            raise Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                ToolError("invalid_arguments", "The Content-Type must be application/json."),
            )
        try:
            # Not Python's own: that lets halves of surrogate pairs in, which no file can be called.
            arguments = from_json(self.body or b"{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            error = ToolError(
                "invalid_arguments",
                "The body must be a JSON object of arguments.",
                "GET openapi.json says what each tool takes.",
            )
            raise Refused(HTTPStatus.BAD_REQUEST, error)
        return arguments


class CallHandler(ApiHandler):
    """``GET calls/ID``: a running or recent call of the caller's own."""

    @allow_unauthenticated  # the door stands inside
    async def get(self, call_id: str) -> None:
        """Answer the call's state and, when it has ended, its result."""

        async def serve(principal: Principal) -> None:
            entry, served = self.find_call(call_id, principal), await self.ready()
            # Whoever made the call may hold a narrower token as well, and shows that one now.
            may_see = served.runtime.trust.policy.sees(principal, entry.call.operation)
            self.answer(_told(entry, with_result=may_see))

        await self.guarded(serve)


class CancelHandler(ApiHandler):
    """``POST calls/ID/cancel``: cancel a running call."""

    @allow_unauthenticated  # the door stands inside
    async def post(self, call_id: str) -> None:
        """Cancel the call; one that has ended is left as it is."""

        async def serve(principal: Principal) -> None:
            entry = self.find_call(call_id, principal)
            await self._check_may_cancel(principal, entry)
            entry.cancel()
            self.answer(entry.to_json())

        await self.guarded(serve)

    async def _check_may_cancel(self, principal: Principal, entry: Entry) -> None:
        """Refuse a token that may not do what it would end: a person may hold several tokens."""
        call, served = entry.call, await self.ready()
        policy = served.runtime.trust.policy
        if not await policy.allows(principal, call.operation, call.values):
            what = f"Cancelling '{call.operation.name}' needs the scope '{call.operation.scope}'."
            error = ToolError("forbidden", what, "Use a token with that scope.")
            raise Refused(HTTPStatus.FORBIDDEN, error)


class StatusHandler(ApiHandler):
    """``GET status``: what the panel shows. It starts nothing, and is no sign of life."""

    tracks_activity = False

    @allow_unauthenticated  # the door stands inside
    async def get(self) -> None:
        """Answer the status."""
        await self.guarded(self._tell)

    async def _tell(self, principal: Principal) -> None:
        served = self.extension.starter.served
        told: dict[str, Any] = {
            "version": self.extension.version_of_ours,
            "endpoint": f"{server_url(self)}mcp",
            "state": "idle" if served is None else "ready",
            "toolsets": [],
            "tools": 0,
            "problems": [],
            "calls": {"running": [], "recent": [], "total": 0, "failed": 0},
        }
        if served is not None:
            from jupyter_mcp.server.trust_state import trust_state

            told |= _state(served, principal)
            told |= trust_state(served.runtime.trust, principal)
        self.answer(told)


class OpenApiHandler(ApiHandler):
    """``GET openapi.json``: this API in OpenAPI 3.1, made from the catalog."""

    @allow_unauthenticated  # the door stands inside
    async def get(self) -> None:
        """Answer the document."""
        await self.guarded(self._describe)

    async def _describe(self, principal: Principal) -> None:
        from jupyter_mcp.server.openapi import document

        served = await self.ready()
        tools = served.runtime.catalog.view(principal, self.selection(served, principal)).tools
        url = f"{self.base_url}jupyter_mcp/api"
        toolsets = sorted(served.runtime.catalog.selection("all", principal.toolsets))
        told = document(url, self.extension.version_of_ours, list(tools.values()), toolsets)
        self.answer(told)


def _check(tool: Tool, arguments: dict[str, Any]) -> None:
    """Refuse arguments that are not as the document says.

    Models get some leeway (``"5"`` for 5); the author of a script is better served by the truth.
    """
    from jsonschema import Draft202012Validator

    error = next(Draft202012Validator(dict(tool.input_schema)).iter_errors(arguments), None)
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "arguments"
        what = f"Invalid arguments for '{tool.name}': {place}: {error.message[:200]}."
        remedy = "GET openapi.json says what each tool takes."
        raise Refused(HTTPStatus.BAD_REQUEST, ToolError("invalid_arguments", what, remedy))


def _dumped(content: Any) -> bytes:
    try:
        return json.dumps(content, allow_nan=False).encode()
    except ValueError:
        from jupyter_mcp.protocol.dumping import dump

        return dump(content)


def _state(served: Served, principal: Principal) -> dict[str, Any]:
    runtime, owner = served.runtime, _owner(served, principal)
    selection = runtime.catalog.selection("all", principal.toolsets)
    view = runtime.catalog.view(principal, selection)
    counts = {toolset.name: 0 for toolset in view.toolsets}
    for tool in view.tools.values():
        counts[tool.toolset] += 1
    running = [e for e in runtime.calls.running.values() if _sees(owner, e)]
    recent = [e for e in reversed(runtime.calls.recent.values()) if _sees(owner, e)]
    return {
        "toolsets": [
            {"name": ts.name, "title": ts.title, "tools": counts[ts.name]} for ts in view.toolsets
        ],
        "tools": len(view.tools),
        "problems": [
            {"plugin": p.plugin, "package": p.package, "reason": p.reason}
            for p in runtime.all_problems
        ],
        "calls": {
            "running": [entry.to_json() for entry in running],
            "recent": [entry.to_json() for entry in recent[:RECENT]],
            "total": runtime.calls.total,
            "failed": runtime.calls.failed,
        },
    }


def _told(entry: Entry, *, with_result: bool) -> dict[str, Any]:
    told = entry.to_json()
    if with_result and entry.result is not None:
        told["result"] = entry.result.to_json()
    return told


def _owner(served: Served, principal: Principal) -> str | None:
    """Return whose calls the caller sees; None for everybody's."""
    return None if served.runtime.trust.policy.oversees(principal) else principal.id


def _sees(owner: str | None, entry: Entry) -> bool:
    return owner is None or entry.call.principal.id == owner
