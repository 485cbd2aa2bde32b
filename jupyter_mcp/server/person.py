"""Proof that somebody sits at this machine under the server's own account.

The command line finds a running server by Jupyter's runtime file, and an agent's bridge finds it
the same way: the server's token does not tell them apart. So each server leaves a second file
beside the first, mode 0600, with a key that only our own commands read. Who shows it may approve
what an agent asks for. It does not hold against code that runs under the same account: nothing
does.
"""

from __future__ import annotations

import getpass
import hmac
import json
import os
import secrets
from functools import cached_property
from pathlib import Path

from jupyter_mcp.security import private_file
from jupyter_mcp.security.principal import Principal, fingerprint

PREFIX = "jmcp-person-"


class PersonKey:
    """The key of one server process.

    Args:
        folder: Jupyter's runtime folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"jupyter-mcp-{os.getpid()}.json"
        self._key = PREFIX + secrets.token_urlsafe(32)

    def write(self) -> None:
        """Leave the file for the commands of this account; without it they show the token."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            private_file.replace(self._file, json.dumps({"key": self._key}).encode())
        except OSError:
            return

    def remove(self) -> None:
        """Take the file away."""
        self._file.unlink(missing_ok=True)

    def matches(self, shown: str) -> bool:
        """Return whether `shown` is the key."""
        return hmac.compare_digest(shown.encode(), self._key.encode())

    @cached_property
    def principal(self) -> Principal:
        """Who shows the key."""
        return Principal(
            "person:local", _account(), credential=fingerprint(self._key), kind="person"
        )


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"
