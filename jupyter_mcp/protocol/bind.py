"""The SDK's low-level server over our operations.

Everything that is not answered from cached bytes or by the short way of ``modern`` goes through
here: all older revisions, the WebSocket, and the rarer methods of 2026-07-28.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import mcp_types as types
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.jsonrpc import INVALID_PARAMS
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol.dumping import sendable
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.protocol.lists import Lists
from jupyter_mcp.protocol.operations import Operations
from jupyter_mcp.protocol.request import TASKS, Ask, Notify, Request, client_name
from jupyter_mcp.protocol.subscriptions import Audience, Bus, Member
from jupyter_mcp.protocol.task_watch import TaskWatch
from jupyter_mcp.protocol.tasks import Tasks

Context = ServerRequestContext[Any, Any]
Json = dict[str, Any]

SCOPE_KEY = "jupyter_mcp.caller"
"""Where the bridge leaves the caller in an ASGI scope."""

INSTRUCTIONS = (
    "You work in a person's live Jupyter notebooks and kernels. Name notebooks by their path and "
    "cells by their id: nothing is 'current'. Read before you edit; outputs come with the run."
)

WATCHED_LIMIT = 1_000
"""How many resources one stream or session may watch: each is looked up before."""

_LISTS: tuple[CacheableMethod, ...] = (
    "tools/list",
    "prompts/list",
    "resources/templates/list",
    "server/discover",
)
_LIVE: tuple[CacheableMethod, ...] = ("resources/list", "resources/read")
HINTS = {
    **dict.fromkeys(_LISTS, CacheHint(ttl_ms=300_000, scope="private")),
    **dict.fromkeys(_LIVE, CacheHint(ttl_ms=0, scope="private")),
}
"""Lists are told about when they change, so a client may keep them for five minutes; notebooks and
kernels change while one looks."""

_ASKED: Mapping[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
    "roots/list": (types.ListRootsRequest, types.ListRootsResult),
}
_NOTIFIED: Mapping[str, type[BaseModel]] = {
    "notifications/progress": types.ProgressNotification,
    "notifications/message": types.LoggingMessageNotification,
}


class TaskParams(types.RequestParams):
    """What the methods of tasks are asked with; answers are checked when it is known to what."""

    task_id: str
    input_responses: dict[str, Any] | None = None


class WorkbenchServer(Server[Any]):
    """The low-level server, which says in the handshake that its lists change."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Return what the handshake tells about this server."""
        told = notification_options or NotificationOptions(
            prompts_changed=True, resources_changed=True, tools_changed=True
        )
        options = super().create_initialization_options(told, experimental_capabilities, extensions)
        options.capabilities.extensions = extensions  # ours are of 2026-07-28 only
        return options


