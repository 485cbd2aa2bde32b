"""Where token families and refresh tokens are kept: the one file that speaks SQL about them.

A refresh token is exchanged by one conditional update, so that of two who show the same one, in
whatever process, exactly one gets a new pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mcp.security.recorded import from_json, to_json
from jupyter_mcp.security.tokens.family import TokenFamily
from jupyter_mcp.storage import Storage

if TYPE_CHECKING:
    from sqlalchemy import Connection

KEPT_SECONDS = 30 * 86_400
"""For how long families are shown after their end."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """How the exchange of a refresh token went.

    Args:
        outcome: ``new`` when it was good, ``reused`` when it had been exchanged before.
        family: Its family; empty for a token that was never ours.
    """

    outcome: Literal["new", "reused", "unknown"]
    family: str = ""


class TokenStore:
    """The tables of tokens.

    Args:
        storage: The database.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def load(self, now: float) -> tuple[list[TokenFamily], dict[str, str]]:
        """Forget what ended long ago; return all families, and theirs by refresh token's hash."""
        nothing: tuple[list[TokenFamily], dict[str, str]] = ([], {})
        load = partial(_load, before=now - KEPT_SECONDS)
        return await self._storage.read(load, nothing, "token_families", "refresh_tokens")

    async def add(self, family: TokenFamily, refresh_hash: str) -> None:
        """Keep a new family and its first refresh token, if it has any."""

        def work(connection: Connection) -> None:
            from jupyter_mcp.storage.tables import token_families

            connection.execute(token_families.insert().values(_row(family)))
            if refresh_hash:
                _add_refresh(connection, refresh_hash, family.id, family.created)

        await self._storage.run(work)

    async def exchange(self, old_hash: str, new_hash: str, now: float) -> Exchange:
        """Use a refresh token up and keep the one that follows it."""
        return await self._storage.run(lambda c: _exchange(c, old_hash, new_hash, now))

    async def end(self, families: list[TokenFamily]) -> None:
        """Keep that families were ended, and why."""

        def work(connection: Connection) -> None:
            from jupyter_mcp.storage.tables import token_families as table

            for family in families:
                ended = {"revoked": family.revoked, "reason": family.reason}
                connection.execute(table.update().where(table.c.id == family.id).values(ended))

        await self._storage.run(work)

    async def note_use(self, used: Mapping[str, float]) -> None:
        """Keep when families were last seen."""

        def work(connection: Connection) -> None:
            from jupyter_mcp.storage.tables import token_families as table

            for family, at in used.items():
                connection.execute(table.update().where(table.c.id == family).values(used=at))

        await self._storage.run(work)


def _load(connection: Connection, before: float) -> tuple[list[TokenFamily], dict[str, str]]:
    from sqlalchemy import delete, select

    from jupyter_mcp.storage.tables import refresh_tokens, token_families

    old = select(token_families.c.id).where(token_families.c.expires < before)
    if connection.execute(old.limit(1)).first() is not None:  # a full disk lets us read, not write
        connection.execute(delete(refresh_tokens).where(refresh_tokens.c.family.in_(old)))
        connection.execute(delete(token_families).where(token_families.c.expires < before))
    families = [_family(row) for row in connection.execute(select(token_families)).mappings()]
    unused = select(refresh_tokens).where(refresh_tokens.c.used.is_(None))
    return families, {row["hash"]: row["family"] for row in connection.execute(unused).mappings()}


def _exchange(connection: Connection, old_hash: str, new_hash: str, now: float) -> Exchange:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import refresh_tokens as table

    found = connection.execute(select(table.c.family).where(table.c.hash == old_hash)).scalar()
    if found is None:
        return Exchange("unknown")
    fresh = (table.c.hash == old_hash) & table.c.used.is_(None)
    if not connection.execute(table.update().where(fresh).values(used=now)).rowcount:
        return Exchange("reused", found)
    _add_refresh(connection, new_hash, found, now)
    return Exchange("new", found)


def _add_refresh(connection: Connection, refresh_hash: str, family: str, now: float) -> None:
    from jupyter_mcp.storage.tables import refresh_tokens

    row = {"hash": refresh_hash, "family": family, "created": now}
    connection.execute(refresh_tokens.insert().values(row))


def _row(family: TokenFamily) -> dict[str, Any]:
    return {
        "id": family.id,
        "name": family.name,
        "form": family.form,
        "maker": to_json(family.maker),
        "scopes": sorted(family.scopes),
        "toolsets": None if family.toolsets is None else sorted(family.toolsets),
        "notebooks": list(family.notebooks),
        "secret_hash": family.secret_hash,
        "created": family.created,
        "expires": family.expires,
        "used": family.used,
        "revoked": family.revoked,
        "reason": family.reason,
    }


def _family(row: Mapping[Any, Any]) -> TokenFamily:
    return TokenFamily(
        id=row["id"],
        name=row["name"],
        form=row["form"],
        maker=from_json(row["maker"]),
        scopes=frozenset(row["scopes"]),
        toolsets=None if row["toolsets"] is None else frozenset(row["toolsets"]),
        notebooks=tuple(row["notebooks"]),
        created=row["created"],
        expires=row["expires"],
        secret_hash=row["secret_hash"],
        used=row["used"],
        revoked=row["revoked"],
        reason=row["reason"],
    )
