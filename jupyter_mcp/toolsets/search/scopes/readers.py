"""The processes that read the documentation of packages, each a package at a time.

Parsing is most of the work, so several share it; see `docstrings` for what one of them does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

from jupyter_mcp.toolsets.search.scopes.distributions import Distribution

MOST = 6_000
"""Pieces of documentation of one package."""

MOST_INDIRECT = 1_500
"""The same of a package that only another one wanted."""

MOST_PROCESSES = 4

_PROGRAM = str(Path(__file__).with_name("docstrings.py"))


class Reader:
    """One process, started when it has something to do. Not for several threads at once."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def read(self, each: Distribution) -> list[Any]:
        """Return what is documented in each file; nothing where the process does not survive it."""
        asked = {
            "folder": str(each.folder),
            "files": each.modules(),
            "sources": each.sources(),
            "most": MOST if each.is_direct else MOST_INDIRECT,
        }
        process = self._started()
        if process is None or process.stdin is None or process.stdout is None:
            return []
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            if line := process.stdout.readline():
                found: list[Any] = json.loads(line)
                return found
        except (OSError, ValueError):  # it is ended meanwhile
            pass
        self._forget()
        return []

    def end(self) -> None:
        """End the process, for good; whoever waits for it gets nothing. From any thread."""
        self._is_over = True
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """Let go of what is left of it, when nobody reads any more."""
        self.end()
        self._forget()

    def _started(self) -> subprocess.Popen[bytes] | None:
        if self._process is None and not self._is_over:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", "-W", "ignore", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            if self._is_over:  # since it was asked
                self._process.kill()
        return self._process

    def _forget(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


class Readers:
    """As many of them as there are CPUs, at most four; a context, at whose end all are gone."""

    def __init__(self) -> None:
        self.count = min(MOST_PROCESSES, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(self.count, "jupyter-mcp-search-docs")
        self._readers = [Reader() for _ in range(self.count)]
        self._free: SimpleQueue[Reader] = SimpleQueue()
        for each in self._readers:
            self._free.put(each)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for each in self._readers:
            each.end()
        self._threads.shutdown()
        for each in self._readers:
            each.close()

    def begin(self, each: Distribution) -> Future[list[Any]]:
        """Read a package as soon as a process is free."""
        return self._threads.submit(self._read, each)

    def _read(self, each: Distribution) -> list[Any]:
        reader = self._free.get()
        try:
            return reader.read(each)
        finally:
            self._free.put(reader)
