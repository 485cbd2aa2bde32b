"""Tokens for clients: made, checked, refreshed and taken back here.

What a token may do is in the record of its family, in memory, so that checking one asks no database
and taking one back works at once. A token never leaves this server for another one, and nothing
here keeps a token itself: only hashes, without salt, because all of a token is random.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security import private_file
from jupyter_mcp.security.canonical import sha256
from jupyter_mcp.security.change_stamp import ChangeStamp
from jupyter_mcp.security.tokens.access_token import (
    KEY_BYTES,
    LIMIT,
    REFRESH,
    STATIC,
    Signer,
    TokenRefused,
)
from jupyter_mcp.security.tokens.family import Form, TokenFamily
from jupyter_mcp.security.tokens.limits import granted
from jupyter_mcp.security.tokens.store import TokenStore
from jupyter_mcp.security.tokens.throttle import Throttle
from jupyter_mcp.storage.faults import remembering

if TYPE_CHECKING:
    from jupyter_mcp.security.ground import Ground
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.signals import Signals
    from jupyter_mcp.security.tokens.leases import Leases

_log = logging.getLogger(__name__)

MEMO_LIMIT = 1024
"""How many checked tokens are remembered until they expire."""

FAMILIES_LIMIT = 10_000
"""How many families may be good at once."""

USE_SECONDS = 60.0
"""How often it is written down, at most, that tokens were used."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens that were just made; they are kept nowhere else.

    Args:
        family: Their family.
        access_token: What a client shows.
        issued: Unix time at which that was made.
        access_expires: Unix time at which it ends.
        refresh_token: What it is exchanged for the next ones with; None for a static token.
    """

    family: TokenFamily
    access_token: str = field(repr=False)
    issued: float
    access_expires: float
    refresh_token: str | None = field(default=None, repr=False)


class Tokens:
    """The tokens of one server.

    Args:
        ground: What it stands on.
        signals: Where theft is told.
        leases: What ends when a token is taken back.
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
        self._store = TokenStore(ground.storage)
        self._stamp = ChangeStamp(ground.state / "tokens-changed")
        self._throttle = Throttle(clock)
        self._families: dict[str, TokenFamily] = {}
        self._by_secret: dict[str, str] = {}
        self._refresh: dict[str, str] = {}
        self._memo: OrderedDict[str, Principal] = OrderedDict()
        self._used: dict[str, float] = {}
        self._use_written = clock()
        self._signer: Signer | None = None
        self.known_toolsets: Callable[[], Iterable[str]] | None = None

    async def start(self) -> None:
        """Read the key and the families; without them no token of ours is good."""
        self._signer = await self._ground.threads.run(self._prepare)
        self._stamp.has_changed()
        try:
            await self._load()
        except Exception:  # noqa: BLE001 - a broken database closes this door, not the server
            _log.exception("Tokens cannot be read, so all tokens of clients are refused.")

    async def stop(self) -> None:
        """Write down which tokens were used."""
        await self._write_use()

    async def principal_of(self, shown: str) -> Principal:
        """Return who shows a token.

        Raises:
            TokenRefused: When it is not good, with the reason.
        """
        await self._catch_up()
        key = sha256(shown)
        now = self._clock()
        principal = self._memo.get(key)
        if principal is None:
            await self._load_library()
            principal = self._checked(shown, key, now)
            self._remember(key, principal)
        elif (principal.expires or 0) <= now:
            raise TokenRefused("expired", principal.token)
        self._note_use(principal.token, now)
        return principal

    async def create(
        self,
        maker: Principal,
        scopes: Iterable[str],
        *,
        toolsets: Iterable[str] | None = None,
        notebooks: Iterable[str] | None = None,
        expires_seconds: float,
        name: str = "",
        form: Form = "refreshing",
    ) -> Issued:
        """Make a token for a client.

        Raises:
            ToolError: ``invalid_arguments`` for what makes no sense, ``forbidden`` for more than
                its maker has, ``unavailable`` when there are too many.
        """
        now = self._clock()
        self._check_room(now)
        grant = granted(
            maker,
            scopes,
            toolsets,
            notebooks,
            name,
            expires=now + expires_seconds,
            now=now,
            maker_ends=self._end_of(maker),
            known_toolsets=self.known_toolsets,
        )
        family = TokenFamily(
            id=secrets.token_hex(8),
            name=grant.name,
            form=form,
            maker=maker,
            scopes=grant.scopes,
            toolsets=grant.toolsets,
            notebooks=grant.notebooks,
            created=now,
            expires=grant.expires,
        )
        return await (self._static(family) if form == "static" else self._refreshing(family))

    async def refresh(self, shown: str, address: str = "") -> Issued:
        """Exchange a refresh token for a new pair; one that is shown again ends its family.

        Raises:
            TokenRefused: When it is not good, with the reason.
        """
        await self._load_library()
        await self._catch_up()
        now, old = self._clock(), sha256(shown)
        if old in self._refresh:
            self._check_live(self._refresh[old], now)
        elif self._throttle.wait(address):
            raise TokenRefused("too many guesses")
        successor = REFRESH + secrets.token_urlsafe(32)
        exchange = await self._store.exchange(old, sha256(successor), now)
        if exchange.outcome != "new":
            self._throttle.miss(address)
            raise await self._not_exchanged(exchange.family, exchange.outcome == "reused", address)
        self._refresh.pop(old, None)
        self._refresh[sha256(successor)] = exchange.family
        await self._changed()
        family = self._check_live(exchange.family, now)
        self._note_use(exchange.family, now)
        return self._issued(family, now, successor)

    async def revoke(self, family_id: str, reason: str) -> TokenFamily:
        """End a family and all that its tokens made, with everything that goes on for them.

        Raises:
            ToolError: ``not_found`` when there is none.
        """
        await self._catch_up()
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
        self._memo.clear()
        for family in ended:  # before the database: it holds at once even where a disk is full
            self._leases.end(family.id)
        with remembering(f"Token '{family_id}' is revoked"):
            await self._store.end(ended)
            await self._changed()
        return self._families[family_id]

    async def families(self) -> list[TokenFamily]:
        """Return all families, the newest first."""
        await self._catch_up()
        known = (
            replace(family, used=self._used.get(family.id, family.used))
            for family in self._families.values()
        )
        return sorted(known, key=lambda family: -family.created)

    def retry_after(self, address: str) -> float:
        """Return for how many seconds an address has guessed enough refresh tokens."""
        return self._throttle.wait(address)

    def _prepare(self) -> Signer:
        """Read key and id, made at the first start."""
        state = self._ground.state
        key = private_file.read_or_create(
            state / "token-key", lambda: secrets.token_bytes(KEY_BYTES)
        )
        server = private_file.read_or_create(
            state / "server-id", lambda: secrets.token_hex(16).encode()
        )
        if len(key) != KEY_BYTES:
            raise ToolError(
                "unavailable", "The key of tokens is damaged.", f"Remove {state / 'token-key'}."
            )
        return Signer(server.decode().strip(), key, self._clock)

    async def _load_library(self) -> None:
        """Import what signs and checks, in a thread, when the first token is met: 2 MiB."""
        if "jwt" not in sys.modules:
            await self._ground.threads.run(import_module, "jwt")

    async def _load(self) -> None:
        families, self._refresh = await self._store.load(self._clock())
        lost = {family.id for family in families if family.revoked is not None} & {
            family.id for family in self._families.values() if family.revoked is None
        }
        self._families = {family.id: family for family in families}
        self._by_secret = {f.secret_hash: f.id for f in families if f.secret_hash}
        self._memo.clear()
        for family in lost:
            self._leases.end(family)

    async def _catch_up(self) -> None:
        """Take over what another server of the same state folder did."""
        if self._stamp.has_changed():
            await self._load()

    async def _changed(self) -> None:
        await self._ground.threads.run(self._stamp.touch)

    def _checked(self, shown: str, key: str, now: float) -> Principal:
        if len(shown) > LIMIT:
            raise TokenRefused("malformed")
        if shown.startswith(REFRESH):
            raise TokenRefused("a refresh token is not for calls", self._refresh.get(key, ""))
        if shown.startswith(STATIC):
            family = self._check_live(self._by_secret.get(key), now, unknown="not one of ours")
            return family.principal(family.expires)
        if self._signer is None:
            raise TokenRefused("tokens are not ready")
        claims = self._signer.read(shown)
        return self._check_live(claims.family, now).principal(claims.expires)

    def _check_live(
        self, family_id: str | None, now: float, unknown: str = "of a family that is not known"
    ) -> TokenFamily:
        family = self._families.get(family_id or "")
        if family is None:
            raise TokenRefused(unknown, family_id or "")
        if family.revoked is not None:
            raise TokenRefused("revoked", family.id)
        if family.expires <= now:
            raise TokenRefused("expired", family.id)
        return family

    async def _not_exchanged(self, family_id: str, was_used: bool, address: str) -> TokenRefused:
        """End the family of a token that was shown twice: one of the two is a thief."""
        if not was_used:
            return TokenRefused("not one of ours")
        self._signals.note("token_reused", token=family_id, remote=address)
        if family_id in self._families:
            await self.revoke(family_id, "a refresh token was used twice")
        return TokenRefused("reused", family_id)

    async def _static(self, family: TokenFamily) -> Issued:
        token = STATIC + secrets.token_urlsafe(32)
        family = replace(family, secret_hash=sha256(token))
        await self._store.add(family, "")
        self._by_secret[family.secret_hash] = family.id
        self._families[family.id] = family
        await self._changed()
        return Issued(family, token, family.created, family.expires)

    async def _refreshing(self, family: TokenFamily) -> Issued:
        await self._load_library()
        token = REFRESH + secrets.token_urlsafe(32)
        await self._store.add(family, sha256(token))
        self._refresh[sha256(token)] = family.id
        self._families[family.id] = family
        await self._changed()
        return self._issued(family, family.created, token)

    def _issued(self, family: TokenFamily, now: float, refresh_token: str) -> Issued:
        if self._signer is None:
            raise ToolError("unavailable", "Tokens are not ready.", "Start the server again.")
        expires = min(now + self._ground.settings.access_token_seconds, family.expires)
        signed = self._signer.sign(family.id, family.scopes, expires)
        return Issued(family, signed, now, float(int(expires)), refresh_token)

    def _descendants(self, family_id: str) -> list[TokenFamily]:
        """Return a family and those that its tokens made, and so on."""
        return [
            family
            for family in self._families.values()
            if family.id == family_id
            or any(maker.token == family_id for maker in family.maker.lineage())
        ]

    def _end_of(self, maker: Principal) -> float | None:
        """Return when the maker's access ends: for a token of ours that of its whole family."""
        family = self._families.get(maker.token)
        return family.expires if family is not None else maker.expires

    def _check_room(self, now: float) -> None:
        live = (f for f in self._families.values() if f.revoked is None and f.expires > now)
        if sum(1 for _ in live) >= FAMILIES_LIMIT:
            what = f"There are {FAMILIES_LIMIT} tokens already."
            raise ToolError("unavailable", what, "Revoke some that nobody needs.")

    def _remember(self, key: str, principal: Principal) -> None:
        while len(self._memo) >= MEMO_LIMIT:
            self._memo.popitem(last=False)
        self._memo[key] = principal

    def _note_use(self, family_id: str, now: float) -> None:
        self._used[family_id] = now
        if now - self._use_written >= USE_SECONDS:
            self._use_written = now
            self._ground.tasks.spawn("token use", self._write_use())

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
