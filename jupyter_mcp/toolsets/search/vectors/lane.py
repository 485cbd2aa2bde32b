"""A way for messages between the server and the process that keeps its vectors."""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">Q")


class Lane:
    """One end of a connection; one thread at a time uses it.

    Args:
        connection: The end. Who has the other one runs our own code as the same user: messages
            are pickles, in which arrays of numbers are their raw bytes.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, message: object) -> None:
        """Send a message.

        Raises:
            OSError: Nobody is at the other end.
        """
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        # In one piece: the other side would be woken for the length alone.
        self._connection.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self) -> Any:
        """Return the next message.

        Raises:
            EOFError: Nobody is at the other end.
            OSError: It was ended here.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return pickle.loads(self._read(length))  # noqa: S301 - from our own code

    def ask(self, message: object, seconds: float | None) -> Any:
        """Send a message and return the next one that comes.

        Raises:
            TimeoutError: It does not come in time.
            EOFError: Nobody is at the other end.
            OSError: It was ended here.
        """
        self._connection.settimeout(seconds)
        self.send(message)
        return self.receive()

    def end(self) -> None:
        """End it for both sides; who waits here stops waiting."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other side was quicker
            return

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        with memoryview(data) as left:
            at = 0
            while at < length:
                count = self._connection.recv_into(left[at:])
                if not count:
                    raise EOFError
                at += count
        return data
