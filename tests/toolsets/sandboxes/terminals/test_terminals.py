"""What terminals are made of: the ring, keys, and text for a model."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.printed.text import decoded, plain, without_ansi
from jupyter_mcp.toolsets.sandboxes.terminals.capture import Capture, Excerpt
from jupyter_mcp.toolsets.sandboxes.terminals.keys import sequences
from jupyter_mcp.toolsets.sandboxes.terminals.ring import Ring


@given(st.lists(st.binary(max_size=50)), st.integers(1, 60), st.integers(1, 40))
def test_a_ring_loses_nothing_in_silence(pieces: list[bytes], size: int, limit: int) -> None:
    ring, whole = Ring(size), b"".join(pieces)
    early = b""
    offset = 0
    for piece in pieces:
        ring.append(piece)
        got = ring.read(offset, limit)
        assert got.dropped == max(0, ring.start - offset)
        assert whole[got.offset : got.offset + len(got.data)] == got.data
        early += b"?" * got.dropped + got.data
        offset = got.offset + len(got.data)
    while (got := ring.read(offset, limit)).data:
        early += b"?" * got.dropped + got.data
        offset = got.offset + len(got.data)
    assert offset == ring.end == len(whole)
    assert len(early) == len(whole)
    assert len(whole) - ring.start <= size


async def test_who_waits_at_a_ring_is_woken_also_at_the_end() -> None:
    ring = Ring()
    for change in (lambda: ring.append(b"x"), ring.finish):
        news = ring.change
        waiters = [asyncio.create_task(news.wait()) for _ in range(3)]
        change()
        await asyncio.wait_for(asyncio.gather(*waiters), 30)


@given(st.text(max_size=60), st.integers(1, 8))
def test_text_is_cut_between_characters_only(text: str, size: int) -> None:
    data = text.encode("utf-8", "replace")
    told, at, held = "", 0, b""
    while at < len(data) or held:
        is_last = at + size >= len(data)
        held += data[at : at + size]
        at += size
        part, used = decoded(held, is_last=is_last, whole_sequences=False)
        told, held = told + part, held[used:]
        if is_last:
            break
    assert told == data.decode()


@given(st.text(st.characters(max_codepoint=0x7F), max_size=80), st.integers(0, 80))
def test_a_sequence_that_is_cut_in_two_leaves_nothing_behind(text: str, cut: int) -> None:
    coloured = f"a\x1b[1;31m{text}\x1b]0;title\x07b"
    data = coloured.encode()
    first, used = decoded(data[:cut], is_last=False, whole_sequences=True)
    second, _ = decoded(data[used:], is_last=True, whole_sequences=True)
    assert without_ansi(first) + without_ansi(second) == without_ansi(coloured)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\x1b[1;32mok\x1b[0m\n", "ok\n"),
        ("10%\r50%\r100%\r\n", "100%\n"),
        ("abc\x08\x08X\n", "aXc\n"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(B\x1b[?2004hprompt$ ", "prompt$ "),
        ("bell\x07\x00 é漢\n", "bell é漢\n"),
    ],
)
def test_a_model_reads_what_a_person_does(written: str, read: str) -> None:
    assert plain(written) == read


def test_keys_are_what_a_terminal_sends() -> None:
    assert sequences(["enter", "Ctrl-C", "ctrl+d", "up", "ESC", "alt-x", "f5"]) == (
        "\r\x03\x04\x1b[A\x1b\x1bx\x1b[15~"
    )
    for wrong in ("", "ctrl-", "ctrl-ü", "meta-x", "enterr", "alt-", "x" * 500):
        with pytest.raises(ToolError) as refused:
            sequences([wrong])
        assert refused.value.code == "invalid_arguments"
        assert len(refused.value.message) < 100


@given(st.lists(st.binary(max_size=40)), st.integers(3, 60))
def test_an_excerpt_keeps_both_ends(pieces: list[bytes], size: int) -> None:
    excerpt, whole = Excerpt(size), b"".join(pieces).translate(None, bytes(range(0x20)) + b"\x7f")
    for piece in pieces:
        excerpt.add(piece.translate(None, bytes(range(0x20)) + b"\x7f"))
    assert excerpt.total == len(whole)
    assert excerpt.is_cut == (len(whole) > size)
    if not excerpt.is_cut:
        assert excerpt.text() == plain(whole.decode("utf-8", "replace"))
    else:
        assert f"{len(whole) - size} bytes left out" in excerpt.text()


async def test_a_capture_gives_back_all_in_the_order_in_which_it_came() -> None:
    async def run(work: object, *arguments: object) -> object:
        return work(*arguments)  # type: ignore[operator]

    capture = Capture(100, run)
    wanted = b""
    for number in range(3000):
        piece = f"{number} ".encode() * 40
        await capture.add("stderr" if number % 3 else "stdout", piece)
        wanted += piece
    found = b"".join([piece async for piece in capture.chunks()])
    await capture.close()
    assert capture.is_cut
    assert found == wanted
    assert capture.total == capture.kept == len(wanted)
