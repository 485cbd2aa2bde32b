"""MCP 2026-07-28 over HTTP: one POST, one answer, no session.

The SDK's own entry is an ASGI application with a task group for each request; answering natively
costs half the CPU. The two requests that clients send all day, ``tools/list`` and ``tools/call``,
also skip the SDK's dispatch: the list is kept as bytes, and a call's result is dumped once. All
else, and everything while somebody traces with OpenTelemetry, goes through ``serve_one``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from mcp.server.connection import Connection
from mcp.server.runner import modern_error_data, serve_one
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_NAME_HEADER,
    InboundLadderRejection,
    InboundModernRoute,
    classify_inbound_request,
    decode_header_value,
    unsupported_protocol_version_rejection,
    validate_mcp_param_headers,
)
from mcp.shared.message import ServerMessageMetadata
from mcp_types import LOG_LEVEL_META_KEY, SERVER_INFO_META_KEY
from mcp_types import methods as schema
from mcp_types.jsonrpc import HEADER_MISMATCH, INVALID_REQUEST, PARSE_ERROR
from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider
from pydantic_core import from_json

from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol.bind import HINTS, WorkbenchServer
from jupyter_mcp.protocol.dumping import dump
from jupyter_mcp.protocol.exchange import Caller, Exchange
from jupyter_mcp.protocol.faults import error_body
from jupyter_mcp.protocol.lists import Lists
from jupyter_mcp.protocol.operations import Operations
from jupyter_mcp.protocol.request import Request, client_name, workflow_name
from jupyter_mcp.protocol.stream import DispatchContext, Stream

Json = dict[str, Any]

TASK_METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
"""The methods that name a task in the header Mcp-Name."""


class Modern:
    """Serves requests of 2026-07-28.

    Args:
        server: The low-level server, for all methods without a short way.
        lists: What there is.
        operations: What can be done with it.
    """

    def __init__(self, server: WorkbenchServer, lists: Lists, operations: Operations) -> None:
        self._server = server
        self._lists = lists
        self._operations = operations
        self._stamp = {SERVER_INFO_META_KEY: server.server_info_stamp}

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        message = _parsed(exchange)
        if message is None:
            return
        request_id, method = message.get("id"), message["method"]
        verdict = _classified(message, exchange.headers)
        if isinstance(verdict, InboundLadderRejection):
            _refuse(exchange, verdict, request_id)
            return
        stream = Stream(exchange, request_id)
        task = asyncio.current_task()
        if task is not None:
            exchange.on_close(task.cancel)
        try:
            result = await self._result(exchange, stream, method, message["params"], verdict)
        except Exception as error:  # noqa: BLE001 - the boundary: what is unforeseen stays inside
            stream.fail(modern_error_data(error))
        else:
            stream.finish(result)
        finally:
            stream.stop()

    async def _result(
        self,
        exchange: Exchange,
        stream: Stream,
        method: str,
        params: Json,
        route: InboundModernRoute,
    ) -> Json | bytes:
        if method == "tools/call":
            self._check_mirrored(exchange, params)
        if method == "tools/list" and _is_plain_list(params):
            schema.validate_client_request(method, route.protocol_version, params)
            return self._tools(exchange.caller)
        if method == "tools/call" and not _is_traced():
            schema.validate_client_request(method, route.protocol_version, params)
            request = _request(exchange.caller, stream, params["_meta"], route)
            return self._stamped(await self._operations.call_tool(request, params))
        return await self._dispatched(exchange.caller, stream, method, params, route)

    async def _dispatched(
        self, caller: Caller, stream: Stream, method: str, params: Json, route: InboundModernRoute
    ) -> Json:
        """Go the SDK's way."""
        connection = Connection.from_envelope(
            route.protocol_version, route.client_info, route.client_capabilities
        )
        context = DispatchContext(stream, ServerMessageMetadata(request_context=caller))
        return await serve_one(
            self._server, context, method, params, connection=connection, lifespan_state=None
        )

    def _tools(self, caller: Caller) -> bytes:
        """Return the result of ``tools/list`` as bytes, made once for each view."""
        view = self._lists.view(caller)
        made: bytes = self._lists.remembered(
            view, ("tools/list", caller.icons), lambda: dump(self._tools_result(caller))
        )
        return made

    def _tools_result(self, caller: Caller) -> Json:
        hint = HINTS["tools/list"]
        cached = {"ttlMs": hint.ttl_ms, "cacheScope": hint.scope}
        return self._stamped(self._lists.tools(caller, None) | cached)

    def _stamped(self, result: Json) -> Json:
        """Add what every result of this revision carries (basic: resultType, serverInfo)."""
        result.setdefault("resultType", "complete")
        meta = result.get("_meta")
        result["_meta"] = {**meta, **self._stamp} if meta else self._stamp
        return result

    def _check_mirrored(self, exchange: Exchange, params: Json) -> None:
        """Compare arguments that are mirrored in headers (MCP: x-mcp-header)."""
        try:
            tool = self._lists.tool(exchange.caller, params.get("name", ""))
        except (ToolError, TypeError):
            return
        if not self._lists.has_header_arguments(exchange.caller, tool):
            return
        arguments = params.get("arguments")
        rejection = validate_mcp_param_headers(
            tool.input_schema, arguments if isinstance(arguments, Mapping) else {}, exchange.headers
        )
        if rejection is not None:
            raise MCPError(rejection.code, rejection.message, rejection.data)


