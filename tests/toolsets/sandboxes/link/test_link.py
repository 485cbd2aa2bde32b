# ruff: noqa: ASYNC110, ASYNC240 - files tell what processes do
"""The link against agents that are not ours: whatever they send, a `ToolError` and no more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import struct
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_argv, agent_source
from jupyter_mcp.toolsets.sandboxes.link.frames import MAX_PAYLOAD, PROTOCOL, WINDOW, Kind, encode
from jupyter_mcp.toolsets.sandboxes.link.link import MAX_REQUESTS, Link
from jupyter_mcp.toolsets.sandboxes.link.streams import Stream
from jupyter_mcp.toolsets.sandboxes.places.place import SandboxPlace
from jupyter_mcp.workplace import Search
from support.agents import linked
from support.pipes import PipeChannel

HELLO = {
    "protocol": PROTOCOL,
    "pid": 1,
    "uid": 1000,
    "home": "/home/sandbox",
    "workspace": "/workspace",
    "python": "3.11.2",
}


class HostileChannel:
    """A channel whose other side says what a test wants it to, at each request that it hears."""

    def __init__(self, first: bytes, reply: Callable[[int], bytes] = lambda _number: b"") -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queue.put_nowait(first)
        self._reply = reply
        self._heard = -len(agent_source())
        self._buffer = b""
        self.is_closed = False

    async def read(self, limit: int) -> bytes:  # noqa: ARG002 - what it says is short
        if self.is_closed:
            return b""
        return await self._queue.get()

    async def write(self, data: bytes) -> None:
        if self._heard < 0:
            skipped, self._heard = -self._heard, 0
            data = data[skipped:]
        self._buffer += data
        while len(self._buffer) >= 14:
            kind, _lane, number, head, payload = struct.unpack_from("!BBIII", self._buffer)
            self._buffer = self._buffer[14 + head + payload :]
            if kind == Kind.CALL:
                self._queue.put_nowait(self._reply(number))

    def say(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    async def close(self) -> None:
        self.is_closed = True
        self._queue.put_nowait(b"")

    def complaint(self) -> str:
        return "Traceback\nSyntaxError: \x1b[31mwhat"


@contextlib.asynccontextmanager
async def against(reply: Callable[[int], bytes]) -> AsyncIterator[tuple[Link, HostileChannel]]:
    tasks = Supervisor()
    channel = HostileChannel(encode(Kind.HELLO, 0, HELLO), reply)
    link = await Link.open(channel, tasks, 5)
    try:
        yield link, channel
    finally:
        await link.close()
        await tasks.stop()
        assert channel.is_closed
        assert tasks.names == []


def raw(kind: int, number: int, head: bytes = b"", payload: bytes = b"", lane: int = 0) -> bytes:
    return struct.pack("!BBIII", kind, lane, number, len(head), len(payload)) + head + payload


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "garbage": lambda _n: b"\x00\xff" * 50,
    "an answer to nothing": lambda n: encode(Kind.ANSWER, n + 1, {}),
    "a second hello": lambda _n: encode(Kind.HELLO, 0, HELLO),
    "a call of its own": lambda n: encode(Kind.CALL, n, {"op": "ping"}),
    "an oversized frame": lambda n: struct.pack("!BBIII", Kind.ANSWER, 0, n, 1 << 30, 0),
    "an oversized payload": lambda n: struct.pack("!BBIII", Kind.DATA, 0, n, 0, 1 << 31),
    "more data than the window": lambda n: (
        raw(Kind.DATA, n, payload=b"x" * MAX_PAYLOAD) + raw(Kind.DATA, n, payload=b"x" * WINDOW)
    ),
    "empty data without end": lambda n: raw(Kind.DATA, n),
    "data after the end": lambda n: raw(Kind.END, n) + raw(Kind.DATA, n, payload=b"x"),
    "credit for nothing": lambda n: raw(Kind.CREDIT, n, payload=struct.pack("!I", 1)),
    "negative credit": lambda n: raw(Kind.CREDIT, n, payload=b"\xff\xff\xff\xff"),
    "short credit": lambda n: raw(Kind.CREDIT, n, payload=b"\1"),
    "a flood of events": lambda n: encode(Kind.EVENT, n, {}) * 1000,
    "an event that is long": lambda n: encode(Kind.EVENT, n, {"a": [[]] * 8000}),
    "a failure that is long": lambda n: encode(Kind.FAILURE, n, {"message": "x" * 20_000}),
    "a head that is a list": lambda n: raw(Kind.ANSWER, n, b"[1]"),
    "a head without end": lambda n: raw(Kind.ANSWER, n, b'{"a":' * 50_000),
    "a failure without words": lambda n: raw(Kind.FAILURE, n, b'{"code":1}'),
    "the end": lambda _n: b"",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_answer_closes_the_link_with_one_line(name: str) -> None:
    async with against(HOSTILE[name]) as (link, _channel):
        with pytest.raises(ToolError) as error:
            await asyncio.wait_for(link.ping(), 30)
        assert error.value.code == "unavailable"
        assert error.value.remedy
        assert link.is_closed
        with pytest.raises(ToolError):
            await link.ping()


async def test_events_that_nobody_wants_are_no_way_to_keep_the_server_busy() -> None:
    async with against(lambda n: encode(Kind.EVENT, n, {})) as (link, channel):
        exchange = link.exchange("ping", {})
        exchange.release()
        channel.say(encode(Kind.EVENT, exchange.number, {}) * 1000)
        await asyncio.wait_for(link.closed.wait(), 30)


async def test_bytes_that_come_one_by_one_take_no_more_memory_than_others() -> None:
    def reply(number: int) -> bytes:
        return encode(Kind.DATA, number, payload=b"x") * WINDOW

    async with against(reply) as (link, _channel):
        tracemalloc.start()
        try:
            async with link.exchange("ping", {}) as exchange:
                while not (piece := await exchange.receive()):
                    pass
                used = tracemalloc.get_traced_memory()[0]
                received = len(piece[1])
                while received < WINDOW:
                    piece = await exchange.receive()
                    assert piece is not None
                    received += len(piece[1])
        finally:
            tracemalloc.stop()
    assert used < 40 * WINDOW  # the bytes that the channel holds are 15 for each


ENTRY = ["a", "file", 1, 1.0, 420, ""]
WRONG = [
    None,
    {},
    [],
    ["a", "file", -1, 1.0, 420, ""],
    ["a", "file", True, 1.0, 420, ""],
    ["a", "device", 1, 1.0, 420, ""],
    ["a", ["file"], 1, 1.0, 420, ""],
    ["a", "file", 1 << 64, 1.0, 420, ""],
    ["a", "file", 1, "now", 420, ""],
    ["a", "file", 1, 1.0, None, ""],
    [7, "file", 1, 1.0, 420, ""],
    ["a" * 10_000, "file", 1, 1.0, 420, ""],
    [*ENTRY, "more"],
]


@pytest.mark.parametrize("row", WRONG, ids=repr)
async def test_an_entry_of_the_wrong_kind_closes_the_link(row: object) -> None:
    async with against(lambda n: encode(Kind.ANSWER, n, {"entry": row})) as (link, _channel):
        with pytest.raises(ToolError, match="must not"):
            await SandboxPlace(link, "sb-1").stat("a")
        assert link.is_closed


async def test_more_rows_than_were_asked_for_close_the_link() -> None:
    rows = json.dumps([ENTRY] * 20).encode()

    def reply(number: int) -> bytes:
        return raw(Kind.DATA, number, payload=rows) + encode(Kind.ANSWER, number, {})

    async with against(reply) as (link, _channel):
        with pytest.raises(ToolError, match="not asked for"):
            await SandboxPlace(link, "sb-1").list("", limit=10)


async def test_more_bytes_than_were_asked_for_are_refused() -> None:
    def reply(number: int) -> bytes:
        return encode(Kind.ANSWER, number, {"size": 10}, b"x" * 1000)

    async with against(reply) as (link, _channel):
        with pytest.raises(ToolError, match="more than was asked"):
            await SandboxPlace(link, "sb-1").read("a", 0, 10)


@pytest.mark.parametrize(
    "matches", [[["a", -1, ""]], [["a", 1]], [[1, 1, ""]], "no", [["a", 1, "x" * 10_000]]]
)
async def test_matches_of_the_wrong_kind_close_the_link(matches: object) -> None:
    def reply(number: int) -> bytes:
        data = raw(Kind.DATA, number, payload=json.dumps(matches).encode())
        return data + encode(Kind.ANSWER, number, {"is_cut": False, "skipped": 0})

    async with against(reply) as (link, _channel):
        with pytest.raises(ToolError):
            await SandboxPlace(link, "sb-1").search("", Search("a"))
        assert link.is_closed


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from([k for k in Kind if k not in (Kind.HELLO, Kind.CREDIT)]),
    head=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["pid", "port", "connected", "exit_code", "entry", "code", "message"]),
            inner | st.lists(inner, max_size=3),
            max_size=3,
        ),
    ),
    payload=st.binary(max_size=20),
)
def test_whatever_it_answers_is_a_value_or_a_tool_error(
    kind: Kind, head: object, payload: bytes
) -> None:
    def reply(number: int) -> bytes:
        text = json.dumps(head).encode() if kind not in (Kind.DATA, Kind.END) else b""
        return raw(kind, number, text, payload)

    async def ask() -> None:
        async with against(reply) as (link, _channel):
            for question in (link.ping(), link.start(["x"]), link.dial(1), _stat(link)):
                with contextlib.suppress(ToolError, TimeoutError):
                    await asyncio.wait_for(question, 0.005)

    asyncio.run(ask())


async def _stat(link: Link) -> None:
    await SandboxPlace(link, "sb-1").stat("x")


async def test_a_stream_of_unsolicited_frames_is_cut_off_at_once() -> None:
    async with against(lambda _n: b"") as (link, channel):
        channel.say(encode(Kind.EVENT, 99, {}) * 100)
        await asyncio.wait_for(link.closed.wait(), 30)


async def test_words_from_inside_are_short_and_plain() -> None:
    def reply(number: int) -> bytes:
        words = {"code": "root", "message": "a\x1b[2J\ud800" + "x" * 10_000, "remedy": "\n\nb"}
        return encode(Kind.FAILURE, number, words)

    async with against(reply) as (link, _channel):
        with pytest.raises(ToolError) as error:
            await link.ping()
        assert error.value.code == "internal"
        assert len(str(error.value)) < 1000
        assert "\x1b" not in str(error.value)
        str(error.value).encode()
        assert not link.is_closed


async def test_another_version_is_told() -> None:
    tasks = Supervisor()
    channel = HostileChannel(encode(Kind.HELLO, 0, {**HELLO, "protocol": 99}))
    with pytest.raises(ToolError, match="speaks version 99") as error:
        await Link.open(channel, tasks, 5)
    assert error.value.code == "unsupported"
    await tasks.stop()
    assert channel.is_closed


@pytest.mark.parametrize(
    "change", [{"pid": -1}, {"uid": "root"}, {"home": 7}, {"workspace": "x" * 9999}, {"pid": True}]
)
async def test_a_wrong_hello_is_refused(change: dict[str, object]) -> None:
    tasks = Supervisor()
    channel = HostileChannel(encode(Kind.HELLO, 0, {**HELLO, **change}))
    with pytest.raises(ToolError, match="no hello"):
        await Link.open(channel, tasks, 5)
    await tasks.stop()


async def test_an_agent_that_never_greets_is_given_up_and_its_complaint_told() -> None:
    tasks = Supervisor()
    channel = HostileChannel(encode(Kind.HELLO, 0, HELLO)[:20])
    with pytest.raises(ToolError, match=r"within 0.05 s.*SyntaxError") as error:
        await Link.open(channel, tasks, 0.05)
    assert "python3" in error.value.remedy
    assert "\x1b" not in str(error.value)
    await tasks.stop()
    assert channel.is_closed


async def test_a_program_that_is_no_python_says_what_it_complained_about(tmp_path: Path) -> None:
    tasks = Supervisor()
    channel = await PipeChannel.open(["sh", "-c", "echo no such thing >&2"], cwd=tmp_path)
    with pytest.raises(ToolError, match="no such thing") as error:
        await Link.open(channel, tasks, 5)
    assert error.value.code == "unavailable"
    await tasks.stop()


async def test_more_requests_than_there_may_be_are_refused() -> None:
    async with against(lambda _n: raw(Kind.END, _n)) as (link, _channel):
        held = [link.exchange("ping", {}) for _ in range(MAX_REQUESTS)]
        with pytest.raises(ToolError) as error:
            link.exchange("ping", {})
        assert error.value.code == "busy"
        for each in held:
            each.release()


async def test_an_agent_that_never_answers_what_was_given_up_is_given_up() -> None:
    async with against(lambda n: raw(Kind.END, n)) as (link, _channel):
        for _ in range(MAX_REQUESTS):
            link.exchange("ping", {}).release()
        with pytest.raises(ToolError, match="no answers"):
            link.exchange("ping", {})
        assert link.is_closed


async def test_cancelling_a_request_releases_it_inside(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        waiting = asyncio.ensure_future(_forever(link))
        started = await _until_there(tmp_path / "pid")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await _gone(int(started), 0.3)
        await link.ping()
        assert len(link._exchanges) == 0


async def _forever(link: Link) -> None:
    await SandboxPlace(link, "sb-1").run(
        ["sh", "-c", "echo $$ > pid.new; mv pid.new pid; sleep 99"]
    )


async def _until_there(path: Path) -> str:
    while not path.exists():
        await asyncio.sleep(0.005)
    return path.read_text()


async def _gone(pid: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end, f"{pid} still runs"
        await asyncio.sleep(0.005)


async def test_many_requests_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        place = SandboxPlace(link, "sb-1")
        names = [f"f{number}" for number in range(100)]
        await asyncio.gather(*(place.write(name, name.encode()) for name in names))
        found = await asyncio.gather(*(place.read(name) for name in names))
        assert [data.decode() for data, _size in found] == names


async def test_a_slow_reader_holds_up_nobody_else(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        slow = await link.start(["cat", "/dev/zero"], stdin=False)
        place = SandboxPlace(link, "sb-1")
        await place.write("big", b"x" * 3_000_000)
        started = time.monotonic()
        data, _size = await place.read("big")
        assert len(data) == 3_000_000
        assert (await place.run(["echo", "hi"])).stdout == b"hi\n"
        assert time.monotonic() - started < 20
        await slow.kill()
        slow.release()


async def test_a_hundred_megabytes_pass_and_neither_side_keeps_them(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        process = await link.start(["head", "-c", "100000000", "/dev/zero"], stdin=False)
        total = 0
        async for _lane, data in process.output():
            total += len(data)
            if total < 20_000_000:
                await asyncio.sleep(0)
        assert total == 100_000_000
        assert await process.wait() == 0
        status = Path(f"/proc/{link.hello.pid}/status").read_text()
        inside = int(status.split("VmHWM:")[1].split()[0])
        assert inside < 60_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


async def test_input_waits_for_a_program_that_does_not_read(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        process = await link.start(["sleep", "99"])
        writing = asyncio.ensure_future(process.write(b"x" * 5_000_000))
        await link.ping()
        assert not writing.done()
        await process.kill()
        assert await process.wait() == 137
        async for _ in process.output():
            pass
        with contextlib.suppress(ToolError):
            await asyncio.wait_for(writing, 30)


async def test_a_port_inside_is_dialled(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        server = await link.start([sys.executable, "-u", "-c", SERVER], stdin=False)
        port = 0
        async for _lane, data in server.output():
            port = int(data)
            break
        streams = await asyncio.gather(*(link.dial(port) for _ in range(10)))
        for number, stream in enumerate(streams):
            await stream.write(b"%d" % number * 100_000)
            stream.close_write()
        for number, stream in enumerate(streams):
            assert await _all(stream) == b"%d" % number * 100_000
            stream.close()
        await server.kill()
        server.release()


SERVER = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        got = b''
        while data := self.request.recv(65536): got += data
        self.request.sendall(got)
class Server(socketserver.ThreadingTCPServer): daemon_threads = True
with Server(('127.0.0.1', 0), Echo) as server:
    print(server.server_address[1]); server.serve_forever()
"""


