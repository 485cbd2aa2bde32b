"""Where the values of secrets lie: the system's keyring, or an encrypted file.

Blocking throughout: commands use it as it is, the server through `security.secrets`. The list of
names is always in the file, with the place of each value: a server without a desktop session then
says that a value lies in a keyring it cannot reach, rather than that there is none.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Hashable
from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.secrets.file import SecretFile, SecretName
from jupyter_mcp.security.secrets.system_keyring import SecretKeyring

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
"""What a secret may be called."""

VALUE_LIMIT = 64 * 1024
"""The most characters of a value."""


class Vault:
    """The secrets of one account.

    Args:
        folder: Where the file lies.
        store: Where values go: ``auto``, ``keyring`` or ``file``.
        keyring: The keyring; the system's by default.
        clock: Tells the time.
    """

    def __init__(
        self,
        folder: Path,
        store: str = "auto",
        keyring: SecretKeyring | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        self._file = SecretFile(folder, clock)
        self._store = store
        self._keyring = keyring or SecretKeyring(f"jupyter_mcp {digest}")

    def stamp(self) -> Hashable:
        """Return what changes whenever a secret was set or deleted."""
        return self._file.stamp()

    def names(self) -> tuple[SecretName, ...]:
        """Return all names, sorted."""
        return tuple(self._file.names().values())

    def get(self, name: str) -> str:
        """Return a value.

        Raises:
            ToolError: ``not_found`` for an unknown name, ``unavailable`` when the value cannot be
                reached.
        """
        found = self._file.names().get(name)
        if found is None:
            raise unknown(name)
        if found.store == "file":
            return self._file.get(name)
        value = self._keyring.get(name) if self._keyring.usable() else None
        if value is None:
            raise ToolError(
                "unavailable",
                f"The secret '{name}' lies in the system's keyring, which has no answer here.",
                "Unlock the keyring, or set the secret again with secret_store='file'.",
            )
        return value

    def set(self, name: str, value: str) -> SecretName:
        """Keep a value in the place that the settings say.

        Raises:
            ToolError: ``invalid_arguments`` for a name or value that cannot be.
        """
        _check(name, value)
        before = self._file.names().get(name)
        if self._in_keyring():
            self._keyring.put(name, value)
            return self._file.put(name, None)
        kept = self._file.put(name, value)
        if before is not None and before.store == "keyring" and self._keyring.usable():
            self._keyring.delete(name)
        return kept

    def delete(self, name: str) -> None:
        """Forget a secret.

        Raises:
            ToolError: ``not_found`` for an unknown name.
        """
        found = self._file.names().get(name)
        if found is None:
            raise unknown(name)
        if found.store == "keyring" and self._keyring.usable():
            self._keyring.delete(name)
        self._file.delete(name)

    def _in_keyring(self) -> bool:
        if self._store == "file":
            return False
        usable = self._keyring.usable()
        if self._store == "keyring" and not usable:
            raise ToolError(
                "unavailable",
                "There is no keyring here that keeps secrets.",
                "Install jupyter-mcp-workbench[keyring] and unlock it, or use the file store.",
            )
        return usable


def unknown(name: str) -> ToolError:
    """Return the error of a name that is not there."""
    return ToolError(
        "not_found",
        f"There is no secret '{name[:128]}'.",
        "Set it with 'jupyter mcp secret set NAME'; 'jupyter mcp secret list' says which are.",
    )


def _check(name: str, value: str) -> None:
    if not NAME.fullmatch(name):
        raise ToolError(
            "invalid_arguments",
            "That cannot be the name of a secret.",
            "Use letters, digits, '_', '.' and '-', a letter or '_' first, at most 128 in all.",
        )
    if not value or len(value) > VALUE_LIMIT:
        raise ToolError(
            "invalid_arguments",
            f"The value of '{name}' is {'too long' if value else 'empty'}.",
            f"Give between 1 and {VALUE_LIMIT} characters.",
        )
