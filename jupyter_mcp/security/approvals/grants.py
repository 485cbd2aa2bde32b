"""What a person has said yes to for longer than one call.

*For this session* means the same credential, client and tool; it is kept in memory, ends with the
process and after twelve hours without use. *Always* means the same principal, tool and arguments;
it is kept in the database until somebody forgets it. A grant lets a call pass that would ask; it
never lets one pass that the policy denies.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jupyter_mcp.storage import Storage

SESSION_SECONDS = 12 * 3600.0
"""After how long without use a yes for the session ends."""

SESSIONS_LIMIT = 1_000
"""How many of them are kept; the one that was used least lately goes."""

Length = Literal["session", "always"]
Session = tuple[str, str, str, str, str]
Exact = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Matter:
    """What makes two calls the same for whoever said yes.

    Args:
        principal: Identifier of who asks.
        credential: What stands for the credential that was shown.
        client: The client's name and version, as it told.
        tool: The tool.
        arguments_hash: SHA-256 of the arguments as canonical JSON.
        topic: Why somebody is asked; empty for the policy.
    """

    principal: str
    credential: str
    client: str
    tool: str
    arguments_hash: str
    topic: str = ""

    @property
    def session(self) -> Session:
        """What a yes for the session is found by."""
        return (self.principal, self.credential, self.client, self.tool, self.topic)

    @property
    def exact(self) -> Exact:
        """What a yes for always is found by."""
        return (self.principal, self.tool, self.arguments_hash)


@dataclass(frozen=True, slots=True)
class Grant:
    """A yes that is remembered.

    Args:
        id: Its identifier.
        length: For how long it holds.
        matter: What it is a yes to.
        summary: The arguments, readable; empty for a session.
        by: Who said it.
        at: Unix time when.
        used: Unix time of its last use.
    """

    id: str
    length: Length
    matter: Matter
    summary: str
    by: str
    at: float
    used: float


class Grants:
    """All grants of one runtime: looked up in memory, written through to the database.

    Args:
        storage: Where those for always lie.
        clock: Returns the Unix time.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._clock = clock
        self._sessions: OrderedDict[Session, Grant] = OrderedDict()
        self._always: dict[Exact, Grant] = {}

    async def start(self) -> None:
        """Read those for always."""
        nothing: list[dict[str, Any]] = []
        for row in await self._storage.read(_read, nothing, "approvals"):
            matter = Matter(row["principal"], "", "", row["tool"], row["arguments_hash"])
            grant = Grant(
                row["id"], "always", matter, row["summary"], row["by"], row["at"], row["at"]
            )
            self._always[matter.exact] = grant

    @property
    def all(self) -> list[Grant]:
        """Every grant that holds, the latest first."""
        self._drop_idle()
        return sorted(
            [*self._sessions.values(), *self._always.values()], key=lambda g: g.at, reverse=True
        )

    def find(self, matter: Matter) -> Grant | None:
        """Return the grant that covers `matter`, which counts as its use."""
        if (always := self._always.get(matter.exact)) is not None:
            return always
        grant = self._sessions.get(matter.session)
        if grant is None:
            return None
        now = self._clock()
        if now - grant.used > SESSION_SECONDS:
            del self._sessions[matter.session]
            return None
        grant = self._sessions[matter.session] = replace(grant, used=now)
        self._sessions.move_to_end(matter.session)
        return grant

    def add(self, length: Length, matter: Matter, summary: str, by: str) -> Grant:
        """Remember a yes from now on; `store` keeps it."""
        now = self._clock()
        shown = summary if length == "always" else ""
        grant = Grant(f"grant-{uuid.uuid4().hex[:10]}", length, matter, shown, by, now, now)
        if length == "always":
            self._always[matter.exact] = grant
        else:
            self._sessions[matter.session] = grant
            while len(self._sessions) > SESSIONS_LIMIT:
                self._sessions.popitem(last=False)
        return grant

    async def store(self, grant: Grant) -> None:
        """Write a grant for always to the database."""
        row = {
            "id": grant.id,
            "principal": grant.matter.principal,
            "tool": grant.matter.tool,
            "arguments_hash": grant.matter.arguments_hash,
            "summary": grant.summary,
            "by": grant.by,
            "at": grant.at,
        }

        def write(connection: Any) -> None:
            from jupyter_mcp.storage.tables import approvals

            connection.execute(approvals.insert().values(**row))

        await self._storage.run(write)

    async def forget(self, grant_id: str) -> Grant | None:
        """Take a grant back and return it; None when there is none of that identifier."""
        grant = next((each for each in self.all if each.id == grant_id), None)
        if grant is None:
            return None
        if grant.length == "session":
            self._sessions.pop(grant.matter.session, None)
            return grant
        self._always.pop(grant.matter.exact, None)

        def delete(connection: Any) -> None:
            from jupyter_mcp.storage.tables import approvals

            matter = grant.matter
            connection.execute(
                approvals.delete().where(
                    approvals.c.principal == matter.principal,
                    approvals.c.tool == matter.tool,
                    approvals.c.arguments_hash == matter.arguments_hash,
                )
            )

        await self._storage.run(delete)
        return grant

    def _drop_idle(self) -> None:
        limit = self._clock() - SESSION_SECONDS
        for key in [key for key, grant in self._sessions.items() if grant.used < limit]:
            del self._sessions[key]


def _read(connection: Any) -> list[dict[str, Any]]:
    from jupyter_mcp.storage.tables import approvals

    return [dict(row) for row in connection.execute(approvals.select()).mappings()]