class Binding:
    """Makes the server and serves its requests.

    Args:
        lists: What there is.
        operations: What can be done with it.
        tasks: What becomes of calls that take long.
        bus: Where change events come from.
        version: Our version.
    """

    def __init__(
        self, lists: Lists, operations: Operations, tasks: Tasks, bus: Bus, version: str
    ) -> None:
        self._lists = lists
        self._operations = operations
        self._tasks = tasks
        self._watch = TaskWatch(tasks, bus)
        self.audience = Audience(bus)
        self.listen = ListenHandler(bus)
        self.server = self._server(version)

    def _server(self, version: str) -> WorkbenchServer:
        server = WorkbenchServer(
            "jupyter-mcp-workbench",
            version=version,
            title="Jupyter",
            instructions=INSTRUCTIONS,
            cache_hints=HINTS,
            on_subscriptions_listen=self._listen,
        )
        paged = types.PaginatedRequestParams
        handlers: list[tuple[str, type[BaseModel], Callable[[Context, Any], Awaitable[Json]]]] = [
            ("tools/list", paged, self._list(self._lists.tools)),
            ("prompts/list", paged, self._list(self._lists.prompts)),
            ("resources/templates/list", paged, self._list(self._lists.templates)),
            ("resources/list", paged, self._list_resources),
            ("tools/call", types.CallToolRequestParams, self._do(self._operations.call_tool)),
            (
                "resources/read",
                types.ReadResourceRequestParams,
                self._do(self._operations.read_resource),
            ),
            ("prompts/get", types.GetPromptRequestParams, self._do(self._operations.get_prompt)),
            (
                "completion/complete",
                types.CompleteRequestParams,
                self._do(self._operations.complete),
            ),
            ("tasks/get", TaskParams, self._do(self._tasks.get)),
            ("tasks/update", TaskParams, self._do(self._tasks.update)),
            ("tasks/cancel", TaskParams, self._do(self._tasks.cancel)),
            ("logging/setLevel", types.SetLevelRequestParams, self._set_level),
            ("resources/subscribe", types.SubscribeRequestParams, self._subscribe),
            ("resources/unsubscribe", types.UnsubscribeRequestParams, self._unsubscribe),
        ]
        for method, params, handler in handlers:
            server.add_request_handler(method, params, handler)
        if self._tasks.is_offered:
            server.extensions[TASKS] = {}
        server.add_notification_handler(
            "notifications/initialized", types.NotificationParams, self._initialized
        )
        return server

    def _list(
        self, listing: Callable[[Caller, str | None], Json]
    ) -> Callable[[Context, types.PaginatedRequestParams], Awaitable[Json]]:
        async def handle(context: Context, params: types.PaginatedRequestParams) -> Json:
            return _complete(listing(caller_of(context), params.cursor))

        return handle

    def _do(
        self, operation: Callable[[Request, Mapping[str, Any]], Awaitable[Json]]
    ) -> Callable[[Context, BaseModel], Awaitable[Json]]:
        async def handle(context: Context, params: BaseModel) -> Json:
            del params  # checked by the SDK; the raw ones need no second dump
            return sendable(_complete(await operation(request_of(context), context.params or {})))

        return handle

    async def _list_resources(self, context: Context, params: types.PaginatedRequestParams) -> Json:
        return _complete(await self._lists.resources(request_of(context), params.cursor))

    async def _set_level(self, context: Context, params: types.SetLevelRequestParams) -> Json:
        _connection(context).state["log_level"] = params.level
        return {}

    async def _listen(
        self, context: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Listen to what the caller may read; the acknowledgement says what that is."""
        wanted = params.notifications
        watched = wanted.resource_subscriptions or []
        caller = caller_of(context)
        looked_at = watched[:WATCHED_LIMIT]
        visible = [uri for uri in looked_at if await self._lists.may_watch(caller, uri)]
        if len(visible) < len(watched):
            wanted = wanted.model_copy(update={"resource_subscriptions": visible})
            params = params.model_copy(update={"notifications": wanted})
        asked = (wanted.model_extra or {}).get("taskIds")
        if not asked:
            return await self.listen(context, params)
        request = request_of(context)
        watching = await self._watch.begin(request, asked)
        async with watching.beside(context) as told:
            return await self.listen(told, params)

    async def _subscribe(self, context: Context, params: types.SubscribeRequestParams) -> Json:
        uris = self._join(context).uris
        if len(uris) >= WATCHED_LIMIT:
            raise MCPError(INVALID_PARAMS, f"{WATCHED_LIMIT} resources are watched already.")
        await self._lists.check_watch(caller_of(context), str(params.uri))
        uris.add(str(params.uri))
        return {}

    async def _unsubscribe(self, context: Context, params: types.UnsubscribeRequestParams) -> Json:
        self.audience.unwatch(_connection(context), str(params.uri))
        return {}

    async def _initialized(self, context: Context, params: types.NotificationParams) -> None:
        del params
        self._join(context)

    def _join(self, context: Context) -> Member:
        """Add the session to the audience until its end: not every client says `initialized`."""
        connection = _connection(context)
        if connection not in self.audience:
            connection.exit_stack.callback(self.audience.leave, connection)
        return self.audience.join(connection, context.session)


def _complete(result: Json) -> Json:
    """Mark a result as final (2026-07-28: resultType); for older clients the SDK drops the mark."""
    return result if "resultType" in result else {**result, "resultType": "complete"}


def caller_of(context: Context) -> Caller:
    """Return who sent a request, from where its transport left it."""
    carried = context.request
    if isinstance(carried, Caller):
        return carried
    return cast("Caller", cast("Any", carried).scope[SCOPE_KEY])


def request_of(context: Context) -> Request:
    """Return a request of the SDK as our operations see it."""
    session = context.session
    modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
    capabilities = session.client_capabilities
    info = session.client_params.client_info if session.client_params else None
    meta: Mapping[str, Any] = (context.params or {}).get("_meta") or {}
    level = meta.get(types.LOG_LEVEL_META_KEY) if modern else _session_level(context)
    return Request(
        caller=caller_of(context),
        capabilities=_dumped(capabilities),
        client=client_name(_dumped(info)),
        meta=meta,
        notify=_notifier(context),
        ask=None if modern else _asker(context),
        log_level=level,
    )


def _connection(context: Context) -> Any:
    return context.session._connection  # noqa: SLF001 - the SDK has no public way to a session's life


def _session_level(context: Context) -> str:
    return cast("str", _connection(context).state.get("log_level", "info"))


def _notifier(context: Context) -> Notify:
    async def notify(method: str, params: Json) -> None:
        notification = _NOTIFIED[method].model_validate({"method": method, "params": params})
        await context.session.send_notification(
            cast("types.ServerNotification", notification), related_request_id=context.request_id
        )

    return notify


def _asker(context: Context) -> Ask:
    async def ask(method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        asked, answered = _ASKED[method]
        request = asked.model_validate({"method": method, "params": dict(params) or None})
        related = ServerMessageMetadata(related_request_id=context.request_id)
        try:
            result = await context.session.send_request(
                cast("types.ServerRequest", request), answered, metadata=related
            )
        except MCPError as error:
            raise ToolError(
                "unsupported",
                f"The client could not answer: {error}",
                "Use a client that can be asked, or give the value as an argument.",
            ) from error
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)

    return ask


def _dumped(model: BaseModel | None) -> Json:
    return {} if model is None else model.model_dump(by_alias=True, mode="json", exclude_none=True)
