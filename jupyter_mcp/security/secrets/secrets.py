"""Secrets of the account, and what stands for them in configuration: ``${secret:NAME}``.

Only configuration is resolved, by the code that uses it: a tool's arguments never are, or an agent
could print a secret by writing its reference. No tool returns a value.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.secrets.file import SecretName
from jupyter_mcp.security.secrets.vault import NAME, Vault
from jupyter_mcp.storage.background import Threads

J = TypeVar("J")

SECONDS = 1.0
"""How often is looked whether somebody set a secret."""

REFERENCE = re.compile(r"(\$?)\$\{secret:([^{}]*)\}")
"""A reference; with a second ``$`` before it, the text itself."""

_log = logging.getLogger(__name__)


class Secrets:
    """The account's secrets, as the server uses them.

    Args:
        vault: Where they lie.
        threads: Where blocking work runs.
        learn: Told every value of the account, so that it can be redacted.
    """

    def __init__(self, vault: Vault, threads: Threads, learn: Callable[[str], None]) -> None:
        self._vault = vault
        self._threads = threads
        self._learn = learn
        self._values: dict[str, str] = {}
        self._stamp: object = None
        self._learnt: object = None

    async def learn(self) -> None:
        """Have all values redacted, also those that nothing has used yet: a cell can print them."""
        await self._threads.run(self._learn_all)

    async def watch(self) -> None:
        """Learn what is set from now on, by whatever process of the account, until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            await self.learn()

    async def names(self) -> tuple[SecretName, ...]:
        """Return all names with the place and time of their values."""
        return await self._threads.run(self._vault.names)

    async def get(self, name: str) -> str:
        """Return a value, for the code that needs it and nobody else.

        Raises:
            ToolError: ``not_found`` for an unknown name.
        """
        return (await self._threads.run(self._load, frozenset({name})))[name]

    async def set(self, name: str, value: str) -> SecretName:
        """Keep a value."""
        self._learn(value)
        return await self._threads.run(self._vault.set, name, value)

    async def delete(self, name: str) -> None:
        """Forget a secret; its value stays redacted in this process."""
        await self._threads.run(self._vault.delete, name)

    async def resolve(self, value: J) -> J:
        """Return `value` with every reference in its strings replaced by the secret.

        For configuration that a toolset got from its administrator, never for what a caller sent.
        Strings at any depth of lists and dictionaries are resolved, keys are not. What a secret
        holds is not looked at again, and ``$${secret:NAME}`` gives ``${secret:NAME}``.

        Raises:
            ToolError: ``not_found`` for an unknown name, with how to set it.
        """
        names = frozenset(references(value))
        values = await self._threads.run(self._load, names) if names else {}
        resolved: J = _replaced(value, values)
        return resolved

    def _learn_all(self) -> None:
        stamp = self._vault.stamp()
        if stamp == self._learnt:
            return
        self._learnt = stamp
        try:
            for each in self._vault.names():
                self._learn_one(each.name)
        except (ToolError, OSError) as error:
            _log.warning("Secrets cannot be redacted: %s", error)

    def _learn_one(self, name: str) -> None:
        try:
            self._learn(self._vault.get(name))
        except ToolError as error:
            _log.warning("The secret '%s' cannot be redacted: %s", name, error)

    def _load(self, names: frozenset[str]) -> dict[str, str]:
        stamp = self._vault.stamp()
        if stamp != self._stamp:
            self._values, self._stamp = {}, stamp
        known = self._values
        for name in sorted(names - known.keys()):
            known[name] = self._vault.get(name)
            self._learn(known[name])
        return {name: known[name] for name in names}


def references(value: Any) -> set[str]:
    """Return the names that the strings in `value` refer to.

    Raises:
        ToolError: ``invalid_arguments`` for a reference to what cannot be a name.
    """
    if isinstance(value, str):
        found = {name for escaped, name in REFERENCE.findall(value) if not escaped}
        for name in found:
            if not NAME.fullmatch(name):
                raise ToolError(
                    "invalid_arguments",
                    f"'${{secret:{name[:60]}}}' refers to what cannot be the name of a secret.",
                    "Write ${secret:NAME}, or $${secret:…} for the text itself.",
                )
        return found
    if isinstance(value, Mapping):
        return set().union(*map(references, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(references, value))
    return set()


def _replaced(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _one(found, values), value)
    if isinstance(value, Mapping):
        return {key: _replaced(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(item, values) for item in value)
    return value


def _one(found: re.Match[str], values: Mapping[str, str]) -> str:
    escaped, name = found.groups()
    return found.group()[1:] if escaped else values[name]
