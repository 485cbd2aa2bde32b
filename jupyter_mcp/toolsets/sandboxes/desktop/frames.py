"""Answers of the program inside, cut out of its stdout.

What runs inside is hostile: an answer is a line of JSON of limited length and a limited number of
bytes, and anything else ends the conversation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

LONGEST_HEAD = 512 * 1024
MOST_BYTES = 16 * 1024 * 1024


class BrokenFrameError(ValueError):
    """The other side does not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Args:
        number: Of the request.
        told: The JSON object.
        data: The bytes that came with it.
    """

    number: int
    told: dict[str, Any]
    data: bytes


class Frames:
    """Collects bytes until answers are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[int, int, dict[str, Any]] | None = None

    def feed(self, data: bytes) -> list[Answer]:
        """Return the answers that are complete now.

        Raises:
            BrokenFrameError: For what is no answer; nothing after it counts.
        """
        self._buffer += data
        answers = []
        while (answer := self._next()) is not None:
            answers.append(answer)
        return answers

    def _next(self) -> Answer | None:
        if self._head is None:
            end = self._buffer.find(b"\n", 0, LONGEST_HEAD)
            if end < 0:
                if len(self._buffer) >= LONGEST_HEAD:
                    raise BrokenFrameError("a line without an end")
                return None
            self._head = _head(bytes(self._buffer[:end]))
            del self._buffer[: end + 1]
        number, size, told = self._head
        if len(self._buffer) < size:
            return None
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._head = None
        return Answer(number, told, data)


def _head(line: bytes) -> tuple[int, int, dict[str, Any]]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenFrameError("no JSON") from error
    if not isinstance(told, dict):
        raise BrokenFrameError("no object")
    number, size = told.pop("id", None), told.pop("bytes", None)
    for value in (number, size):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BrokenFrameError("no number")
    if size > MOST_BYTES:
        raise BrokenFrameError("too many bytes")
    return number, size, told
