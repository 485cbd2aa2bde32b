"""How many sandboxes somebody may have, and under which names: decided before one is made.

In one process a count is enough, as nothing awaits between looking and taking. Between servers a
slot of the shared store is taken with `set_if_absent`, of which each principal has as many as they
may have sandboxes. A slot lasts only as long as making a sandbox may take until it is settled, so
that a server that was killed meanwhile holds none. While the store cannot be reached the count of
this process has to do.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.sessions.store import MARGIN_SECONDS, SPACE, Store

MAKING_SECONDS = 180.0
"""How long a slot is kept for a sandbox that is being made."""

_NEW = b"new:"


@dataclass(frozen=True, slots=True)
class Live:
    """Somebody's sandboxes that there are.

    Args:
        now: Returns them with their names, as they are known now.
        refresh: Looks at the engines again.
    """

    now: Callable[[], Mapping[str, str]]
    refresh: Callable[[], Awaitable[object]]


class Quota:
    """The slots and names of all principals.

    Args:
        store: Returns the store.
        limit: How many sandboxes one principal may have.
    """

    def __init__(self, store: Callable[[], Store], limit: int) -> None:
        self._store = store
        self._limit = limit
        self._making: Counter[str] = Counter()
        self._naming: set[tuple[str, str]] = set()
        self._held: dict[str, list[str]] = {}

    @asynccontextmanager
    async def reserved(
        self, owner: str, sandbox_id: str, name: str, live: Live
    ) -> AsyncIterator[None]:
        """Hold a place while a sandbox is made; it is kept unless making fails, see `settle`.

        Args:
            owner: Whose it will be.
            sandbox_id: Its identifier.
            name: What the owner calls it; empty for none.
            live: The owner's sandboxes that there are.

        Raises:
            ToolError: ``limit_reached``, or ``conflict`` for a name in use.
        """
        if self._reason_against(owner, name, live):
            await live.refresh()  # another server may have destroyed some
        if error := self._reason_against(owner, name, live):
            raise error
        self._making[owner] += 1
        self._naming.add((owner, name))
        try:
            with _while_reached():
                await self._take(owner, sandbox_id, name, live)
            yield
        except BaseException:
            await self.release(owner, sandbox_id, name)
            raise
        finally:
            self._making[owner] -= 1
            self._naming.discard((owner, name))

    async def settle(self, sandbox_id: str) -> None:
        """Keep the slot and the name of a sandbox that was made for as long as there is one."""
        with _while_reached():
            for key in self._held.get(sandbox_id, ()):
                await self._store().set(SPACE, key, sandbox_id.encode(), MARGIN_SECONDS)

    async def release(self, owner: str, sandbox_id: str, name: str) -> None:
        """Give back the slot and the name of a sandbox that is no more."""
        keys = self._held.pop(sandbox_id, None)
        if keys is None:  # another server took them
            keys = [*self._slots(owner), *([_name_key(owner, name)] if name else [])]
        with _while_reached():
            for key in keys:
                for value in (sandbox_id.encode(), _NEW + sandbox_id.encode()):
                    await self._store().delete(SPACE, key, value)

    async def restore(self, owner: str, sandbox_id: str, name: str) -> None:
        """Take a slot and the name again for a sandbox that the store forgot."""
        store, value = self._store(), sandbox_id.encode()
        with _while_reached():
            if name:
                await store.set_if_absent(SPACE, _name_key(owner, name), value, MARGIN_SECONDS)
            for slot in self._slots(owner):
                if await store.get(SPACE, slot) == value:
                    return
            for slot in self._slots(owner):
                if await store.set_if_absent(SPACE, slot, value, MARGIN_SECONDS):
                    return

    def _reason_against(self, owner: str, name: str, live: Live) -> ToolError | None:
        if len(live.now()) + self._making[owner] >= self._limit:
            return self._too_many()
        if name and (name in live.now().values() or (owner, name) in self._naming):
            return _taken(name)
        return None

    async def _take(self, owner: str, sandbox_id: str, name: str, live: Live) -> None:
        value = _NEW + sandbox_id.encode()
        held = self._held[sandbox_id] = []
        if name and not await self._claim([_name_key(owner, name)], value, live, held):
            raise _taken(name)
        slots = self._slots(owner)
        first = len(live.now()) + self._making[owner] - 1  # fits at once while there are no holes
        if not await self._claim(slots[first:] + slots[:first], value, live, held):
            raise self._too_many()

    async def _claim(self, keys: Sequence[str], value: bytes, live: Live, held: list[str]) -> bool:
        """Take the first key that is free, else one whose sandbox is no more."""
        store = self._store()
        for key in keys:
            if await self._set(key, value, held):
                return True
        # Whoever holds a key now has a sandbox already, which a look after this one finds.
        holders = {key: await store.get(SPACE, key) for key in keys}
        await live.refresh()
        for key, holder in holders.items():
            if holder is not None and (holder.startswith(_NEW) or holder.decode() in live.now()):
                continue
            if holder is not None:
                await store.delete(SPACE, key, holder)
            if await self._set(key, value, held):
                return True
        return False

    async def _set(self, key: str, value: bytes, held: list[str]) -> bool:
        """Take a key if it is free; who is cancelled meanwhile may have it, and gives it back."""
        held.append(key)
        if await self._store().set_if_absent(SPACE, key, value, MAKING_SECONDS):
            return True
        held.remove(key)
        return False

    def _slots(self, owner: str) -> list[str]:
        return [f"slot:{_digest(owner)}:{number}" for number in range(self._limit)]

    def _too_many(self) -> ToolError:
        return ToolError(
            "limit_reached",
            f"All {self._limit} sandboxes that you may have are taken.",
            "Destroy one that is not needed (sandbox_list, sandbox_destroy), or have "
            "c.JupyterMCP.sandbox_limit raised.",
        )


def _taken(name: str) -> ToolError:
    return ToolError(
        "conflict",
        f"You have a sandbox with the name '{name}' already.",
        "Use that one, or choose another name.",
    )


def _name_key(owner: str, name: str) -> str:
    return f"name:{_digest(owner)}:{name}"


def _digest(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()[:16]


@contextmanager
def _while_reached() -> Iterator[None]:
    """Go on without the store when it cannot be reached."""
    try:
        yield
    except ToolError as error:
        if error.code != "unavailable":
            raise