def _classified(
    message: Json, headers: Mapping[str, str]
) -> InboundModernRoute | InboundLadderRejection:
    """Climb the SDK's ladder, and the rung for tasks that it does not know (SEP-2663: headers)."""
    verdict = classify_inbound_request(message, headers=headers)
    if isinstance(verdict, InboundLadderRejection) or message["method"] not in TASK_METHODS:
        return verdict
    given = decode_header_value(headers.get(MCP_NAME_HEADER, "").strip())
    if given == message["params"].get("taskId"):
        return verdict
    return InboundLadderRejection(
        HEADER_MISMATCH, "The header Mcp-Name must be the taskId of the body."
    )


def _parsed(exchange: Exchange) -> Json | None:
    """Return the JSON-RPC request, or answer what is none and return None."""
    if exchange.method != "POST":
        body = error_body(INVALID_REQUEST, f"{exchange.method} is not used here. Send a POST.")
        exchange.reply(HTTPStatus.METHOD_NOT_ALLOWED, body, {"Allow": "POST"})
        return None
    if (refusal := _unreadable(exchange.headers)) is not None:
        exchange.reply(refusal[0], error_body(INVALID_REQUEST, refusal[1]))
        return None
    try:
        message = from_json(exchange.body)
    except ValueError:
        body = error_body(PARSE_ERROR, "The body is not JSON. Send one JSON-RPC request.")
        exchange.reply(HTTPStatus.BAD_REQUEST, body)
        return None
    if isinstance(message, dict) and "id" not in message and _is_message(message):
        _acknowledge(exchange)
        return None
    if not _is_request(message):
        text = "The body must be a single JSON-RPC request or notification."
        exchange.reply(HTTPStatus.BAD_REQUEST, error_body(INVALID_REQUEST, text))
        return None
    return message  # type: ignore[no-any-return]  # checked just above


def _unreadable(headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Return status and text for a request whose headers say that we cannot talk to each other."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return HTTPStatus.BAD_REQUEST, "The Content-Type must be application/json."
    accepted = headers.get("accept", "")
    if accepted in ("application/json, text/event-stream", "*/*"):
        return None
    kinds = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    has_json = kinds & {"application/json", "application/*", "*/*"}
    has_stream = kinds & {"text/event-stream", "text/*", "*/*"}
    if has_json and has_stream:
        return None
    text = "The Accept header must allow application/json and text/event-stream."
    return HTTPStatus.NOT_ACCEPTABLE, text


def _is_message(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and isinstance(message.get("params", {}), dict)
    )


def _is_request(message: Any) -> bool:
    if not _is_message(message):
        return False
    request_id = message.get("id")
    return isinstance(request_id, str | int) and not isinstance(request_id, bool)


def _acknowledge(exchange: Exchange) -> None:
    """Accept a notification: this revision has none that a server must act on over HTTP."""
    version = exchange.headers.get("mcp-protocol-version", "")
    unsupported = unsupported_protocol_version_rejection(version)
    if unsupported is not None:
        _refuse(exchange, unsupported, None)
        return
    exchange.reply(HTTPStatus.ACCEPTED, b"")


def _refuse(exchange: Exchange, rejection: InboundLadderRejection, request_id: Any) -> None:
    status = ERROR_CODE_HTTP_STATUS.get(rejection.code, HTTPStatus.BAD_REQUEST)
    body = error_body(rejection.code, rejection.message, rejection.data, request_id)
    exchange.reply(status, body)


def _request(
    caller: Caller, stream: Stream, meta: Mapping[str, Any], route: InboundModernRoute
) -> Request:
    return Request(
        caller=caller,
        capabilities=route.client_capabilities,
        client=(
            workflow_name(meta) if caller.principal.is_workflow else client_name(route.client_info)
        ),
        meta=meta,
        notify=stream.notify,
        log_level=meta.get(LOG_LEVEL_META_KEY),
    )


def _is_plain_list(params: Json) -> bool:
    return params.get("cursor") is None


def _is_traced() -> bool:
    return not isinstance(get_tracer_provider(), ProxyTracerProvider)
