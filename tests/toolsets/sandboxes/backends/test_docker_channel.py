"""Frames of the engine's stream, cut anywhere: stdout comes whole, and stderr is kept apart."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.toolsets.sandboxes.backends.docker_channel import COMPLAINT, REFUSED, ExecChannel

_DATA = st.binary(max_size=300).filter(lambda data: not data.startswith(REFUSED))
FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), _DATA), max_size=20)


def _framed(frames: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack(">BxxxL", stream, len(data)) + data for stream, data in frames)


async def _read_all(stream: bytes, cuts: list[int], limit: int) -> tuple[bytes, str]:
    reader = asyncio.StreamReader()
    absent: Any = None
    channel = ExecChannel(reader, absent, absent, absent)
    at = 0
    for cut in sorted(cuts):
        reader.feed_data(stream[at : max(at, cut % (len(stream) + 1))])
        at = max(at, cut % (len(stream) + 1))
    reader.feed_data(stream[at:])
    reader.feed_eof()
    said = b""
    while data := await channel.read(limit):
        assert len(data) <= limit
        said += data
    return said, channel.complaint()


@given(FRAMES, st.lists(st.integers(0, 5000), max_size=8), st.integers(1, 500))
def test_stdout_comes_whole_and_stderr_apart(
    frames: list[tuple[int, bytes]], cuts: list[int], limit: int
) -> None:
    said, complaint = asyncio.run(_read_all(_framed(frames), cuts, limit))
    assert said == b"".join(data for stream, data in frames if stream == 1)
    stderr = b"".join(data for stream, data in frames if stream == 2)
    assert complaint == stderr[-COMPLAINT:].decode(errors="replace").strip()


@given(st.binary(max_size=2000), st.integers(1, 500))
def test_what_is_cut_off_or_nonsense_ends_and_never_hangs(stream: bytes, limit: int) -> None:
    said, _ = asyncio.run(_read_all(stream, [], limit))
    assert len(said) <= len(stream)


@pytest.mark.parametrize("refusal", REFUSED)
def test_a_refusal_comes_as_stdout_and_is_a_complaint(refusal: bytes) -> None:
    said, complaint = asyncio.run(_read_all(_framed([(1, refusal), (1, b"more")]), [], 4096))
    assert (said, complaint) == (b"more", refusal.decode().strip())


def test_only_the_tail_of_stderr_is_kept() -> None:
    frames = [(2, b"x" * 50_000), (2, b"the end"), (1, b"out")]
    said, complaint = asyncio.run(_read_all(_framed(frames), [], 4096))
    assert said == b"out"
    assert len(complaint) == COMPLAINT
    assert complaint.endswith("the end")


@contextlib.asynccontextmanager
async def deaf() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Give streams to a peer that reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        reader, writer = await asyncio.open_connection(*door.getsockname())
        with door.accept()[0]:
            yield reader, writer


async def test_a_program_that_reads_nothing_any_more_is_closed_and_ended() -> None:
    ended = asyncio.Event()

    async def reap() -> None:
        ended.set()

    async with deaf() as (reader, writer):
        channel = ExecChannel(reader, writer, reap, Supervisor())
        writer.write(b"x" * 30_000_000)
        async with asyncio.timeout(30):
            await channel.close()
        assert ended.is_set()
        assert writer.transport.get_write_buffer_size() == 0


async def test_nothing_stays_open_when_a_stop_cuts_closing_off() -> None:
    tasks, absent = Supervisor(), cast("Any", None)
    async with deaf() as (reader, writer):
        channel = ExecChannel(reader, writer, absent, tasks)
        writer.write(b"x" * 30_000_000)
        closing = asyncio.ensure_future(channel.close())
        await asyncio.sleep(0)
        await tasks.stop()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert writer.transport.get_write_buffer_size() == 0
