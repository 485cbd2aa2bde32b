"""The stop button: whether agents may act, all of them or one, at once and across a restart.

Looked up in memory for each call, written through to the database. Whoever may edit may stop;
only an administrator lets go again, so a stopped agent cannot free itself or another. A target is
``*``, a principal such as ``user:ann``, a token such as ``token:…``, or ``client:NAME`` for
whatever client names itself so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.visible import visible
from jupyter_mcp.storage.faults import remembering

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.storage import Storage

Mode = Literal["paused", "read_only"]
MODES: tuple[Mode, ...] = ("paused", "read_only")

EVERYBODY = "*"
CLIENT = "client:"

TARGET_LIMIT = 200
"""The most characters of a target."""

STOPS_LIMIT = 200
"""How many targets may be stopped by those who cannot let them go on: each is written down."""

_PREFIXES = ("user:", "token:", "person:", CLIENT)
_STRENGTH = {"read_only": 1, "paused": 2}


class Acting(Protocol):
    """A call or a job: who acts, through which client."""

    @property
    def principal(self) -> Any:
        """Who acts."""
        ...

    @property
    def client(self) -> str:
        """The client's own name and version."""
        ...


@dataclass(frozen=True, slots=True)
class Stop:
    """A target that is stopped.

    Args:
        target: Who.
        mode: ``paused`` for nothing at all, ``read_only`` for nothing that writes.
        by: The name of who said so.
        at: Unix time when.
        reason: Why, as they said.
    """

    target: str
    mode: Mode
    by: str
    at: float
    reason: str = ""

    def concerns(self, acting: Acting) -> bool:
        """Return whether this is about an agent's call or job; it is never about a person's."""
        return acting.principal.kind != "person" and self.target in targets_of(
            acting.principal, acting.client
        )


Stopper = Callable[[Stop], int]
"""Ends what a stop concerns and runs now; returns how much that was."""


