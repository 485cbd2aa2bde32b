"""The token families of a server: in memory, and written through to the database.

So checking a token asks no database, and taking one back works at once: here, and at every other
server that shares the state folder.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.change_stamp import ChangeStamp
from jupyter_mcp.security.tokens.access_token import TokenRefused
from jupyter_mcp.security.tokens.family import TokenFamily
from jupyter_mcp.security.tokens.store import Exchange, TokenStore
from jupyter_mcp.storage.faults import remembering

if TYPE_CHECKING:
    from jupyter_mcp.security.ground import Ground
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.tokens.leases import Leases

_log = logging.getLogger(__name__)

FAMILIES_LIMIT = 10_000
"""How many families may be good at once."""

USE_SECONDS = 60.0
"""How often it is written down, at most, that tokens were used."""


class Families:
    """All families of one server.

    Args:
        ground: What it stands on.
        leases: What ends with a family.
        ended: Called whenever a family may not be good any more.
        clock: Tells the Unix time.
    """

    def __init__(
        self,
        ground: Ground,
        leases: Leases,
        ended: Callable[[], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ground = ground
        self._leases = leases
        self._ended = ended
        self._clock = clock
        self._store = TokenStore(ground.storage)
        self._stamp = ChangeStamp(ground.state / "tokens-changed")
        self._families: dict[str, TokenFamily] = {}
        self._by_secret: dict[str, str] = {}
        self._by_refresh: dict[str, str] = {}
        self._used: dict[str, float] = {}
        self._use_written = clock()

    def __contains__(self, family_id: str) -> bool:
        return family_id in self._families

    async def start(self) -> None:
        """Read the families; without them no token of ours is good.

        Raises:
            ToolError: The database cannot be opened at all.
        """
        self._stamp.has_changed()
        try:
            await self._load()
        except ToolError:
            raise
        except Exception:  # noqa: BLE001 - a broken database closes this door, not the server
            _log.exception("Tokens cannot be read, so all tokens of clients are refused.")

    async def stop(self) -> None:
        """Write down which tokens were used."""
        await self._write_use()

    async def catch_up(self) -> None:
        """Take over what another server of the same state folder did."""
        if self._stamp.has_changed():
            await self._load()

    def all(self) -> list[TokenFamily]:
        """Return all families, the newest first."""
        known = (
            replace(family, used=self._used.get(family.id, family.used))
            for family in self._families.values()
        )
        return sorted(known, key=lambda family: -family.created)

    def of_secret(self, secret_hash: str) -> str:
        """Return whose opaque token has this hash; empty for nobody's."""
        return self._by_secret.get(secret_hash, "")

    def of_refresh(self, refresh_hash: str) -> str:
        """Return whose refresh token has this hash; empty for nobody's, or a used one."""
        return self._by_refresh.get(refresh_hash, "")

    def live(
        self, family_id: str, now: float, unknown: str = "of a family that is not known"
    ) -> TokenFamily:
        """Return a family that is good.

        Raises:
            TokenRefused: When it is not, with the reason.
        """
        family = self._families.get(family_id)
        if family is None:
            raise TokenRefused(unknown, family_id)
        if family.revoked is not None:
            raise TokenRefused("revoked", family.id)
        if family.expires <= now:
            raise TokenRefused("expired", family.id)
        return family

    def end_of(self, maker: Principal) -> float | None:
        """Return when a maker's access ends: for a token of ours that of its whole family."""
        family = self._families.get(maker.token)
        return family.expires if family is not None else maker.expires

    def check_room(self, now: float) -> None:
        """Let another one be made.

        Raises:
            ToolError: ``unavailable`` when there are too many.
        """
        live = (f for f in self._families.values() if f.revoked is None and f.expires > now)
        if sum(1 for _ in live) >= FAMILIES_LIMIT:
            what = f"There are {FAMILIES_LIMIT} tokens already."
            raise ToolError("unavailable", what, "Revoke some that nobody needs.")

    async def add(self, family: TokenFamily, refresh_hash: str = "") -> None:
        """Keep a new family, and its first refresh token if it has any."""
        await self._store.add(family, refresh_hash)
        if family.secret_hash:
            self._by_secret[family.secret_hash] = family.id
        if refresh_hash:
            self._by_refresh[refresh_hash] = family.id
        self._families[family.id] = family
        await self._changed()

    async def exchange(self, old_hash: str, new_hash: str, now: float) -> Exchange:
        """Use a refresh token up; the one that follows it is kept when it was good."""
        exchange = await self._store.exchange(old_hash, new_hash, now)
        if exchange.outcome == "new":
            self._by_refresh.pop(old_hash, None)
            self._by_refresh[new_hash] = exchange.family
            await self._changed()
        return exchange

    async def end(self, family_id: str, reason: str) -> TokenFamily:
        """End a family and all that its tokens made, with everything that goes on for them.

        Raises:
            ToolError: ``not_found`` when there is none.
        """
        if family_id not in self._families:
            what = f"There is no token '{family_id[:64]}'."
            raise ToolError("not_found", what, "'jupyter mcp token list' shows their ids.")
        now = self._clock()
        ended = [
            family.ended(now, reason if family.id == family_id else f"made by token {family_id}")
            for family in self._descendants(family_id)
            if family.revoked is None
        ]
        self._families |= {family.id: family for family in ended}
        self._ended()
        for family in ended:  # before the database: it holds at once even where a disk is full
            self._leases.end(family.id)
        with remembering(f"Token '{family_id}' is revoked"):
            await self._store.end(ended)
            await self._changed()
        return self._families[family_id]

    def note_use(self, family_id: str, now: float) -> None:
        """Take note that a token of a family was seen."""
        self._used[family_id] = now
        if now - self._use_written >= USE_SECONDS:
            self._use_written = now
            self._ground.tasks.spawn("token use", self._write_use())

    async def _load(self) -> None:
        families, self._by_refresh = await self._store.load(self._clock())
        lost = {family.id for family in families if family.revoked is not None} & {
            family.id for family in self._families.values() if family.revoked is None
        }
        # What was read may be older than what was ended here meanwhile, and nothing undoes that.
        over = {each.id: each for each in self._families.values() if each.revoked is not None}
        self._families = {family.id: over.get(family.id, family) for family in families}
        self._by_secret = {f.secret_hash: f.id for f in families if f.secret_hash}
        self._ended()
        for family in lost:
            self._leases.end(family)

    async def _changed(self) -> None:
        await self._ground.threads.run(self._stamp.touch)

    def _descendants(self, family_id: str) -> list[TokenFamily]:
        """Return a family and those that its tokens made, and so on."""
        return [
            family
            for family in self._families.values()
            if family.id == family_id
            or any(maker.token == family_id for maker in family.maker.lineage())
        ]

    async def _write_use(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        for family in (self._families[each] for each in used if each in self._families):
            self._families[family.id] = replace(family, used=used[family.id])
        try:
            await self._store.note_use(used)
        except Exception as error:  # noqa: BLE001 - it is for people to see, no more
            _log.warning("When tokens were used could not be written: %s", error)
