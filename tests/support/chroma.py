"""A real ``chroma run`` on a free port of 127.0.0.1, for tests; it can be killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Self

from support.server import wait_until

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


CHROMA = "import sys, chromadb_rust_bindings as c; c.cli(['chroma', *sys.argv[1:]])"
"""The command ``chroma`` without the import of all of Chroma, which it uses for ``update`` only."""


class ChromaServer:
    """One Chroma server of a test's own.

    Args:
        folder: A temporary folder for its data.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, on the port that it had, and return when it answers."""
        self._port = self._port or _free_port()
        command = [sys.executable, "-I", "-c", CHROMA, "run", "--path", str(self._folder / "data")]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        with (self._folder / "chroma.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        wait_until(self._answers, seconds=60, what="chroma answers", interval=0.02)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "chroma.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/heartbeat", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
