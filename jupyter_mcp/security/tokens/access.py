"""Access that an administrator ended: of a person, a login or a token, until it is restored.

Whatever door somebody comes to, this is asked after who they are is known. The person whose server
it is never stays outside, whoever says so: their clients do. The names are kept in the table of
switches and in memory; a marker file tells, before anything else has started, that there is
somebody to keep out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.change_stamp import ChangeStamp
from jupyter_mcp.security.tokens.family import names_of, names_that_end
from jupyter_mcp.storage.faults import remembering

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.security.ground import Ground
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.signals import Signals
    from jupyter_mcp.security.tokens.leases import Leases

_log = logging.getLogger(__name__)

MODE = "ended"
"""What rows of ours say in the table of switches; the stop button has its own words."""

_TARGET = f"{MODE}:"
"""Begins the keys of our rows, so that the same client can be paused besides."""

NAME_LIMIT = 190


@dataclass(frozen=True, slots=True)
class Ended:
    """Whose access was ended.

    Args:
        who: Identifier, credential's fingerprint or token.
        by: Who ended it.
        at: Unix time.
        reason: Why.
    """

    who: str
    by: str
    at: float
    reason: str


def marker(state: Path) -> Path:
    """Return the file that is there as long as somebody's access is ended."""
    return state / "access-ended"


class Access:
    """Who has to stay outside.

    Args:
        ground: What it stands on.
        signals: Where it is told.
        leases: What ends with the access.
        clock: Tells the Unix time.
    """

    def __init__(
        self,
        ground: Ground,
        signals: Signals,
        leases: Leases,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ground = ground
        self._signals = signals
        self._leases = leases
        self._clock = clock
        self._stamp = ChangeStamp(marker(ground.state))
        self._ended: dict[str, Ended] = {}
        self._unwritten: dict[str, Ended] = {}

    async def start(self) -> None:
        """Read whose access was ended.

        Where that cannot be read although there is somebody to keep out, nothing starts.

        Raises:
            ToolError: The database cannot be opened at all.
        """
        somebody = self._stamp.has_changed()
        try:
            await self._load()
        except ToolError:
            raise
        except Exception:
            if somebody:
                raise
            _log.exception("Whose access was ended cannot be read; nobody's was, says the marker.")

    async def is_ended(self, principal: Principal) -> bool:
        """Return whether `principal` has to stay outside, by its own name or its makers'."""
        if self._stamp.has_changed():
            await self._load()
        ended = self._ended
        return bool(ended) and any(name in ended for name in names_that_end(principal))

    async def end(self, who: str, by: Principal, reason: str = "") -> Ended:
        """Keep `who` out from now on, and end what goes on for them.

        Raises:
            ToolError: ``invalid_arguments`` for nobody, ``conflict`` for the one who asks.
        """
        name = _checked(who)
        if name in names_of(by):
            what = "That is your own access: nobody could restore it."
            raise ToolError("conflict", what, "Let another administrator end it.")
        found = Ended(name, by.id, self._clock(), " ".join(reason.split())[:500])
        self._ended[name] = self._unwritten[name] = found
        self._leases.end(name)
        self._signals.note("access_ended", principal=name, by=by.id, reason=found.reason)
        with remembering(f"The access of '{name}' is ended"):
            await self._ground.storage.run(lambda connection: _keep(connection, found))
            self._unwritten.pop(name, None)
            await self._ground.threads.run(self._stamp.touch)
        return found

    async def restore(self, who: str) -> Ended:
        """Let `who` in again.

        Raises:
            ToolError: ``not_found`` when their access is not ended.
        """
        name = _checked(who)
        if name not in self._ended:
            what = f"The access of '{name}' is not ended."
            raise ToolError("not_found", what, "'jupyter mcp access list' shows whose is.")
        found = self._ended[name]
        await self._ground.storage.run(lambda connection: _forget(connection, name))
        self._unwritten.pop(name, None)
        self._ended.pop(name, None)
        await self._ground.threads.run(self._stamp.touch if self._ended else self._stamp.remove)
        return found

    def ended(self) -> list[Ended]:
        """Return whose access is ended, the newest first."""
        return sorted(self._ended.values(), key=lambda each: -each.at)

    async def _load(self) -> None:
        before = set(self._ended)
        nobody: dict[str, Ended] = {}
        found = await self._ground.storage.read(_load, nobody, "switches")
        self._ended = found | self._unwritten
        for name in self._ended.keys() - before:
            self._leases.end(name)


def _checked(who: str) -> str:
    name = who.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise ToolError(
            "invalid_arguments",
            "Say whose access: a principal's id, a credential or a token.",
            "The audit and 'jupyter mcp token list' show them.",
        )
    return name


def _load(connection: Connection) -> dict[str, Ended]:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import switches

    ours = select(switches).where(switches.c.mode == MODE)
    rows: Any = connection.execute(ours).mappings()
    found = [
        Ended(row["target"].removeprefix(_TARGET), row["by"], row["at"], row["reason"])
        for row in rows
    ]
    return {each.who: each for each in found}


def _keep(connection: Connection, ended: Ended) -> None:
    from jupyter_mcp.storage.tables import switches

    _forget(connection, ended.who)
    row = {
        "target": _TARGET + ended.who,
        "mode": MODE,
        "by": ended.by[:200],
        "at": ended.at,
        "reason": ended.reason,
    }
    connection.execute(switches.insert().values(row))


def _forget(connection: Connection, who: str) -> None:
    from jupyter_mcp.storage.tables import switches

    connection.execute(switches.delete().where(switches.c.target == _TARGET + who))