async def _all(stream: Stream) -> bytes:
    parts = b""
    while data := await stream.read(5000):
        parts += data
    return parts


async def test_nothing_listens(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        with pytest.raises(ToolError, match="Nothing listens on port 1") as error:
            await link.dial(1)
        assert error.value.code == "unavailable"
        with pytest.raises(ToolError, match="port has to be"):
            await link.dial(70_000)


async def test_the_host_serves_a_port_inside(tmp_path: Path) -> None:
    async def greet(stream: Stream) -> None:
        await stream.write(b"you said " + await stream.read(100))

    async with linked(tmp_path) as link:
        port = await link.listen(0, greet)
        client = f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf hi >&3; cat <&3"
        place = SandboxPlace(link, "sb-1")
        done = await asyncio.gather(*(place.run(["bash", "-c", client]) for _ in range(5)))
        assert [each.stdout for each in done] == [b"you said hi"] * 5
        with pytest.raises(ToolError, match="in use"):
            await link.listen(port, greet)


async def test_variables_come_over_the_channel(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        await link.configure({"TOKEN": "s3cret"})
        done = await SandboxPlace(link, "sb-1").run(["sh", "-c", "echo $TOKEN $X"], env={"X": "y"})
        assert done.stdout == b"s3cret y\n"
        assert b"s3cret" not in Path(f"/proc/{link.hello.pid}/cmdline").read_bytes()
        assert "s3cret" not in " ".join(agent_argv())
        with pytest.raises(ToolError, match="variable"):
            await link.configure({"A=B": "x"})
