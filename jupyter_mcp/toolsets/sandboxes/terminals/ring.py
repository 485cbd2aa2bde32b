"""The last bytes of a stream, for any number of readers who each know how far they are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

RING_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """What a reader gets.

    Args:
        data: The bytes.
        offset: Where they begin in the whole stream.
        dropped: How many bytes before them the reader has missed for good.
    """

    data: bytes
    offset: int
    dropped: int


class Ring:
    """Keeps the end of a stream.

    Args:
        size: Bytes that are kept.
    """

    def __init__(self, size: int = RING_BYTES) -> None:
        self._size = size
        self._kept = bytearray()
        self._start = 0
        self._changed = asyncio.Event()
        self.is_ended = False
        """Whether nothing follows."""

    @property
    def start(self) -> int:
        """The offset of the first byte that is kept."""
        return self._start

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self._start + len(self._kept)

    def append(self, data: bytes) -> None:
        """Take more; the oldest bytes leave."""
        self._kept += data
        too_much = len(self._kept) - self._size
        if too_much > 0:
            del self._kept[:too_much]
            self._start += too_much
        self._wake()

    def finish(self) -> None:
        """Say that nothing follows."""
        self.is_ended = True
        self._wake()

    def read(self, offset: int, limit: int) -> Piece:
        """Return at most `limit` bytes from `offset` on; from the end when it lies beyond that."""
        begin = min(max(offset, self._start), self.end)
        at = begin - self._start
        data = bytes(self._kept[at : at + limit])
        return Piece(data, begin, max(0, self._start - offset))

    @property
    def change(self) -> asyncio.Event:
        """Set when there is more, or the end. Take it before looking: then nothing is missed."""
        return self._changed

    def _wake(self) -> None:
        """Wake all who wait now; who comes later waits for the next change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
