"""How a server wakes its worker: by a byte through a pipe in the state folder.

A worker that has nothing to do need then not look twenty times a second whether somebody has put
something into the queue. What is said by the bell is only that it is worth to look, so nothing is
lost with it: where there can be no such pipe, or its server is on another host, a worker looks as
often as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from pathlib import Path

FILE = "worker.bell"
MODE = 0o600


class Bell:
    """The bell of a state folder.

    Args:
        state: The folder.
    """

    def __init__(self, state: Path) -> None:
        self._file = state / FILE
        self._rung = asyncio.Event()
        self._pipe = -1

    @property
    def is_heard(self) -> bool:
        """Whether this process hears it."""
        return self._pipe >= 0

    def ring(self) -> bool:
        """Wake the worker; return whether there is one that hears it. It does not block."""
        try:
            pipe = os.open(self._file, os.O_WRONLY | os.O_NONBLOCK)
        except (OSError, AttributeError):  # nobody reads, nobody ever did, or this is Windows
            return False
        try:
            is_heard = stat.S_ISFIFO(os.fstat(pipe).st_mode)
            if is_heard:
                os.write(pipe, b"!")
        except BlockingIOError:  # it is full of rings that nobody heard yet
            return True
        except OSError:
            return False
        else:
            return is_heard
        finally:
            os.close(pipe)

    def listen(self) -> bool:
        """Hear it from now on, in the running event loop; return whether that can be."""
        if not hasattr(os, "mkfifo"):
            return False
        try:
            if not _is_pipe(self._file):
                self._file.unlink(missing_ok=True)
                os.mkfifo(self._file, MODE)
            # Who also writes keeps it open: without a writer it would seem to be read to its end.
            pipe = os.open(self._file, os.O_RDWR | os.O_NONBLOCK)
            asyncio.get_running_loop().add_reader(pipe, self._hear)
        except (OSError, NotImplementedError):  # a file system or a loop without such
            return False
        self._pipe = pipe
        return True

    async def wait(self, seconds: float) -> None:
        """Return when it is rung, at the latest after some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()

    def close(self) -> None:
        """Hear it no more."""
        if self._pipe >= 0:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._pipe, 4096)
        self._rung.set()


def _is_pipe(file: Path) -> bool:
    try:
        return stat.S_ISFIFO(file.lstat().st_mode)
    except FileNotFoundError:
        return False
