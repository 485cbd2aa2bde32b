from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.sandboxes.agent import resident
from jupyter_mcp.toolsets.sandboxes.link.frames import (
    MAX_HEAD,
    MAX_PAYLOAD,
    PROTOCOL,
    WINDOW,
    BrokenFrameError,
    Decoder,
    Frame,
    Kind,
    credit_frame,
    encode,
    parse_json,
)

FROM_AGENT = [kind for kind in Kind if kind not in (Kind.CALL, Kind.CANCEL)]
HEADS = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20) | st.none())


def test_host_and_agent_hold_the_same_numbers() -> None:
    assert resident.PROTOCOL == PROTOCOL
    assert (resident.MAX_HEAD, resident.MAX_PAYLOAD) == (MAX_HEAD, MAX_PAYLOAD)
    assert resident.WINDOW == WINDOW
    assert {kind.name: kind.value for kind in Kind} == {
        kind.name: getattr(resident, kind.name) for kind in Kind
    }


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Kind.ANSWER, Kind.EVENT, Kind.FAILURE]),
            st.integers(0, 2**32 - 1),
            HEADS,
            st.binary(max_size=300),
        ),
        max_size=5,
    ),
    st.integers(1, 40),
)
def test_what_is_encoded_is_decoded_however_it_is_cut(
    frames: list[tuple[Kind, int, dict[str, object], bytes]], step: int
) -> None:
    data = b"".join(encode(kind, number, head, body) for kind, number, head, body in frames)
    decoder = Decoder()
    found = [
        frame
        for start in range(0, len(data), step)
        for frame in decoder.feed(data[start : start + step])
    ]
    assert found == [Frame(kind, number, head, body) for kind, number, head, body in frames]


@given(st.binary(max_size=400))
def test_garbage_is_a_broken_frame_or_waits_for_more_and_is_nothing_else(data: bytes) -> None:
    decoder = Decoder()
    try:
        for frame in decoder.feed(data):
            assert isinstance(frame.head, dict)
    except BrokenFrameError:
        pass


@pytest.mark.parametrize(
    "header",
    [
        (Kind.ANSWER, 0, 1, MAX_HEAD + 1, 0),
        (Kind.DATA, 0, 1, 0, MAX_PAYLOAD + 1),
        (Kind.DATA, 0, 1, 1, 0),
        (Kind.DATA, 2, 1, 0, 1),
        (Kind.CALL, 0, 1, 2, 0),
        (Kind.CANCEL, 0, 1, 0, 0),
        (0, 0, 1, 0, 0),
        (200, 0, 1, 0, 0),
    ],
)
def test_a_wrong_header_is_refused_before_its_body_is_awaited(header: tuple[int, ...]) -> None:
    with pytest.raises(BrokenFrameError):
        list(Decoder().feed(struct.pack("!BBIII", *header)))


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":-Infinity}',
        b"\xff",
        b"{",
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_json_is_strict(text: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        parse_json(text)


@pytest.mark.parametrize("text", [b"[]", b"1", b'"x"', b"null"])
def test_a_head_is_an_object(text: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        list(Decoder().feed(struct.pack("!BBIII", Kind.ANSWER, 0, 1, len(text), 0) + text))


@pytest.mark.parametrize("payload", [b"", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\0\1"])
def test_credit_is_from_one_byte_to_the_window(payload: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        _ = Frame(Kind.CREDIT, 1, payload=payload).credit


def test_credit_says_how_much() -> None:
    (frame,) = Decoder().feed(credit_frame(7, 1234))
    assert (frame.number, frame.credit) == (7, 1234)


@pytest.mark.parametrize(
    ("head", "payload"), [({"x": "y" * MAX_HEAD}, b""), ({}, b"x" * (MAX_PAYLOAD + 1))]
)
def test_nothing_too_long_is_sent(head: dict[str, str], payload: bytes) -> None:
    with pytest.raises(ValueError, match="longer"):
        encode(Kind.CALL, 1, head, payload)
    json.dumps(head)
