"""Small files that only the server's own account may read.

A file appears whole or not at all, and two processes that make the same one end up with the same
contents. It does not hold against code that runs under the same account: nothing does.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

MODE = 0o600


def read_or_create(file: Path, make: Callable[[], bytes]) -> bytes:
    """Return what is in `file`; where there is none, it is made with what `make` returns."""
    with contextlib.suppress(FileNotFoundError):
        return _read(file)
    draft = _draft(file, make())
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # another process was first: its contents count
    except OSError:  # a file system without hard links
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return _read(file)


def replace(file: Path, content: bytes) -> None:
    """Write `file` anew, in one step."""
    _draft(file, content).replace(file)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock of `file`, which other processes wait for; it ends with the process at last."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, MODE)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)  # which gives the lock back


def is_private(file: Path) -> bool:
    """Return whether only its owner can read the file; true where the system cannot tell."""
    return os.name == "nt" or not file.stat().st_mode & 0o077


def _read(file: Path) -> bytes:
    if not is_private(file):
        file.chmod(MODE)
    return file.read_bytes()


def _draft(file: Path, content: bytes) -> Path:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    return draft


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
