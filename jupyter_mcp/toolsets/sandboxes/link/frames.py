"""The frames between the host and the agent in a sandbox.

A frame is a fixed header (kind, lane, number of the request, lengths), a JSON head and raw bytes.
Everything that arrives is a stranger's: lengths are looked at before anything is kept, JSON is
read strictly, and the first thing that is wrong ends the channel. `agent/resident.py` holds the
same numbers, because it can import nothing of ours.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

PROTOCOL = 1
"""Version of the frames; host and agent have to speak the same."""

MAX_HEAD = 1 << 20
MAX_PAYLOAD = 1 << 18
MAX_WORD = 1 << 14
"""Bytes of a head that only tells a number or a few words: many of them may wait to be read, and
JSON takes up to sixty times as much memory as its text."""
WINDOW = 1 << 18
"""Bytes of a stream that may be on their way before the receiver has taken some."""

_HEADER = struct.Struct("!BBIII")
_MAX_LANE = 1


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    CALL = 2
    ANSWER = 3
    FAILURE = 4
    EVENT = 5
    DATA = 6
    END = 7
    CREDIT = 8
    CANCEL = 9


_FROM_AGENT = frozenset(Kind) - {Kind.CALL, Kind.CANCEL}
_HEADS = {Kind.ANSWER: MAX_HEAD} | dict.fromkeys((Kind.HELLO, Kind.FAILURE, Kind.EVENT), MAX_WORD)


class BrokenFrameError(Exception):
    """The other side sent what no agent of ours sends."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Args:
        kind: What it is.
        number: The request that it belongs to; 0 for the hello.
        head: Its JSON; empty for kinds without.
        payload: Its bytes.
        lane: Which of the two outputs of a process: 0 stdout, 1 stderr.
    """

    kind: Kind
    number: int
    head: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""
    lane: int = 0

    @property
    def credit(self) -> int:
        """The bytes that a frame of credit allows.

        Raises:
            BrokenFrameError: When it allows none or too many.
        """
        count = int.from_bytes(self.payload, "big")
        if len(self.payload) != 4 or not 0 < count <= WINDOW:  # noqa: PLR2004 - a 32 bit number
            raise BrokenFrameError("credit out of range")
        return count


def credit_frame(number: int, count: int) -> bytes:
    """Return the frame that lets the other side send `count` bytes more."""
    return encode(Kind.CREDIT, number, payload=count.to_bytes(4, "big"))


def encode(
    kind: Kind, number: int, head: dict[str, Any] | None = None, payload: bytes = b"", lane: int = 0
) -> bytes:
    """Return the bytes of a frame.

    Raises:
        ValueError: When head or payload are longer than a frame may be.
    """
    text = b"" if head is None else json.dumps(head, separators=(",", ":")).encode()
    if len(text) > MAX_HEAD or len(payload) > MAX_PAYLOAD:
        raise ValueError("longer than a frame may be")
    return _HEADER.pack(kind, lane, number, len(text), len(payload)) + text + payload


class Decoder:
    """Turns the bytes of the agent into frames and never keeps more than one unfinished frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete now.

        Raises:
            BrokenFrameError: At the first thing that is wrong; the decoder is of no use then.
        """
        self._buffer += data
        start = 0
        try:
            while (found := self._frame_at(start)) is not None:
                frame, start = found
                yield frame
        finally:
            del self._buffer[:start]

    def _frame_at(self, start: int) -> tuple[Frame, int] | None:
        if len(self._buffer) - start < _HEADER.size:
            return None
        kind, lane, number, head, payload = _HEADER.unpack_from(self._buffer, start)
        if kind not in _FROM_AGENT or lane > _MAX_LANE:
            raise BrokenFrameError("unknown kind of frame")
        if head > _HEADS.get(kind, 0) or payload > MAX_PAYLOAD:
            raise BrokenFrameError("frame is too long")
        begin = start + _HEADER.size
        end = begin + head + payload
        if len(self._buffer) < end:
            return None
        fields = parse_json(bytes(self._buffer[begin : begin + head])) if head else {}
        if not isinstance(fields, dict):
            raise BrokenFrameError("head is no object")
        body = bytes(self._buffer[begin + head : end])
        return Frame(Kind(kind), number, fields, body, lane), end


def parse_json(text: bytes) -> Any:
    """Return the value of strict JSON, without NaN and infinite numbers.

    Raises:
        BrokenFrameError: When it is no such JSON, or nested without end.
    """
    try:
        return json.loads(text.decode(), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BrokenFrameError("no JSON") from error


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
