"""The door to a server: MCP over Streamable HTTP with the SDK's client.

The SDK costs half a second to import, so it is imported when the first connection is made. Its
client has to be entered and left in one task, which `_keep` is. When the server goes away the SDK's
transport dies with it; the next call then makes a new one, to wherever the server is by then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.ipython.door import OnAsk, OnProgress
from jupyter_mcp.ipython.failure import CallError, NotLetIn, Unreachable, from_json
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.schema import ToolInfo

if TYPE_CHECKING:
    import ssl

    from mcp.client import Client as McpClient
    from mcp.client import ClientRequestContext
    from mcp.shared.dispatcher import ProgressFnT
    from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

Json = dict[str, Any]
Meta = Mapping[str, Any] | None

CONNECT_SECONDS = 10.0
"""How long a connection may take."""


class HttpDoor:
    """A connection to a server.

    Args:
        find: Returns the server, looked up anew for each connection.
        ask: Answers elicitations; None when nobody can.
        mode: ``auto`` for the newest revision, ``legacy`` for the handshake of the older ones.
        client_name: The name to give to the server.
        is_ours: Whether the server is known to be one of ours, whose results fit their schemas. To
            see whether they do, the SDK reads all tools and loads jsonschema: 21 MiB and 0.5 s.
    """

    def __init__(
        self,
        find: Callable[[], Server],
        ask: OnAsk | None = None,
        mode: str = "auto",
        client_name: str = "jupyter_mcp",
        *,
        is_ours: bool = False,
    ) -> None:
        self._find = find
        self._ask = ask
        self._mode = mode
        self._client_name = client_name
        self._is_ours = is_ours
        self._client: McpClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._opening = asyncio.Lock()
        self._status = 0
        self.server: Server | None = None

    @property
    def place(self) -> str:
        """The server's address."""
        return self.server.base_url if self.server else "not connected"

    @property
    def protocol(self) -> str:
        """The protocol revision that was agreed on."""
        return self._client.protocol_version if self._client else ""

    async def connect(self) -> None:
        """Connect, if there is no connection."""
        await self._open()

    async def tools(self) -> list[ToolInfo]:
        """Return all tools, page by page."""
        client = await self._open()
        found: list[ToolInfo] = []
        cursor: str | None = None
        while True:
            page = await self._guard(client.list_tools(cursor=cursor, cache_mode="refresh"))
            found += [_tool(tool.model_dump(by_alias=True, mode="json")) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                return found

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        on_progress: OnProgress | None,
        meta: Mapping[str, Any] | None = None,
    ) -> CallResult:
        """Call a tool; cancelling the task cancels the call on the server.

        Args:
            name: The tool.
            arguments: Its arguments.
            on_progress: Told how far it is.
            meta: More of the request's ``_meta``, such as an idempotency key.
        """

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            if on_progress is not None:
                await on_progress(progress, total, message or "")

        client = await self._open()
        started = time.perf_counter()
        call = _called_unchecked if self._is_ours else _called
        answer = await self._guard(
            call(client, name, dict(arguments), tell if on_progress else None, meta)
        )
        result = CallResult(
            name,
            tuple(block.model_dump(by_alias=True, mode="json") for block in answer.content),
            answer.structured_content,
            bool(answer.is_error),
            time.perf_counter() - started,
            dict(answer.meta or {}),
        )
        return checked(result)

    async def complete(self, uri: str, argument: str, prefix: str) -> list[str]:
        """Return values for a variable of the resource template `uri`."""
        from mcp_types import ResourceTemplateReference

        client = await self._open()
        reference = ResourceTemplateReference(type="ref/resource", uri=uri)
        wanted = {"name": argument, "value": prefix}
        answer = await self._guard(client.complete(reference, wanted))
        return list(answer.completion.values)

    async def close(self) -> None:
        """End the connection."""
        keeper, self._keeper, self._client = self._keeper, None, None
        self._stop.set()
        if keeper is not None:
            await asyncio.gather(keeper, return_exceptions=True)

    async def _open(self) -> McpClient:
        async with self._opening:
            if self._client is None or self._keeper is None or self._keeper.done():
                await self._connect()
        if self._client is None:
            raise CallError("unavailable", "The connection was closed.", "Call again.")
        return self._client

    async def _connect(self) -> None:
        self.server = await asyncio.to_thread(self._find)
        await asyncio.to_thread(_import_sdk)
        self._stop = asyncio.Event()
        self._status = 0
        ready: asyncio.Future[McpClient] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(self.server, ready), name="mcp-connection")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._client = await ready
        except TimeoutError:
            self._keeper.cancel()
            raise self._unreachable("it did not answer in time") from None
        except asyncio.CancelledError:
            self._keeper.cancel()
            raise

    async def _keep(self, server: Server, ready: asyncio.Future[McpClient]) -> None:
        """Enter the SDK's client, hold it open, leave it: all in this task."""
        try:
            import httpx2
            from mcp.client import Client
            from mcp.client.streamable_http import streamable_http_client

            headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
            async with (
                httpx2.AsyncClient(
                    headers=headers,
                    timeout=httpx2.Timeout(CONNECT_SECONDS, read=None),
                    trust_env=not server.is_local,
                    verify=_trusted(server),
                    event_hooks={"response": [self._note_status]},
                ) as http,
                Client(
                    streamable_http_client(server.url, http_client=http),
                    mode=self._mode,
                    client_info=_implementation(self._client_name),
                    elicitation_callback=self._elicit if self._ask else None,
                ) as client,
            ):
                ready.set_result(client)
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises becomes one line
            if not ready.done():
                ready.set_exception(self._explain(error))

    async def _guard(self, work: Any) -> Any:
        """Await the SDK and turn what it raises into a `ToolError`."""
        self._status = 0
        try:
            return await work
        except ToolError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises becomes one line
            failure = self._explain(error)
        raise failure

    def _explain(self, error: BaseException) -> ToolError:
        from mcp.shared.exceptions import MCPError

        leaf = error
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        if isinstance(leaf, ToolError):
            return leaf
        if isinstance(leaf, MCPError) and self._status in _TELLING and (said := _told(leaf)):
            return said if self._status == _FORBIDDEN else Unreachable(said.message, said.remedy)
        if self._status in _REFUSALS:
            return self._refusal(*_REFUSALS[self._status])
        if isinstance(leaf, MCPError):
            return _from_mcp(leaf, self.place)
        return self._unreachable(_reason(leaf))

    def _refusal(self, code: str, message: str, remedy: str) -> CallError:
        if code == "unavailable":
            return Unreachable(f"{self.place} {message}", remedy)
        return NotLetIn(code, f"{self.place} {message}", remedy)

    def _unreachable(self, reason: str) -> Unreachable:
        return Unreachable(
            f"No answer from {self.place}: {reason}.",
            "Is the Jupyter server running? 'jupyter mcp doctor' tells.",
        )

    async def _note_status(self, response: Any) -> None:
        self._status = response.status_code

    async def _elicit(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult:
        from mcp_types import ElicitResult

        del context
        if self._ask is None:
            return ElicitResult(action="cancel")
        answer = await self._ask(params.model_dump(by_alias=True, mode="json", exclude_none=True))
        return ElicitResult(action=answer["action"], content=answer.get("content"))


async def _called(
    client: McpClient, name: str, arguments: Json, tell: ProgressFnT | None, meta: Meta
) -> CallToolResult:
    """Call a tool; a result that does not fit the tool's schema raises."""
    meta = cast("Any", dict(meta)) if meta else None
    return await client.call_tool(name, arguments, progress_callback=tell, meta=meta)


async def _called_unchecked(
    client: McpClient, name: str, arguments: Json, tell: ProgressFnT | None, meta: Meta
) -> CallToolResult:
    """Call a tool whose results fit; only for arguments that go into headers its schema is read."""
    from mcp.shared.exceptions import MCPError
    from mcp_types import HEADER_MISMATCH, CallToolRequest, CallToolRequestParams, CallToolResult

    more = cast("Any", dict(meta)) if meta else None
    request = CallToolRequest(
        params=CallToolRequestParams(name=name, arguments=arguments, _meta=more)
    )
    try:
        return await client.session.send_request(request, CallToolResult, progress_callback=tell)
    except MCPError as error:
        if error.code != HEADER_MISMATCH:
            raise
    return await _called(client, name, arguments, tell, meta)


def _trusted(server: Server) -> ssl.SSLContext | Literal[True]:
    """Return whose certificates are trusted; reading all of them costs 20 ms and 1 MiB.

    Without TLS on this machine's loopback nobody shows one: then nobody's is.
    """
    import ssl

    if server.is_local and server.url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return True


_STOPPING = ("unavailable", "is not there now.", "Call again when it is back.")

_REFUSALS = {
    **dict.fromkeys((502, 503, 504), _STOPPING),
    401: (
        "unauthorized",
        "refused the token.",
        "Give the right one: %mcp connect URL --token TOKEN, or set JUPYTER_MCP_TOKEN.",
    ),
    403: (
        "forbidden",
        "does not let this caller in.",
        "Check the address and the token's scopes; 'jupyter mcp doctor' tells more.",
    ),
    404: (
        "unavailable",
        "has no MCP endpoint.",
        "Enable it there: jupyter server extension enable jupyter_mcp, and restart the server.",
    ),
}


def checked(result: CallResult) -> CallResult:
    """Return `result`, or raise the `ToolError` that it carries."""
    error = (result.structured or {}).get("error")
    if result.is_error and isinstance(error, Mapping) and {"code", "message"} <= error.keys():
        raise from_json(error)
    return result


def _told(error: Any) -> CallError | None:
    """Return the error of ours that a JSON-RPC error carries; None when it carries none."""
    data = error.data if isinstance(error.data, Mapping) else {}
    told = data.get("error", data)
    if isinstance(told, Mapping) and isinstance(told.get("code"), str) and "message" in told:
        return from_json(told)
    return None


def _from_mcp(error: Any, place: str) -> CallError:
    if told := _told(error):
        if told.code == "unauthorized":
            return NotLetIn(told.code, told.message, told.remedy)
        return Unreachable(told.message, told.remedy) if told.code == "unavailable" else told
    if error.code == _CONNECTION_CLOSED:
        return Unreachable(f"{place} went away.", "Start it again, then call again.")
    code = "unsupported" if error.code == _NEEDS_CAPABILITY else "invalid_request"
    return CallError(code, error.message)


_FORBIDDEN = 403

_TELLING = frozenset({_FORBIDDEN, 503})
"""With these a server of ours says more of why than the status does."""


_NEEDS_CAPABILITY = -32021
"""The server needs what this client did not declare (MISSING_REQUIRED_CLIENT_CAPABILITY)."""

_CONNECTION_CLOSED = -32000
"""The SDK's own error code for a connection that ended (mcp_types.CONNECTION_CLOSED)."""


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _tool(tool: Mapping[str, Any]) -> ToolInfo:
    return ToolInfo(
        tool["name"],
        tool.get("description") or "",
        tool.get("title") or "",
        tool.get("inputSchema") or {},
        tool.get("annotations") or {},
    )


def _implementation(name: str) -> Any:
    from importlib.metadata import PackageNotFoundError, version

    from mcp_types import Implementation

    try:
        return Implementation(name=name, version=version("jupyter-mcp-workbench"))
    except PackageNotFoundError:
        return Implementation(name=name, version="0")


def _import_sdk() -> None:
    """Import the SDK's client, away from the event loop."""
    import mcp.client.streamable_http  # noqa: F401 - the import is the purpose
