"""Calls over the HTTP API: make one, look at it, cancel it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_mcp.errors import ToolError
from jupyter_mcp.server.api import ApiHandler, status_of
from jupyter_mcp.server.challenge import challenge
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.calls.call import Call
    from jupyter_mcp.calls.content import Result
    from jupyter_mcp.calls.operation import Tool
    from jupyter_mcp.policies.call_log import Entry
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.server.starter import Served

IN_PLACE = 16 * 1024
"""Up to how many bytes of arguments are compared with their schema at once, and not in a thread."""


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


class OneCallHandler(ApiHandler):
    """What handlers of one call share."""

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
            return served.runtime.calls.find(
                call_id, served.runtime.trust.policy.owner_seen(principal)
            )
        except ToolError as error:
            raise Refused(status_of(error), error) from None


class CallHandler(OneCallHandler):
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


class CancelHandler(OneCallHandler):
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


def _told(entry: Entry, *, with_result: bool) -> dict[str, Any]:
    told = entry.to_json()
    if with_result and entry.result is not None:
        told["result"] = entry.result.to_json()
    return told