class Switch:
    """All stops of one server.

    Args:
        storage: Where they lie.
        decides: Says whether a principal may let agents go on.
        clock: Returns the Unix time.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        decides: Callable[[Principal], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._storage = storage
        self._decides = decides
        self._clock = clock
        self._stops: dict[str, Stop] = {}
        self.stoppers: list[Stopper] = []
        """Who ends what runs when somebody is stopped."""

    async def start(self) -> None:
        """Read what was decided before."""
        nothing: list[Stop] = []
        stops = await self._storage.read(_read, nothing, "switches")
        self._stops = {stop.target: stop for stop in stops}

    @property
    def stops(self) -> list[Stop]:
        """Every stop, the latest first."""
        return sorted(self._stops.values(), key=lambda stop: stop.at, reverse=True)

    def find(self, principal: Principal, client: str) -> Stop | None:
        """Return what stops this agent, the strictest where there are several."""
        if not self._stops or principal.kind == "person":
            return None
        found = (self._stops.get(target) for target in targets_of(principal, client))
        return max(
            (stop for stop in found if stop is not None),
            key=lambda stop: _STRENGTH[stop.mode],
            default=None,
        )

    async def stop(
        self,
        target: str,
        mode: Mode,
        by: Principal,
        *,
        reason: str = "",
        keep_running: bool = False,
    ) -> tuple[Stop, int]:
        """Stop a target at once; return what holds now and how much was ended.

        Who stopped it first stands, unless this is stricter or an administrator's word.

        Raises:
            ToolError: ``forbidden`` to loosen a stop for somebody who may not, ``unavailable`` when
            too many are stopped by name already.
        """
        target = named(target)
        before = self._stops.get(target)
        is_looser = before is not None and _STRENGTH[mode] < _STRENGTH[before.mode]
        if is_looser:
            self._check_decides(by)
        if before is None and target != EVERYBODY:
            self._check_room(by)
        if before is not None and before.mode == mode and not self._decides(by):
            now = before
        else:
            now = Stop(target, mode, by.name, self._clock(), visible(reason))
        self._stops[target] = now
        ended = 0 if keep_running else sum(stopper(now) for stopper in self.stoppers)
        if now is not before:
            with remembering(f"'{target}' is stopped"):
                await self._storage.run(_writing(now))
        return now, ended

    async def resume(self, target: str, by: Principal) -> list[Stop]:
        """Let a target go on, or everybody with ``*``; return the stops that were taken away.

        Raises:
            ToolError: ``forbidden`` for somebody who may not, ``not_found`` when nothing stops it.
        """
        self._check_decides(by)
        target = named(target)
        ended = self.stops if target == EVERYBODY else [s for s in self.stops if s.target == target]
        if not ended and target != EVERYBODY:
            raise ToolError(
                "not_found",
                f"Nothing stops '{target}' by name.",
                "See what is stopped: jupyter mcp agents.",
            )
        for stop in ended:
            del self._stops[stop.target]
        if ended:
            await self._storage.run(_deleting([stop.target for stop in ended]))
        return ended

    def _check_room(self, by: Principal) -> None:
        if len(self._stops) >= STOPS_LIMIT and not self._decides(by):
            raise ToolError(
                "unavailable",
                f"{STOPS_LIMIT} agents are stopped by name already.",
                "Stop all of them: target '*'.",
            )

    def _check_decides(self, by: Principal) -> None:
        if not self._decides(by):
            raise ToolError(
                "forbidden",
                f"'{by.name}' may not let agents go on.",
                "Use the panel of a logged-in browser, or at the server's machine: "
                "jupyter mcp resume.",
            )


def targets_of(principal: Principal, client: str) -> list[str]:
    """Return all names under which this agent can be stopped."""
    targets = [EVERYBODY]
    for holder in principal.lineage():  # a token that a token made is its maker's too
        targets.append(holder.id)
        if holder.token:
            targets.append(f"token:{holder.token}")
    if client:
        whole = CLIENT + client.lower()
        targets += [whole, whole.rpartition(" ")[0]]  # clients add their version
    return targets


def named(target: str) -> str:
    """Return a target in its full form: a bare name is a client's.

    Raises:
        ToolError: ``invalid_arguments`` for one that is empty, too long or not to be seen.
    """
    text = " ".join(target.split())
    if not text or len(text) > TARGET_LIMIT or not text.isprintable():
        raise ToolError("invalid_arguments", "Say who: '*', a client's name, or an identifier.")
    if text.lower().startswith(CLIENT):
        return text.lower()
    is_full = text == EVERYBODY or text.startswith(_PREFIXES)
    return text if is_full else CLIENT + text.lower()


def _read(connection: Any) -> list[Stop]:
    from jupyter_mcp.storage.tables import switches

    rows = connection.execute(switches.select().where(switches.c.mode.in_(MODES))).mappings()
    return [
        Stop(row["target"], row["mode"], row["by"], row["at"], row["reason"] or "") for row in rows
    ]


def _writing(stop: Stop) -> Callable[[Any], None]:
    def write(connection: Any) -> None:
        from jupyter_mcp.storage.tables import switches

        mine = (switches.c.target == stop.target) & switches.c.mode.in_(MODES)
        connection.execute(switches.delete().where(mine))
        taken = switches.select().where(switches.c.target == stop.target)
        if connection.execute(taken).first() is None:  # an ended access stays ended
            row = {"target": stop.target, "mode": stop.mode, "by": stop.by, "at": stop.at}
            connection.execute(switches.insert().values(**row, reason=stop.reason))

    return write


def _deleting(targets: list[str]) -> Callable[[Any], None]:
    def delete(connection: Any) -> None:
        from jupyter_mcp.storage.tables import switches

        mine = switches.c.target.in_(targets) & switches.c.mode.in_(MODES)
        connection.execute(switches.delete().where(mine))

    return delete
