"""Addresses that open one port of one sandbox, for browsers.

A page from a sandbox runs without an origin, so that it cannot act as the person whose browser
shows it; such a page has no cookies either. What brings its scripts, pictures and WebSockets in is
a key in the address, which the browser gets by a redirect after its login was checked. A key opens
one port for one principal, and ends when it is not used, with the access behind it, or when the
port is closed. It is held in memory only: after a restart the browser is sent for another one.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp.server.port_access import PortAccess

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.tokens.leases import Lease, Leases
    from jupyter_mcp.server.starter import Served

KEY_BYTES = 24
IDLE_SECONDS = 3600.0
"""After how many seconds without a request a key ends."""
MOST_SECONDS = 12 * 3600.0
"""After how many seconds it ends in any case; the next navigation gets another one."""
MOST_KEYS = 512


@dataclass(slots=True, eq=False)
class Grant:
    """What a key opens.

    Args:
        key: The key.
        principal: For whom.
        sandbox_id: Which sandbox.
        port: Which port inside.
        exposure: The exposure that it was made for; a later one of the same port is another.
        idle_ends: When it ends unless it is used, on the clock of `PortKeys`.
        ends: When it ends in any case.
        lease: Ends it with the access.
    """

    key: str
    principal: Principal
    sandbox_id: str
    port: int
    exposure: str
    idle_ends: float
    ends: float
    lease: Lease | None = None


class PortKeys:
    """All keys of one server.

    Args:
        clock: Returns seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._grants: dict[str, Grant] = {}
        self._access: PortAccess | None = None

    def access_to(self, served: Served) -> PortAccess:
        """Return who asks whether somebody may reach a port of the runtime; there is one."""
        if self._access is None:
            self._access = PortAccess(served)
        return self._access

    def __len__(self) -> int:
        return len(self._grants)

    def grant(
        self, leases: Leases, principal: Principal, sandbox_id: str, port: int, exposure: str
    ) -> str:
        """Return a key for a principal: the one that they have, or a new one."""
        self._forget_ended(leases)
        wanted = (principal, sandbox_id, port, exposure)
        for grant in self._grants.values():
            if (grant.principal, grant.sandbox_id, grant.port, grant.exposure) == wanted:
                grant.idle_ends = self._clock() + IDLE_SECONDS
                return grant.key
        while len(self._grants) >= MOST_KEYS:
            self._drop(leases, next(iter(self._grants)))
        now, key = self._clock(), secrets.token_urlsafe(KEY_BYTES)
        name = _name(key)
        grant = Grant(key, *wanted, now + IDLE_SECONDS, now + MOST_SECONDS)
        grant.lease = leases.take(principal, lambda _why: self._grants.pop(name, None))
        self._grants[name] = grant
        return key

    def find(self, key: str, sandbox_id: str, port: int) -> Grant | None:
        """Return what a key opens, if it is this port; its time begins anew.

        It is looked up by a hash, so that the time which that takes tells nothing of other keys.
        """
        grant, now = self._grants.get(_name(key)), self._clock()
        if grant is None or (grant.sandbox_id, grant.port) != (sandbox_id, port):
            return None
        if now >= min(grant.idle_ends, grant.ends):
            return None
        grant.idle_ends = now + IDLE_SECONDS
        return grant

    def _forget_ended(self, leases: Leases) -> None:
        now = self._clock()
        for name, grant in list(self._grants.items()):
            if now >= min(grant.idle_ends, grant.ends):
                self._drop(leases, name)

    def _drop(self, leases: Leases, name: str) -> None:
        grant = self._grants.pop(name)
        if grant.lease is not None:
            leases.give_back(grant.lease)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
