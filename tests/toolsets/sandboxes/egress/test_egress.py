"""The way out of a sandbox, tried with real servers behind it and real programs in front."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_argv
from jupyter_mcp.toolsets.sandboxes.egress.egress import EgressProxy
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from support.benches import Bench, on

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class SocketStream:
    """A connection to a port of the test's own, as a link hands it on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, limit: int) -> bytes:
        return await self._reader.read(limit)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close_write(self) -> None:
        if not self._writer.transport.is_closing():
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


class Ports:
    """Listens as an agent does, on a port of this machine."""

    def __init__(self) -> None:
        self.server: asyncio.Server | None = None

    async def listen(self, port: int, accept: Callable[[Any], Awaitable[None]]) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await accept(SocketStream(reader, writer))

        self.server = await asyncio.start_server(connected, "127.0.0.1", port)
        return int(self.server.sockets[0].getsockname()[1])


def at_home(_host: str, _port: int) -> Iterable[str]:
    return ["127.0.0.1"]


@asynccontextmanager
async def proxy(*domains: str, **options: Any) -> AsyncIterator[tuple[EgressProxy, str]]:
    """Run a proxy and yield it with its URL."""
    tasks, ports = Supervisor(), Ports()
    chosen: dict[str, Any] = {"resolve": at_home} | options
    egress = EgressProxy(ports, domains, tasks, **chosen)
    variables = await egress.start()
    assert ports.server is not None
    try:
        yield egress, variables["https_proxy"]
    finally:
        ports.server.close()
        await egress.stop()
        await tasks.stop()


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[int]:
    """Serve on a port of this machine."""
    running = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with running:
        yield int(running.sockets[0].getsockname()[1])


async def telling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a request with the request itself."""
    head = await reader.readuntil(b"\r\n\r\n")
    body = b""
    if b"content-length: " in head.lower():
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
    elif b"chunked" in head:
        body = await reader.readuntil(b"0\r\n\r\n")
    said = head + body
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
    writer.close()


async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"!")
    writer.close()


async def ask(url: str, request: bytes) -> bytes:
    """Send bytes to a proxy and return all that it answers."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


async def test_a_request_is_written_anew_for_the_server_it_is_for() -> None:
    async with server(telling) as port, proxy("site.test:*") as (_egress, url):
        where = b"site.test:%d" % port
        seen = await ask(
            url,
            b"GET http://SITE.test.:%d/a?b=1 HTTP/1.1\r\nHost: other.test\r\nX-Mine: 1\r\n"
            b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nProxy-Authorization: Basic aGk=\r\n\r\n"
            % port,
        )
    seen = seen.split(b"\r\n\r\n", 1)[1].lower()
    assert seen.startswith(b"get /a?b=1 http/1.1\r\nhost: " + where + b"\r\n")
    assert b"x-mine: 1" in seen
    assert b"connection: close" in seen
    for left_out in (b"other.test", b"x-hop", b"authorization", b"keep-alive"):
        assert left_out not in seen


async def test_bodies_of_both_kinds_come_through_whole() -> None:
    body = bytes(range(256)) * 4096
    async with server(telling) as port, proxy("site.test:*") as (_egress, url):  # noqa: SIM117
        async with httpx.AsyncClient(proxy=url, trust_env=False) as client:
            sized = await client.post(f"http://site.test:{port}/", content=body)

            async def pieces() -> AsyncIterator[bytes]:
                yield b"one "
                yield b"two"

            chunked = await client.post(f"http://site.test:{port}/", content=pieces())
    assert sized.content.endswith(body)
    assert b"one " in chunked.content
    assert chunked.content.endswith(b"0\r\n\r\n")


async def test_a_request_with_two_lengths_gets_one() -> None:
    async with server(telling) as port, proxy("site.test:*") as (_egress, url):
        said = await ask(
            url,
            b"POST http://site.test:%d/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % port,
        )
    assert b"content-length: 4" not in said.lower()
    assert said.lower().count(b"transfer-encoding: chunked") <= 1


async def test_a_tunnel_carries_bytes_both_ways_and_the_end_of_each() -> None:
    async with server(echoing) as port, proxy("site.test:*") as (_egress, url):
        host, number = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(number))
        writer.write(b"CONNECT site.test:%d HTTP/1.1\r\nHost: x\r\n\r\nearly" % port)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(5) == b"early"
        sent = bytes(range(256)) * 8192
        writing = asyncio.ensure_future(_send(writer, sent))
        assert await reader.readexactly(len(sent)) == sent
        await writing
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 30) == b"!"
        writer.close()


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


@pytest.mark.parametrize(
    ("request_line", "status", "reason"),
    [
        (b"CONNECT other.test:443 HTTP/1.1", b"403", b"sandbox_domains"),
        (b"CONNECT site.test:22 HTTP/1.1", b"403", b"sandbox_domains"),
        (b"GET http://other.test/ HTTP/1.1", b"403", b"sandbox_domains"),
        (b"GET http://site.test@other.test/ HTTP/1.1", b"400", b""),
        (b"GET ftp://site.test/ HTTP/1.1", b"400", b""),
        (b"GET / HTTP/1.1", b"400", b""),
        (b"CONNECT site.test HTTP/1.1", b"400", b""),
        (b"CONNECT 127.0.0.1:443 HTTP/1.1", b"403", b""),
        (b"CONNECT 2130706433:443 HTTP/1.1", b"403", b""),
        (b"nonsense", b"400", b""),
        (b"GET http://site.test/" + b"a" * 50_000 + b" HTTP/1.1", b"431", b""),
    ],
)
async def test_what_is_not_allowed_is_answered_and_not_passed_on(
    request_line: bytes, status: bytes, reason: bytes
) -> None:
    async with proxy("site.test") as (_egress, url):
        said = await ask(url, request_line + b"\r\nHost: x\r\n\r\n")
    assert said.split(b" ", 2)[1] == status
    assert reason in said.split(b"\r\n", 1)[0]
    assert b"close" in said.lower()


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
@pytest.mark.parametrize("glob", ["*", "*:*", "*.test:443", "site.test"])
async def test_a_name_that_leads_home_is_refused(address: str, glob: str) -> None:
    async with proxy(glob, resolve=lambda *_: [address]) as (_egress, url):
        said = await ask(url, b"CONNECT site.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 403 Not a public address")


