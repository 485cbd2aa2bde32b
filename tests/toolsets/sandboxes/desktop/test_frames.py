"""Answers of a program that may be hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.sandboxes.desktop.frames import (
    LONGEST_HEAD,
    MOST_BYTES,
    Answer,
    BrokenFrameError,
    Frames,
)


def packed(answer: Answer) -> bytes:
    head = {**answer.told, "id": answer.number, "bytes": len(answer.data)}
    return json.dumps(head).encode() + b"\n" + answer.data


answers = st.builds(
    Answer,
    st.integers(0, 1 << 40),
    st.dictionaries(st.sampled_from(["hash", "x", "error"]), st.text() | st.integers()),
    st.binary(max_size=300),
)


@given(st.lists(answers, max_size=5), st.integers(1, 50))
def test_answers_come_whole_however_they_are_cut(sent: list[Answer], size: int) -> None:
    data = b"".join(packed(answer) for answer in sent)
    frames = Frames()
    found = []
    for start in range(0, len(data), size):
        found += frames.feed(data[start : start + size])
    assert found == sent


@pytest.mark.parametrize(
    "head",
    [
        b"nothing",
        b"[1]",
        b"{}",
        b'{"id": 1}',
        b'{"id": true, "bytes": 1}',
        b'{"id": 1, "bytes": -1}',
        b'{"id": 1, "bytes": 1.5}',
        b'{"id": "1", "bytes": 1}',
        b'{"id": 1, "bytes": %d}' % (MOST_BYTES + 1),
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_answer_ends_the_conversation(head: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        Frames().feed(head + b"\n")


def test_a_line_without_an_end_is_not_collected_for_ever() -> None:
    frames = Frames()
    assert frames.feed(b"x" * (LONGEST_HEAD - 1)) == []
    with pytest.raises(BrokenFrameError):
        frames.feed(b"x")


@given(st.binary(max_size=400))
def test_any_bytes_are_answers_or_broken(data: bytes) -> None:
    try:
        found: list[Any] = Frames().feed(data)
    except BrokenFrameError:
        return
    assert all(isinstance(answer, Answer) for answer in found)
