"""A real redis-server on a Unix socket in a temporary folder, for tests; it can be killed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

import pytest

from support.server import wait_until

MISSING = "redis-server is not installed (scripts/install_services)"


class RedisServer:
    """One redis-server of a test's own.

    Args:
        folder: A temporary folder; the path of the socket must be short (108 bytes).
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None and os.environ.get("CI") != "true":
            pytest.skip(MISSING)
        assert program is not None, MISSING
        self._program = program
        self._folder = folder
        self._socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of it."""
        return f"unix://{self._socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and return when it answers."""
        command = [self._program, "--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        wait_until(self._answers, seconds=30, what="redis-server answers", interval=0.02)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def command(self, *words: str) -> str:
        """Send a command and return the answer as Redis writes it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self._socket))
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(65536).decode()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "redis.log").read_text()
        try:
            return self.command("PING").startswith("+PONG")
        except OSError:
            return False
