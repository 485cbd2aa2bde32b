"""The only way out of a sandbox: an HTTP proxy on this side of its agent's channel.

A sandbox has no network. Where the administrator lets it out, the agent listens on 127.0.0.1 inside
and each connection comes here as a stream. Names are looked up here, refused unless they are on the
list, and connected at the very address that was checked, so that a name which changes its meaning
(DNS rebinding) leads nowhere. What goes through a tunnel is not looked into: a server that many
domains share, such as a content network's, can serve all of them through one that is allowed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.untrusted.addresses import Address, Resolve, check_url, resolve_host
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.egress.domains import Domains
from jupyter_mcp.toolsets.sandboxes.egress.egress_http import (
    PIECE,
    RefusalError,
    Stream,
    body_of,
    head_of,
    host_of,
    parts_of,
    refuse,
    rewritten,
)

if TYPE_CHECKING:
    import h11

HEAD = 32 * 1024
HEAD_SECONDS = 30.0
CONNECT_SECONDS = 20.0
IDLE_SECONDS = 300.0
CONNECTIONS = 64
LOOKUPS = 4
TOO_MANY = RefusalError(503, "Too many connections", "Close some connections first.")


class Listens(Protocol):
    """What can listen inside; a `Link` does."""

    async def listen(self, port: int, accept: Callable[[Any], Awaitable[None]]) -> int:
        """Call `accept` with a stream for each connection; return the port."""
        ...


class EgressProxy:
    """Lets the programs of one sandbox reach the domains on a list.

    Args:
        link: The connection to the agent.
        domains: Globs of domains (`domains.py`).
        tasks: The owner of background tasks.
        resolve: Returns the addresses of a name; the system's name service by default.
        idle: After how many seconds without a byte a connection is closed.

    Raises:
        ToolError: ``invalid_arguments`` for a glob that means nothing.
    """

    def __init__(
        self,
        link: Listens,
        domains: Iterable[str],
        tasks: Spawner,
        *,
        resolve: Resolve = resolve_host,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._link = link
        self._tasks = tasks
        self._resolve = resolve
        self._idle = idle
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="jupyter-mcp-egress")
        self._serving: set[asyncio.Task[None]] = set()
        self._is_stopped = False
        try:
            self._domains = Domains(domains)
        except ValueError as error:
            remedy = "Correct c.JupyterMCP.sandbox_domains."
            raise ToolError("invalid_arguments", str(error), remedy) from None

    async def start(self) -> dict[str, str]:
        """Listen inside, and return the variables that lead programs here.

        Raises:
            ToolError: ``unsupported`` where nothing can listen inside.
        """
        try:
            port = await self._link.listen(0, self._accept)
        except ToolError as error:
            if error.code == "unavailable":  # the connection is gone: trying again helps
                raise
            what = "Nothing can listen in this sandbox, so no way out of it can be opened."
            remedy = "Use isolation='container' or 'bubblewrap', or network=false."
            raise ToolError("unsupported", what, remedy) from None
        url = f"http://127.0.0.1:{port}"
        variables = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), url)
        variables["NO_PROXY"] = "localhost,127.0.0.1,::1"
        return variables | {name.lower(): value for name, value in variables.items()}

    async def stop(self) -> None:
        """Close all connections; later ones are refused."""
        self._is_stopped = True
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, stream: Stream) -> None:
        """Serve one connection in a task of our own, which `stop` can end."""
        if self._is_stopped:
            stream.close()
            return
        task = self._tasks.spawn("sandbox egress", self._serve(stream))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()

    async def _serve(self, stream: Stream) -> None:
        import h11

        client = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD)
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                request = await head_of(client, stream)
            if len(self._serving) > CONNECTIONS:
                await refuse(client, stream, TOO_MANY)
            elif request is not None:
                await self._pass(client, request, stream)
        except RefusalError as refusal:
            await refuse(client, stream, refusal)
        except h11.RemoteProtocolError as error:
            await refuse(
                client, stream, RefusalError(error.error_status_hint, "Bad Request", f"{error}.")
            )
        except (OSError, TimeoutError, ToolError):
            pass  # one of the two is gone
        finally:
            stream.close()

    async def _pass(self, client: h11.Connection, request: h11.Request, stream: Stream) -> None:
        target = request.target.decode("ascii")
        if request.method == b"CONNECT":
            async with self._connected(*host_of(target)) as (reader, writer):
                await stream.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                early = client.trailing_data[0]
                writer.write(early)
                await self._relay(stream, reader, writer)
            return
        host, port, authority, path = parts_of(target)
        async with self._connected(host, port) as (reader, writer):
            await self._forward(client, rewritten(request, authority, path), stream, writer, reader)

    async def _forward(
        self,
        client: h11.Connection,
        request: h11.Request,
        stream: Stream,
        writer: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
    ) -> None:
        """Send one request, written anew, and give back what comes until the server closes."""
        async with asyncio.timeout(self._idle) as deadline, asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(client, request, stream, writer, deadline))
            await self._copy(reader.read, stream.write, deadline)
            stream.close_write()
            sending.cancel()

    async def _send(
        self,
        client: h11.Connection,
        request: h11.Request,
        stream: Stream,
        writer: asyncio.StreamWriter,
        deadline: asyncio.Timeout,
    ) -> None:
        import h11

        server = h11.Connection(h11.CLIENT)
        writer.write(server.send(request) or b"")
        try:
            async for event in body_of(client, stream):
                self._put_off(deadline)
                writer.write(server.send(event) or b"")
                await writer.drain()
        except h11.ProtocolError as error:  # half a request is out already
            raise ConnectionAbortedError(str(error)) from None

    async def _relay(
        self, stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Copy bytes both ways until both sides have ended or nothing comes for long."""

        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        async def out(deadline: asyncio.Timeout) -> None:
            await self._copy(stream.read, write, deadline)
            writer.write_eof()

        async def back(deadline: asyncio.Timeout) -> None:
            await self._copy(reader.read, stream.write, deadline)
            stream.close_write()

        async with asyncio.timeout(self._idle) as deadline, asyncio.TaskGroup() as group:
            group.create_task(out(deadline))
            group.create_task(back(deadline))

    async def _copy(
        self,
        read: Callable[[int], Awaitable[bytes]],
        write: Callable[[bytes], Awaitable[None]],
        deadline: asyncio.Timeout,
    ) -> None:
        while data := await read(PIECE):
            self._put_off(deadline)
            await write(data)
            self._put_off(deadline)

    def _put_off(self, deadline: asyncio.Timeout) -> None:
        if not deadline.expired():
            deadline.reschedule(asyncio.get_running_loop().time() + self._idle)

    @contextlib.asynccontextmanager
    async def _connected(
        self, host: str, port: int
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect to a host of the list, at the address that was checked."""
        address = await self._checked(host, port)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(address.ip, port, limit=PIECE)
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", "") or "it took too long"
            text = f"{host}:{port} cannot be reached: {why}."
            raise RefusalError(502, "Bad Gateway", text) from None
        try:
            yield reader, writer
        except BaseExceptionGroup as group:
            if group.split((OSError, ToolError, asyncio.CancelledError))[1] is not None:
                raise
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _checked(self, host: str, port: int) -> Address:
        if not self._domains.allow(host, port):
            text = (
                f"{host}:{port} is not among the domains that sandboxes may reach. "
                "An administrator can add it to c.JupyterMCP.sandbox_domains."
            )
            raise RefusalError(403, "Not in sandbox_domains", text)
        name = f"[{host}]" if ":" in host else host
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._lookups,
                lambda: check_url(
                    f"http://{name}:{port}/",
                    allow_private=self._domains.allow_private(host, port),
                    resolve=self._resolve,
                ),
            )
        except ToolError as error:
            if error.code == "forbidden":
                raise RefusalError(403, "Not a public address", error.message) from None
            raise RefusalError(502, "Unknown host", error.message) from None