async def test_a_server_at_home_is_reached_where_its_port_is_written() -> None:
    async with server(telling) as port, proxy(f"site.test:{port}") as (_egress, url):
        said = await ask(url, b"GET http://site.test:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % port)
    assert said.startswith(b"HTTP/1.1 200")


async def test_what_hands_out_credentials_is_never_reached() -> None:
    async with proxy("site.test:80", resolve=lambda *_: ["169.254.169.254"]) as (_egress, url):
        said = await ask(url, b"GET http://site.test/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 403 Not a public address")


async def test_a_name_is_looked_up_once_and_that_address_is_used() -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    async with server(telling) as port:  # noqa: SIM117 - the line would be too long
        async with proxy("site.test:*", resolve=lambda *_: answers.pop(0)) as (_egress, url):
            said = await ask(url, b"GET http://site.test:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % port)
    assert said.startswith(b"HTTP/1.1 200")
    assert len(answers) == 1


async def test_a_server_that_is_not_there_is_told() -> None:
    async with server(telling) as port:
        pass
    async with proxy("site.test:*") as (_egress, url):
        said = await ask(url, b"CONNECT site.test:%d HTTP/1.1\r\nHost: x\r\n\r\n" % port)
    assert said.startswith(b"HTTP/1.1 502")
    assert b"cannot be reached" in said


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with server(echoing) as port, proxy("site.test:*", idle=0.1) as (_egress, url):
        said = await ask(url, b"CONNECT site.test:%d HTTP/1.1\r\nHost: x\r\n\r\n" % port)
    assert said.endswith(b"established\r\n\r\n")


async def test_stopping_closes_what_is_open_and_serves_nobody_more() -> None:
    async with server(echoing) as port, proxy("site.test:*") as (egress, url):
        host, number = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(number))
        writer.write(b"CONNECT site.test:%d HTTP/1.1\r\nHost: x\r\n\r\n" % port)
        await reader.readuntil(b"\r\n\r\n")
        await egress.stop()
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
        assert await ask(url, b"") == b""


async def test_a_glob_that_means_nothing_is_told_at_once() -> None:
    with pytest.raises(ToolError, match="sandbox_domains"):
        EgressProxy(Ports(), ["a b"], Supervisor())


@on("bubblewrap", "docker")
async def test_git_in_a_sandbox_reaches_an_allowed_server_and_no_other(
    bench: Bench, tmp_path: Path
) -> None:
    repository = tmp_path / "site" / "r.git"
    _make_repository(repository)
    handle = await bench.create()
    link = await Link.open(await bench.backend.channel(handle, agent_argv()), bench.tasks)
    async with server(_serving(tmp_path / "site")) as port:
        egress = EgressProxy(link, [f"git.test:{port}"], bench.tasks, resolve=at_home)
        await link.configure(await egress.start())
        allowed = await _run(link, "git", "clone", f"http://git.test:{port}/r.git")
        refused = await _run(link, "git", "clone", f"http://evil.test:{port}/r.git", "no")
        around = await _run(
            link, "env", "-u", "http_proxy", "-u", "HTTP_PROXY",
            "git", "clone", f"http://127.0.0.1:{port}/r.git", "round",
        )  # fmt: skip
        await egress.stop()
    await link.close()
    assert allowed[0] == 0, allowed
    assert refused[0] != 0
    assert "403" in refused[1]
    assert around[0] != 0


@on("landlock")
async def test_a_sandbox_in_which_nothing_can_listen_has_no_way_out(bench: Bench) -> None:
    handle = await bench.create()
    link = await Link.open(await bench.backend.channel(handle, agent_argv()), bench.tasks)
    egress = EgressProxy(link, ["*"], bench.tasks)
    with pytest.raises(ToolError, match="isolation='container'") as refused:
        await egress.start()
    assert refused.value.code == "unsupported"
    await egress.stop()
    await link.close()


def _make_repository(folder: Path) -> None:
    work = folder.parent / "work"
    git = shutil.which("git")
    assert git
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([git, "init", "-q", str(work)], check=True)
    (work / "file").write_text("content")
    subprocess.run([git, "-C", str(work), "add", "."], check=True)
    subprocess.run([git, "-C", str(work), *who, "commit", "-qm", "one"], check=True)
    subprocess.run([git, "clone", "-q", "--bare", str(work), str(folder)], check=True)
    subprocess.run([git, "-C", str(folder), "update-server-info"], check=True)


def _serving(folder: Path) -> Handler:
    """Serve files, which is enough for git's plain protocol."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = folder / head.split()[1].decode().split("?")[0].lstrip("/")
        body = path.read_bytes() if path.is_file() else None
        status = b"404 Not Found" if body is None else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body or b"")))
        writer.write(body or b"")
        writer.close()

    return serve


async def _run(link: Link, *argv: str) -> tuple[int, str]:
    process = await link.start(argv)
    said = b""
    async for _name, data in process.output():
        said += data
    return await process.wait(), said.decode()
