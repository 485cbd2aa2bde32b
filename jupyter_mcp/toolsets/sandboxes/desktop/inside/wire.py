"""Requests come as lines of JSON, answers go as a line of JSON and as many bytes as it tells.

Only what answers may write to stdout, so its descriptor is taken away from everything else.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

LONGEST_LINE = 65536


class Refusal(Exception):  # noqa: N818 - it is an answer, not an accident
    """A failure that the host tells its caller."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "remedy": remedy}


class Wire:
    """This program's end."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._turn = threading.Lock()

    def requests(self) -> Iterator[dict[str, Any]]:
        """Yield what the host asks for, until it lets go."""
        while line := sys.stdin.buffer.readline(LONGEST_LINE):
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)

    def answer(self, number: int, answer: dict[str, Any], data: bytes = b"") -> None:
        """Send an answer."""
        head = json.dumps({**answer, "id": number, "bytes": len(data)}).encode() + b"\n"
        with self._turn:
            self._out.write(head)
            self._out.write(data)
            self._out.flush()
