"""The key by which the worker of workflows asks its server for tokens.

It lies in the state folder, mode 0600, and is shown to that server alone. A worker on another host
gets a copy from whoever looks after both. Taking the file away makes a new one, and the old one is
good for nothing from then on.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from jupyter_mcp.security import private_file

FILE = "worker.key"
PREFIX = "jmcp-worker-"


class WorkerKey:
    """The key of a state folder.

    Args:
        state: The folder.
    """

    def __init__(self, state: Path) -> None:
        self._file = state / FILE

    def prepare(self) -> str:
        """Return the key, made if there is none."""
        return private_file.read_or_create(self._file, _new).decode().strip()

    def matches(self, shown: str) -> bool:
        """Return whether `shown` is the key; nothing is where there is none."""
        try:
            key = self._file.read_bytes().strip()
        except OSError:
            return False
        return len(key) > len(PREFIX) and hmac.compare_digest(shown.encode(), key)


def read(file: Path) -> str:
    """Return the key in a file; empty where there is none.

    Raises:
        ValueError: When the file is no key.
    """
    try:
        key = file.read_text().strip()
    except FileNotFoundError:
        return ""
    if not key.startswith(PREFIX):
        raise ValueError(f"{file.name} holds no key of a worker.")
    return key


def _new() -> bytes:
    return f"{PREFIX}{secrets.token_urlsafe(32)}".encode()
