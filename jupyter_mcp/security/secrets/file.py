"""An encrypted file of secrets, and the list of all names wherever their values lie.

Each value is encrypted by itself together with its name (Fernet), so that values cannot be swapped
in the file; the key lies beside it, mode 0600. That keeps secrets out of backups, search and
shoulder views of the file; it does not hold against code that runs under the same account.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.secrets.folder import SecretFolder

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

Place = Literal["file", "keyring"]

FILE = "secrets.json"
KEY = "key"


@dataclass(frozen=True, slots=True)
class SecretName:
    """That there is a secret; never what it is.

    Args:
        name: Its name.
        store: Where its value lies.
        at: Unix time at which it was set.
    """

    name: str
    store: Place
    at: float


class SecretFile:
    """The file and its key.

    Args:
        folder: Where they lie; made when something is written.
        clock: Tells the time.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = SecretFolder(folder)
        self._clock = clock

    def stamp(self) -> Hashable:
        """Return what changes whenever another process has written."""
        return self._folder.stamp(FILE)

    def names(self) -> dict[str, SecretName]:
        """Return all names with the place of their values."""
        return {
            name: SecretName(name, entry["store"], entry["at"])
            for name, entry in sorted(self._read().items())
        }

    def get(self, name: str) -> str:
        """Return the value of a secret that lies here.

        Raises:
            ToolError: ``unavailable`` when the key does not fit.
        """
        from cryptography.fernet import InvalidToken

        try:
            opened = json.loads(self._cipher().decrypt(self._read()[name]["value"].encode()))
        except (InvalidToken, KeyError):
            opened = {}
        if opened.get("name") != name:
            raise ToolError(
                "unavailable",
                f"The secret '{name}' cannot be decrypted with the key beside it.",
                f"Set it again: jupyter mcp secret set {name}",
            )
        return str(opened["value"])

    def put(self, name: str, value: str | None) -> SecretName:
        """Keep a value; None when the keyring has it and only the name is kept here."""
        entry: dict[str, Any] = {"store": "keyring", "at": self._clock()}
        with self._folder.locked():
            if value is not None:
                sealed = json.dumps({"name": name, "value": value}).encode()
                token = self._cipher(make=True).encrypt(sealed).decode()
                entry |= {"store": "file", "value": token}
            self._write(self._read() | {name: entry})
        return SecretName(name, entry["store"], entry["at"])

    def delete(self, name: str) -> None:
        """Forget a name and its value."""
        with self._folder.locked():
            kept = self._read()
            kept.pop(name, None)
            self._write(kept)

    def _cipher(self, *, make: bool = False) -> Fernet:
        from cryptography.fernet import Fernet

        key = self._folder.read(KEY)
        if key is None and make:
            key = Fernet.generate_key()
            self._folder.write(KEY, key)
        try:
            return Fernet(key or b"")
        except ValueError:
            raise ToolError(
                "unavailable",
                f"The key of the secrets, '{self._folder.path / KEY}', is not there or is damaged.",
                "Put it back from a copy, or delete that file and set the secrets again.",
            ) from None

    def _read(self) -> dict[str, dict[str, Any]]:
        content = self._folder.read(FILE)
        if content is None:
            return {}
        try:
            return dict(json.loads(content)["secrets"])
        except (ValueError, KeyError, TypeError):
            raise ToolError(
                "unavailable",
                f"'{self._folder.path / FILE}' is damaged.",
                "Put it back from a copy, or delete it and set the secrets again.",
            ) from None

    def _write(self, entries: dict[str, dict[str, Any]]) -> None:
        content = json.dumps({"version": 1, "secrets": entries}, indent=1, sort_keys=True)
        self._folder.write(FILE, content.encode())
